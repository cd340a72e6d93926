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


def test_awslambdaric(moln, name, system_python, tmp_path):
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
    function = name("ric")
    role = moln.client("iam").create_role(RoleName=function, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    client = moln.client("lambda")
    client.create_function(
        FunctionName=function,
        Runtime="provided.al2023",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": zipped(tmp_path)},
        Timeout=20,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    for number in range(3):
        answer = client.invoke(FunctionName=function, Payload=json.dumps({"n": number}))
        assert "FunctionError" not in answer
        body = json.loads(answer["Payload"].read())
        assert body["event"] == {"n": number}
        assert body["id"] == answer["ResponseMetadata"]["RequestId"]
        assert body["arn"].endswith(f":function:{function}")
    failed = client.invoke(FunctionName=function, Payload=json.dumps("fail"))
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "ValueError"
