"""The function's log: `logging` as lines or JSON, through the log descriptor with frames where there is one."""

import logging
import os
import sys
import time

from .marshal import to_json

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TEXT = 0xA55A0003
_JSON = 0xA55A0002
# What every log record has; the rest was given as `extra`.
_USUAL = {
    "name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text",
    "stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName", "processName",
    "process", "aws_request_id", "tenant_id", "taskName",
}  # fmt: skip
UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, "
    "a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, runtime updates "
    "can be triggered by a function change, or can be applied automatically. To determine if the runtime has been updated, "
    "check the runtime version in the INIT_START log entry. If this error correlates with a change in the runtime version, "
    "you may be able to mitigate this error by temporarily rolling back to the previous runtime version. For more "
    "information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


class Log:
    """Where records go; also sets up `logging` and unbuffers what is printed."""

    def __init__(self):
        self.request_id = ""
        self.json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        descriptor = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
        self._descriptor = None if descriptor is None else int(descriptor)
        sys.stdout = Unbuffered(sys.stdout)
        sys.stderr = Unbuffered(sys.stderr)
        self._set_up()

    def _set_up(self):
        logging.Formatter.converter = time.gmtime
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
        level = "DEBUG" if level == "TRACE" else level.upper()
        handler = Handler(self, framed=self.json or bool(level))
        if self.json:
            handler.setFormatter(JsonFormatter(self))
        else:
            line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
            handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
        root = logging.getLogger()
        # AWS's word for CRITICAL; `logging` knows it too.
        if isinstance(logging.getLevelName(level), int):
            root.setLevel(level)
        root.addHandler(handler)

    def write(self, text, level=0):
        """One event; `level` is that of `logging`, 0 for none."""
        if self._descriptor is None:
            sys.stdout.write(text)
            return
        body = text.encode("utf-8", "surrogateescape")
        kind = (_JSON if self.json else _TEXT) | (_frame_level(level) << 2)
        frame = kind.to_bytes(4, "big") + len(body).to_bytes(4, "big") + (time.time_ns() // 1000).to_bytes(8, "big")
        view = memoryview(frame + body)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def error(self, document):
        """What ended an invocation or the loading of the function."""
        if self.json:
            shown = {"timestamp": time.strftime(_TIME, time.gmtime()), "level": "ERROR", **document}
            lines = [to_json(shown)]
        else:
            lines = list(_error_lines(document))
        if self._descriptor is None:
            # Events end at a newline there; a carriage return keeps this one whole.
            sys.stdout.write("\r".join(lines) + "\n")
        else:
            self.write("\n".join(lines), logging.ERROR)


def _error_lines(document):
    kind, message = document["errorType"], document["errorMessage"]
    yield "[ERROR]" + (f" {kind}" if kind else "") + (":" if kind and message else "") + (f" {message}" if message else "")
    yield "Traceback (most recent call last):"
    for entry in document["stackTrace"]:
        for line in entry.splitlines() or [""]:
            bare = line.lstrip(" ")
            # No-break spaces: CloudWatch strips others.
            yield "\u00a0" * (len(line) - len(bare)) + bare


def _frame_level(level):
    """TRACE is 1, DEBUG 2 … FATAL 6; none is 0."""
    return 0 if level < 10 else min(level // 10, 5) + 1


class Handler(logging.Handler):
    """Hands records to the log."""

    def __init__(self, log, framed):
        super().__init__()
        self.log_sink = log
        self._framed = framed

    def emit(self, record):
        """Writes one record."""
        record.aws_request_id = self.log_sink.request_id
        self.log_sink.write(self.format(record), record.levelno if self._framed else 0)

    def log(self, msg):
        """Writes text as it is."""
        self.log_sink.write(msg)


class JsonFormatter(logging.Formatter):
    """One JSON object a record."""

    def __init__(self, log):
        super().__init__(datefmt=_TIME)
        self._log = log

    def format(self, record):
        """The line for a record."""
        level = min(50, max(0, record.levelno)) // 10 * 10
        line = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": logging.getLevelName(level),
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            kind, value, trace = record.exc_info
            line["stackTrace"] = _frames(trace)
            line["errorType"] = None if kind is None else kind.__name__
            line["errorMessage"] = str(value)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        line["requestId"] = self._log.request_id
        for name, value in record.__dict__.items():
            if name not in _USUAL and name not in line:
                line[name] = value
        line = {name: value for name, value in line.items() if value is not None}
        try:
            return to_json(line) + "\n"
        except (TypeError, ValueError):
            import json

            return json.dumps(line, ensure_ascii=False, default=str) + "\n"


def _frames(trace):
    import traceback

    return traceback.format_tb(trace)


class Unbuffered:
    """A stream that keeps nothing back."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def write(self, text):
        """Writes at once."""
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines):
        """Writes at once."""
        self.stream.writelines(lines)
        self.stream.flush()
