"""`moln invoke` and the AWS CLI, as people type them."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness.events import Events, archive

AWS = pathlib.Path(sys.executable).with_name("aws")
SOURCE = """
def handler(event, context):
    print("seen", event)
    if event == "bad":
        raise ValueError("no good")
    return {"version": context.function_version, "event": event}
"""


@pytest.fixture
def events(moln, name):
    return Events(moln, name)


def test_invoke_prints_the_answer_and_the_log_beside_it(events, moln):
    function = events.function(source=SOURCE)
    done = moln.moln("invoke", function, "-p", '{"a": 1}', "--logs")
    assert json.loads(done.stdout) == {"version": "$LATEST", "event": {"a": 1}}
    lines = done.stderr.splitlines()
    assert lines[0].startswith("INIT_START ") or lines[0].startswith("START RequestId: ")
    assert "seen {'a': 1}" in lines and any(line.startswith("REPORT RequestId: ") for line in lines)
    done = moln.moln("invoke", function)
    assert (json.loads(done.stdout)["event"], done.stderr) == ({}, "")
    events.functions.publish_version(FunctionName=function)
    assert json.loads(moln.moln("invoke", function, "-q", "1").stdout)["version"] == "1"


def test_invoke_tells_failures_apart(events, moln):
    function = events.function(source=SOURCE)
    failed = moln.moln("invoke", function, "-p", '"bad"', check=False)
    assert (failed.returncode, json.loads(failed.stdout)["errorMessage"]) == (2, "no good")
    missing = moln.moln("invoke", "nobody", check=False)
    assert missing.returncode == 1 and "Function not found" in missing.stderr, missing.stderr
    refused = moln.moln("invoke", function, "-p", "{", check=False)
    assert refused.returncode == 1 and "could not parse" in refused.stderr.lower(), refused.stderr


@pytest.fixture
def aws(moln, tmp_path):
    def run(*arguments: str):
        command = [AWS, "--endpoint-url", moln.url, "lambda", *arguments]
        environment = moln.env | {"AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_the_first_page_of_the_manual(aws, name, tmp_path):
    function = name("f")
    (tmp_path / "code.zip").write_bytes(archive(SOURCE))
    made = aws(
        *("create-function", "--function-name", function, "--runtime", "python3.11", "--handler", "main.handler"),
        *("--zip-file", "fileb://code.zip", "--role", "arn:aws:iam::000000000000:role/r", "--tags", "team=cli"),
    )
    assert made["State"] == "Pending"
    aws("wait", "function-active-v2", "--function-name", function)
    answer = aws("invoke", "--function-name", function, "--payload", '{"a": 1}', "--log-type", "Tail", "out.json")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.loads((tmp_path / "out.json").read_text()) == {"version": "$LATEST", "event": {"a": 1}}
    assert function in [each["FunctionName"] for each in aws("list-functions")["Functions"]]
    aws("update-function-configuration", "--function-name", function, "--timeout", "9")
    aws("wait", "function-updated-v2", "--function-name", function)
    assert aws("get-function-configuration", "--function-name", function)["Timeout"] == 9
    assert aws("publish-version", "--function-name", function)["Version"] == "1"
    aws("create-alias", "--function-name", function, "--name", "live", "--function-version", "1")
    aws("invoke", "--function-name", f"{function}:live", "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["version"] == "1"
    aws("delete-function", "--function-name", function)
    assert function not in [each["FunctionName"] for each in aws("list-functions")["Functions"]]
