"""Functions that misbehave: the caller gets AWS's words, the environment is replaced, and nobody else notices."""

import io
import json
import os
import pathlib
import stat
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness.events import Events, archive
from harness.waiting import eventually

SOURCE = """
import http.client, os, subprocess, sys, time
calls = 0
def api(path, body):
    connection = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
    connection.request('POST', '/2018-06-01/runtime/invocation/' + path, body)
    return connection.getresponse().status
def handler(event, context):
    global calls
    calls += 1
    if event == 'fail': raise ValueError('on purpose')
    if event == 'exit': os._exit(0)
    if event == 'abort': os.abort()
    if event == 'loop':
        while True: pass
    if event == 'large': return 'x' * 7_000_000
    if event == 'memory': return len(bytearray(400_000_000)) and [bytearray(b'x' * 10_000_000) for _ in range(40)] and 0
    if event == 'twice': return [api(context.aws_request_id + '/response', '"first"'), 'second']
    if event == 'other': return api('11111111-2222-3333-4444-555555555555/response', '1')
    if event == 'descriptors':
        kept = []
        try:
            while True: kept.append(open('/dev/null'))
        except OSError as why: return [len(kept) > 500, why.errno]
    if event == 'binary': os.write(1, bytes(range(256)) * 10)
    if event == 'loud':
        line = b'y' * 999 + b'\\n'
        for _ in range(100_000): os.write(1, line)
    if event == 'not json': return {1, 2}
    if isinstance(event, list): subprocess.Popen(event, start_new_session=True)
    return calls
"""


@pytest.fixture
def events(moln, name):
    return Events(moln, name)


@pytest.fixture
def call(events):
    function = events.function(source=SOURCE, Timeout=3, MemorySize=256)

    def call(event, **options):
        answer = events.functions.invoke(FunctionName=function, Payload=json.dumps(event), **options)
        return json.load(answer["Payload"]), answer.get("FunctionError")

    call.name = function
    return call


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ("exit", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ("abort", "Runtime.ExitError", "Error: Runtime exited with error: signal: aborted"),
        ("loop", "Sandbox.Timedout", "Error: Task timed out after 3.00 seconds"),
        ("memory", "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed"),
    ],
)
def test_what_ends_an_environment_is_told_and_the_next_call_begins_anew(call, event, kind, words):
    assert [call(0), call(0)] == [(1, None), (2, None)]
    told, error = call(event)
    assert error == "Unhandled" and told["errorType"] == kind, told
    assert told["errorMessage"].startswith("RequestId: ") and told["errorMessage"].endswith(words), told
    assert call(0) == (1, None)


def test_what_only_fails_leaves_its_environment(call):
    assert call("fail")[0]["errorType"] == "ValueError"
    told, error = call("large")
    assert error == "Unhandled" and told["errorType"] == "Function.ResponseSizeTooLarge", told
    assert "exceeded maximum allowed payload size (6291556 bytes)" in told["errorMessage"]
    told, error = call("not json")
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.MarshalError")
    assert call("descriptors") == ([True, 24], None)
    # The first answer is the answer; nobody answers for another invocation.
    assert call("twice") == ("first", None)
    assert call("other") == (400, None)
    assert call("binary") == (7, None), "one environment all along"


def test_a_hundred_megabytes_of_output_slow_nobody(call, events, moln):
    quiet = events.function(source="def handler(event, context):\n    return event\n")
    before = memory(moln)
    events.functions.update_function_configuration(FunctionName=call.name, Timeout=60)
    events.functions.get_waiter("function_updated_v2").wait(FunctionName=call.name, WaiterConfig={"Delay": 1})
    events.send(call.name, "loud")
    slowest = 0
    for number in range(50):
        started = time.monotonic()
        answer = events.functions.invoke(FunctionName=quiet, Payload=str(number))
        slowest = max(slowest, time.monotonic() - started)
        assert json.load(answer["Payload"]) == number
    assert slowest < 2
    logs = moln.client("logs")
    group = f"/aws/lambda/{call.name}"

    def reported():
        found = logs.filter_log_events(logGroupName=group, filterPattern="REPORT")
        return found["events"] or found.get("nextToken")

    eventually(reported, limit=60)
    assert memory(moln) - before < 300 << 20


def memory(server) -> int:
    """What the server's process holds, in bytes."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


@pytest.mark.parametrize(
    ("handler", "kind", "words"),
    [
        ("main.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'main'"),
        ("absent.handler", "Runtime.ImportModuleError", "Unable to import module 'absent'"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken'"),
        ("raising.handler", "ZeroDivisionError", "division by zero"),
        ("handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
    ],
)
def test_what_cannot_be_loaded_says_why(events, handler, kind, words):
    packed = io.BytesIO(archive(SOURCE))
    with zipfile.ZipFile(packed, "a") as files:
        files.writestr("broken.py", "def handler(:\n")
        files.writestr("raising.py", "1 / 0\n")
    function = events.function(source=SOURCE)
    functions = events.functions
    functions.update_function_code(FunctionName=function, ZipFile=packed.getvalue())
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    functions.update_function_configuration(FunctionName=function, Handler=handler)
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    for _ in range(2):
        answer = functions.invoke(FunctionName=function, Payload="{}")
        told = json.load(answer["Payload"])
        assert answer["FunctionError"] == "Unhandled"
        assert told["errorType"] == kind and words in told["errorMessage"], told


def link(to: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        files.writestr(entry, to)
    return packed.getvalue()


def named(path: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr(path, "x")
    return packed.getvalue()


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        for number in range(3):
            files.writestr(f"zeros{number}", bytes(100 << 20))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"no zip at all", "Could not unzip uploaded file."),
        (b"PK\x03\x04" + os.urandom(100), "Could not unzip uploaded file."),
        (b"", "Uploaded file must be a non-empty zip"),
        (named("../escaped"), "Could not unzip uploaded file."),
        (named("/etc/escaped"), "Could not unzip uploaded file."),
        (link("../../../etc/passwd"), "Could not unzip uploaded file."),
        (link("/etc/passwd"), "Could not unzip uploaded file."),
        (bomb(), "Unzipped size must be smaller than 262144000 bytes"),
    ],
    ids=["text", "damaged", "empty", "parent", "absolute", "link out", "absolute link", "bomb"],
)
def test_bad_zips_are_refused(events, code, words):
    with pytest.raises(ClientError) as refused:
        events.functions.create_function(
            FunctionName=events.name("f"),
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/lambda",
            Handler="main.handler",
            Code={"ZipFile": code},
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException" and words in error["Message"], error


def test_a_killed_server_leaves_no_process(fresh, name):
    mark = f"{100_000 + os.getpid()}.25"
    events = Events(fresh, name)
    function = events.function(source=SOURCE)
    answer = events.functions.invoke(FunctionName=function, Payload=json.dumps(["sleep", mark]))
    assert json.load(answer["Payload"]) == 1

    def running():
        lines = []
        for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return [line for line in lines if f"sleep {mark}" in line or str(fresh.data) in line]

    # Who starts a process is told before its command line can be read.
    eventually(lambda: any("sleep" in line for line in running()))
    fresh.kill()
    eventually(lambda: not running())
