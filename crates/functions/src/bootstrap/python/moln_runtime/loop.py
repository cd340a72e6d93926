"""Invocation after invocation."""

import json
import logging
import os
import sys
import time

from . import errors, loading
from .api import RuntimeApi
from .context import Function, LambdaContext
from .logs import UNHANDLED, Log
from .marshal import from_json, to_json


def main():
    """The process' life. It ends with status 1 when the function cannot be loaded."""
    assignment = os.environ.pop("MOLN_ASSIGNMENT_FD", None)
    channel = os.environ.pop("MOLN_CHANNEL_FD", assignment)
    channel = None if channel is None else int(channel)
    if assignment is None:
        _tidy(dict(os.environ))
    else:
        _receive(channel)
    sys.path[:] = loading.search_path()
    _finish_interpreter()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"], channel)
    log = Log()
    handler = _load(api, log)
    function = Function()
    headers, body = api.next()
    while True:
        log.request_id = headers.get("lambda-runtime-aws-request-id", "")
        headers, body = _invoke(api, log, function, handler, headers, body)


def _receive(descriptor):
    """A pre-warmed process: blocks until it is told which function it is, and becomes it."""
    length = int.from_bytes(_exactly(descriptor, 4), "big")
    assignment = json.loads(_exactly(descriptor, length))
    os.environ.clear()
    os.environ.update(assignment["env"])
    time.tzset()
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(assignment["cwd"])


def _exactly(descriptor, length):
    data = b""
    while len(data) < length:
        part = os.read(descriptor, length - len(data))
        if not part:
            # Nobody will ever need this process.
            sys.exit(0)
        data += part
    return data


def _tidy(env):
    # Before 3.12 AWS's systems have the locale that LANG names, so the interpreter adds nothing to the environment.
    if sys.version_info < (3, 12) and env.get("LC_CTYPE") == "C.UTF-8":
        del os.environ["LC_CTYPE"]


def _finish_interpreter():
    """What `site` would have done: packages of this machine's interpreter stay hidden, the rest is as usual."""
    import builtins

    import _sitebuiltins

    end_of_file = "Ctrl-D (i.e. EOF)"
    builtins.exit = _sitebuiltins.Quitter("exit", end_of_file)
    builtins.quit = _sitebuiltins.Quitter("quit", end_of_file)
    if os.environ.get("PYTHONPATH") != os.environ.get("LAMBDA_RUNTIME_DIR"):
        try:
            import sitecustomize  # noqa: F401
        except ImportError as error:
            if error.name != "sitecustomize":
                raise


def _load(api, log):
    try:
        return loading.load(os.environ["_HANDLER"])
    except errors.Fault as fault:
        document = fault.document()
    except Exception:
        document, _ = errors.describe()
    logging.warning(UNHANDLED)
    log.error(document)
    api.fail_init(document["errorType"], to_json(document).encode())
    sys.exit(1)


def _invoke(api, log, function, handler, headers, body):
    """Runs the handler, answers, and gives the next invocation."""
    trace = headers.get("lambda-runtime-trace-id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        context = LambdaContext(
            function,
            headers,
            _header(headers, "lambda-runtime-client-context", "Client Context"),
            _header(headers, "lambda-runtime-cognito-identity", "Cognito Identity"),
            log.write,
        )
        result, content_type = _marshal(handler(_unmarshal(headers, body), context))
    except errors.Fault as fault:
        document, cause = fault.document(log.request_id), fault.cause()
    except Exception:
        document, cause = errors.describe(log.request_id)
    else:
        return api.respond(log.request_id, result, content_type)
    log.error(document)
    return api.fail(log.request_id, document["errorType"], to_json(document).encode(), to_json(cause))


def _header(headers, name, shown):
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise errors.Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {shown} JSON: {error}") from error


def _unmarshal(headers, body):
    if headers.get("content-type", "application/json") != "application/json":
        return body
    try:
        # The Runtime API's events are UTF-8; guessing that of bytes takes longer than reading a short event.
        return from_json(body.decode("utf-8", "surrogatepass"))
    except Exception as error:
        raise errors.Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def _marshal(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result).encode("utf-8", "surrogatepass"), "application/json"
    except Exception as error:
        raise errors.Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
