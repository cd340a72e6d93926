"""Our bootstrap for Python, against a scripted Runtime API. Texts are AWS's."""

import json
import re
import time

import pytest

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_answers_and_reuse(python):
    python.write(
        app_py="""
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return {"event": event, "calls": calls}
"""
    )
    function = python.start("app.handler")
    for call in range(1, 4):
        answer = function.invoke({"n": call, "text": "åäö"})
        assert answer.json == {"event": {"n": call, "text": "åäö"}, "calls": call}
        # From 3.12 on characters stand as they are.
        assert ("åäö".encode() in answer.body) == (python.minor >= 12)
    function.api.next_asked.acquire(timeout=5)
    assert (function.api.connections, function.api.pipelined) == (1, 3)


def test_values_that_are_not_plain_json(python):
    python.write(
        app_py="""
import decimal
def decimals(event, context):
    return {"exact": decimal.Decimal("1.10"), "many": [decimal.Decimal("3E+2")], "nan": decimal.Decimal("nan")}
def raw(event, context):
    return b"\\x00bytes"
def bad(event, context):
    return {1, 2}
def nothing(event, context):
    pass
"""
    )
    assert python.start("app.decimals").invoke({}).body == b'{"exact": 1.10, "many": [3E+2], "nan": NaN}'
    answer = python.start("app.raw").invoke({})
    assert (answer.body, answer.headers["Content-Type"]) == (b"\x00bytes", "application/unknown")
    assert python.start("app.bad").invoke({}).json["errorType"] == "Runtime.MarshalError"
    assert (
        python.start("app.bad").invoke({}).json["errorMessage"]
        == "Unable to marshal response: Object of type set is not JSON serializable"
    )
    assert python.start("app.nothing").invoke({}).body == b"null"


def test_context(python):
    python.write(
        app_py="""
import os
def handler(event, context):
    return {
        "left": context.get_remaining_time_in_millis(),
        "id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
        "version": context.function_version, "memory": context.memory_limit_in_mb,
        "group": context.log_group_name, "stream": context.log_stream_name,
        "custom": context.client_context.custom, "title": context.client_context.client.app_title,
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "trace": os.environ["_X_AMZN_TRACE_ID"], "cwd": os.getcwd(), "repr": repr(context),
    }
def bare(event, context):
    return [context.client_context, context.identity.cognito_identity_id]
"""
    )
    answer = (
        python.start("app.handler")
        .invoke(
            {},
            request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            headers={
                "Lambda-Runtime-Client-Context": json.dumps({"custom": {"a": "b"}, "client": {"app_title": "t"}}),
                "Lambda-Runtime-Cognito-Identity": json.dumps({"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}),
            },
        )
        .json
    )
    assert 0 < answer.pop("left") <= 3000
    assert answer.pop("repr").startswith(
        "LambdaContext([aws_request_id=8476a536-e9f4-11e8-9739-2dfe598c3fcd,log_group_name="
    )
    assert answer == {
        "id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "arn": "arn:aws:lambda:eu-north-1:000000000000:function:fn",
        "name": "fn",
        "version": "$LATEST",
        "memory": "128",
        "group": "/aws/lambda/fn",
        "stream": "2026/11/21/[$LATEST]0123",
        "custom": {"a": "b"},
        "title": "t",
        "identity": ["i", "p"],
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "cwd": str(python.code),
    }
    function = python.start("app.bare")
    assert function.invoke({}).json == [None, None]
    bad = function.invoke({}, headers={"Lambda-Runtime-Client-Context": "{no"})
    assert bad.json["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert bad.json["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_nested_handlers(python):
    python.write(
        src__api__users_py="def get(event, context):\n    return 'nested'\n",
        **{
            "package/__init__.py": "from .inner import handler\n",
            "package/inner.py": "def handler(event, context):\n    return 'package'\n",
        },
    )
    assert python.start("src/api/users.get").invoke({}).json == "nested"
    assert python.start("src.api.users.get").invoke({}).json == "nested"
    assert python.start("package.handler").invoke({}).json == "package"


def test_a_module_named_like_one_of_ours_is_the_functions(python):
    source = "def handler(event, context):\n    return __file__\n"
    python.write(loop_py=source, logging_py=source)
    assert python.start("loop.handler").invoke({}).json.endswith("task/loop.py")


@pytest.mark.parametrize(
    "handler, kind, message",
    [
        ("app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
        (
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        ("needs.handler", "Runtime.ImportModuleError", "Unable to import module 'needs': No module named 'left_out'"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken': "),
        (
            "app",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        ("throws.handler", "ValueError", "at import"),
    ],
)
def test_what_cannot_be_loaded(python, handler, kind, message):
    python.write(
        app_py="",
        broken_py="def handler(event, context):\n    return ]\n",
        throws_py="raise ValueError('at import')\n",
        needs_py="import left_out\n",
    )
    function = python.start(handler)
    answer = function.answer()
    assert answer.path.endswith("/init/error")
    assert answer.json["errorType"] == kind == answer.headers["Lambda-Runtime-Function-Error-Type"]
    assert answer.json["errorMessage"].startswith(message)
    assert answer.json["requestId"] == ""
    assert function.exit_status() == 1
    if kind == "Runtime.UserCodeSyntaxError":
        [trace] = answer.json["stackTrace"]
        assert trace.rstrip() == f'  File "{python.code}/broken.py" Line 2\n        return ]'
    if kind == "ValueError":
        assert answer.json["stackTrace"][-1].startswith(f'  File "{python.code}/throws.py", line 1, in <module>\n')
        assert not any("moln_runtime" in frame for frame in answer.json["stackTrace"])
    log = function.log()
    assert "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code." in log
    assert f"[ERROR] {kind}: {message}" in log


def test_errors_of_handlers(python):
    python.write(
        app_py="""
class Mine(Exception):
    pass
def inner():
    raise Mine("mine")
def handler(event, context):
    inner()
def leaves(event, context):
    import sys
    sys.exit(event)
def quits(event, context):
    exit(4)
"""
    )
    function = python.start("app.handler")
    answer = function.invoke({}, request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd")
    assert answer.is_error
    assert answer.json == {
        "errorMessage": "mine",
        "errorType": "Mine",
        "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "stackTrace": [
            f'  File "{python.code}/app.py", line 7, in handler\n    inner()\n',
            f'  File "{python.code}/app.py", line 5, in inner\n    raise Mine("mine")\n',
        ],
    }
    cause = json.loads(answer.headers["Lambda-Runtime-Function-XRay-Error-Cause"])
    assert cause["exceptions"][0]["message"] == "mine"
    assert function.invoke({}).json["errorType"] == "Mine"
    first = function.log().split("\n")[0].split("\r")
    assert first[:2] == ["[ERROR] Mine: mine", "Traceback (most recent call last):"]
    assert first[2] == f'\u00a0\u00a0File "{python.code}/app.py", line 7, in handler'
    function = python.start("app.leaves")
    function.send(3)
    assert function.exit_status() == 3
    function = python.start("app.quits")
    function.send({})
    assert function.exit_status() == 4


LOGS = """
import logging
logging.getLogger().setLevel("DEBUG") if not logging.getLogger().isEnabledFor(20) else None
def handler(event, context):
    print("printed")
    logging.debug("detail")
    logging.info("two\\nlines %s", "more")
    logging.getLogger("mine").warning("careful", extra={"order": 7})
    try:
        raise RuntimeError("bad")
    except RuntimeError:
        logging.exception("failed")
    context.log("by context\\n")
"""


def test_log_as_text(python):
    function = python.write(app_py=LOGS).start("app.handler")
    request_id = function.send({})
    function.answer()
    log = function.log()
    assert log.startswith("printed\n")
    for line in (
        rf"\[DEBUG\]\t{ISO}\t{request_id}\tdetail\n",
        rf"\[INFO\]\t{ISO}\t{request_id}\ttwo\nlines more\n",
        rf"\[WARNING\]\t{ISO}\t{request_id}\tcareful\n",
        rf"\[ERROR\]\t{ISO}\t{request_id}\tfailed\nTraceback",
        "by context\n",
    ):
        assert re.search(line, log), (line, log)


def wait_for(function, frames):
    """Frames come through a pipe of their own."""
    deadline = time.monotonic() + 5
    while len(function.frames) < frames and time.monotonic() < deadline:
        time.sleep(0.01)
    return function.frames


def test_log_in_frames(python):
    function = python.write(app_py=LOGS).start("app.handler", frames=True)
    request_id = function.send({})
    function.answer()
    frames = wait_for(function, 5)
    assert [frame.kind for frame in frames] == [0xA55A0003] * 5
    assert re.fullmatch(rf"\[INFO\]\t{ISO}\t{request_id}\ttwo\nlines more\n", frames[1].text)
    assert function.log() == "printed\n"


def test_log_as_json_with_levels(python):
    env = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    function = python.write(app_py=LOGS).start("app.handler", frames=True, env=env)
    request_id = function.send({})
    function.answer()
    frames = wait_for(function, 4)
    assert [frame.kind for frame in frames[:3]] == [0xA55A000E, 0xA55A0012, 0xA55A0016]
    lines = [json.loads(frame.text) for frame in frames[:3]]
    assert all(line["requestId"] == request_id for line in lines)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0]["timestamp"])
    assert (lines[0]["level"], lines[0]["message"], lines[0]["logger"]) == ("INFO", "two\nlines more", "root")
    assert (lines[1]["level"], lines[1]["order"], lines[1]["logger"]) == ("WARNING", 7, "mine")
    assert (lines[2]["errorType"], lines[2]["errorMessage"]) == ("RuntimeError", "bad")
    assert lines[2]["location"].startswith(f"{python.code}/app.py:handler:")
    assert isinstance(lines[2]["stackTrace"], list)


def test_errors_as_json(one_python):
    one_python.write(app_py="def handler(event, context):\n    raise KeyError('k')\n")
    function = one_python.start("app.handler", frames=True, env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    request_id = function.send({})
    function.answer()
    frame = wait_for(function, 1)[0]
    line = json.loads(frame.text)
    assert frame.kind == 0xA55A0016
    assert (line["level"], line["errorType"], line["errorMessage"], line["requestId"]) == (
        "ERROR",
        "KeyError",
        "'k'",
        request_id,
    )


def test_where_imports_look(python, tmp_path):
    version = f"python3.{python.minor}"
    layers = tmp_path / "layers"
    for place, name in (
        (layers / "python", "of_layer"),
        (layers / "python/lib" / version / "site-packages", "of_packages"),
        (layers / "python", "both"),
        (layers / "python/lib" / version / "site-packages", "both"),
    ):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.py").write_text(f"where = {str(place)!r}\n")
    python.write(
        app_py="""
import os, sys
import boto3, of_layer, of_packages, both
def handler(event, context):
    try:
        import pip
        pip = True
    except ImportError:
        pip = False
    return {"boto3": boto3.__file__, "both": both.where, "first": sys.path[:3], "pip": pip}
"""
    )
    answer = python.start("app.handler", layers=layers).invoke({}).json
    assert answer["boto3"].startswith(python.places["sdk"])
    assert answer["both"].endswith("site-packages")
    assert answer["first"] == [
        str(python.code),
        f"{layers}/python/lib/{version}/site-packages",
        f"{layers}/python",
    ]
    # Packages of this machine's interpreter are none of the function's.
    assert answer["pip"] is False


def test_environment_is_what_was_given(python):
    python.write(app_py="import os\ndef handler(event, context):\n    return dict(os.environ)\n")
    function = python.start("app.handler")
    answer = function.invoke({}).json
    extra = answer.keys() - function.environment.keys()
    assert extra <= {"_X_AMZN_TRACE_ID"} | ({"LC_CTYPE"} if python.minor >= 12 else set())


def test_a_prewarmed_process_becomes_its_function(python):
    python.write(
        app_py="""
import os, sys, time
import of_path
def handler(event, context):
    hour = time.localtime(0).tm_hour
    return {"env": dict(os.environ), "cwd": os.getcwd(), "hour": hour, "name": of_path.name, "path": sys.path,
            "bytecode": not sys.dont_write_bytecode}
""",
        own__of_path_py="name = 'of path'\n",
    )
    own = {"MINE": "1", "TZ": "Asia/Tokyo", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{python.code}/own:more"}
    cold = python.start("app.handler", env=own).invoke({}).json
    function = python.start("app.handler", assigned=True, cwd="/", env=own)
    time.sleep(0.3)
    assert function.process.poll() is None
    function.assign(python.code)
    answer = function.invoke({}).json
    assert (answer["cwd"], answer["hour"], answer["env"]["MINE"]) == (str(python.code), 9, "1")
    assert answer["env"].keys() == function.environment.keys() | {"_X_AMZN_TRACE_ID"}
    # The search path is read as Python starts: this one came later, and yet is the same.
    assert (answer["name"], answer["bytecode"]) == ("of path", False)
    assert answer["path"] == cold["path"]


def test_the_channel_is_nobodys_but_the_runtimes(python):
    python.write(
        app_py="""
import os, subprocess
def handler(event, context):
    child = subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, close_fds=False).stdout
    return {"names": [name for name in os.environ if name.startswith("MOLN")], "child": child.decode()}
"""
    )
    function = python.start("app.handler", channel=True)
    answer = function.invoke({}).json
    assert answer["names"] == []
    assert "socket:" not in answer["child"]
    assert function.invoke({}).json["names"] == []
    assert (function.api.connections, function.api.pipelined) == (1, 2)


def test_large_events_and_answers(one_python):
    one_python.write(app_py="def handler(event, context):\n    return event['text']\n")
    function = one_python.start("app.handler")
    text = "ö" * 900_000
    assert function.invoke({"text": text}).json == text
    assert function.invoke({"text": "small"}).json == "small"


def test_an_event_that_is_no_json(python):
    python.write(app_py="def handler(event, context):\n    return event\n")
    function = python.start("app.handler")
    answer = function.invoke(b"{not json").json
    assert answer["errorType"] == "Runtime.UnmarshalError"
    assert answer["errorMessage"].startswith("Unable to unmarshal input: ")
    assert function.invoke({"a": 1}).json == {"a": 1}
