"""AWS's own runtime interface clients, unmodified, as `provided.al2023` functions."""

import io
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def zipped(directory: pathlib.Path) -> bytes:
    """A directory as a zip of code; everything in it may be executed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(directory)))
                entry.external_attr = 0o100755 << 16
                archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


@pytest.fixture
def system_python():
    """The interpreter that every sandbox sees: the one in /usr."""
    program = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("this machine has no Python in /usr")
    version = subprocess.run(
        [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return program, version.stdout.strip()


@pytest.fixture
def provided(moln, name):
    """Makes a function that brings its runtime along."""

    def make(code=None, directory=None, handler="app.handler"):
        function = name("ric")
        role = moln.client("iam").create_role(RoleName=function, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        client = moln.client("lambda")
        client.create_function(
            FunctionName=function,
            Runtime="provided.al2023",
            Role=role,
            Handler=handler,
            Code={"ZipFile": code} if code else {"S3Bucket": "hot-reload", "S3Key": str(directory)},
            Timeout=20,
            MemorySize=256,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
        return function

    return make


def built(path: str) -> pathlib.Path:
    """What tools/official_runtimes.sh made."""
    found = pathlib.Path(__file__).parents[2] / "target/official" / path
    if not found.exists():
        pytest.skip("not built: make target/official/.ready")
    return found


def exercise(moln, function):
    """Calls it a few times; it answers with the event and what it knows of the invocation."""
    for number in range(3):
        answer = moln.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"n": number}))
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        assert body["event"] == {"n": number}
        assert body["id"] == answer["ResponseMetadata"]["RequestId"]
        assert body["arn"].endswith(f":function:{function}")


def fails(moln, function, event):
    """Calls it with an event upon which it fails."""
    answer = moln.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert answer["FunctionError"] == "Unhandled"
    return json.loads(answer["Payload"].read())


def test_awslambdaric(moln, provided, system_python, tmp_path):
    program, version = system_python
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", str(tmp_path)]
        + [f"--python-version={version}", "awslambdaric==4.2.2"],
        check=True,
        timeout=300,
    )
    (tmp_path / "bootstrap").write_text(
        f'#!/bin/sh\nexport PYTHONPATH=/var/task\nexec {program} -m awslambdaric "$_HANDLER"\n'
    )
    (tmp_path / "app.py").write_text(
        "def handler(event, context):\n"
        "    if event == 'fail':\n        raise ValueError('on purpose')\n"
        "    return {'event': event, 'id': context.aws_request_id, 'arn': context.invoked_function_arn}\n"
    )
    function = provided(code=zipped(tmp_path))
    exercise(moln, function)
    assert fails(moln, function, "fail")["errorType"] == "ValueError"


def test_aws_lambda_ric(moln, provided, tmp_path):
    task = tmp_path / "task"
    shutil.copytree(built("node/task"), task)
    (task / "bootstrap").write_text(
        '#!/bin/sh\nexec /var/task/node /var/task/node_modules/aws-lambda-ric/index.mjs "$_HANDLER"\n'
    )
    (task / "bootstrap").chmod(0o755)
    (task / "app.mjs").write_text(
        "export const handler = async (event, context) => {\n"
        "  if (event === 'fail') throw new RangeError('on purpose');\n"
        "  if (event === 'exit') process.exit(3);\n"
        "  return { event, id: context.awsRequestId, arn: context.invokedFunctionArn };\n"
        "};\n"
        "export const streamed = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  for (const part of event) stream.write(part);\n"
        "  stream.end();\n"
        "});\n"
    )
    function = provided(directory=task)
    exercise(moln, function)
    failed = fails(moln, function, "fail")
    assert failed["errorType"] == "RangeError" and failed["trace"]
    assert "exit status 3" in fails(moln, function, "exit")["errorMessage"]
    exercise(moln, function)
    function = provided(directory=task, handler="app.streamed")
    stream = moln.client("lambda").invoke_with_response_stream(FunctionName=function, Payload=json.dumps(["a", "b"]))
    parts = [event["PayloadChunk"]["Payload"] for event in stream["EventStream"] if "PayloadChunk" in event]
    assert b"".join(parts) == b"ab"


def test_lambda_runtime_of_rust(moln, provided, tmp_path):
    shutil.copy(built("rust/debug/bootstrap"), tmp_path / "bootstrap")
    function = provided(code=zipped(tmp_path))
    exercise(moln, function)
    assert fails(moln, function, "fail")["errorMessage"] == "on purpose"
    assert "out of order" in fails(moln, function, "panic")["errorMessage"]
    exercise(moln, function)
