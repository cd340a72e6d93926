"""The SAM CLI, unmodified: deploys, updates and removes an application of a SAM template."""

import json
import pathlib
import shutil
import subprocess
import uuid

import pytest

from harness.raw import send
from harness.server import ROOT
from harness.waiting import eventually

HERE = pathlib.Path(__file__).parent / "sam"
SAM = ROOT / "target" / "sam-cli" / "bin" / "sam"

pytestmark = pytest.mark.skipif(not SAM.exists(), reason="`make test-black-box` installs the SAM CLI")


@pytest.fixture
def sam(moln, tmp_path):
    """Runs `sam …` in a copy of the application."""
    home = tmp_path / "app"
    shutil.copytree(HERE, home)

    def run(*args: str) -> str:
        env = moln.env | {"SAM_CLI_TELEMETRY": "0", "HOME": str(tmp_path), "SAM_CLI_POLL_DELAY": "0.2"}
        done = subprocess.run([SAM, *args], cwd=home, env=env, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.home = home
    return run


def test_an_application_is_deployed_updated_and_removed(moln, sam):
    stack = f"sam-{uuid.uuid4().hex[:8]}"
    deploy = ["deploy", "--stack-name", stack, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
    deploy += ["--no-confirm-changeset"]
    assert f"Successfully created/updated stack - {stack}" in sam(*deploy)

    stacks = moln.client("cloudformation")
    (outputs,) = [stack["Outputs"] for stack in stacks.describe_stacks(StackName=stack)["Stacks"]]
    host = outputs[0]["OutputValue"].removeprefix("https://")
    answer = send("GET", f"{moln.url}/hello/Moln", headers={"Host": host}).json()
    assert answer["hello"] == "Moln"

    moln.client("sqs").send_message(QueueUrl=answer["queue"], MessageBody="a task")
    worker = stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Worker")["StackResourceDetail"]
    group = f"/aws/lambda/{worker['PhysicalResourceId']}"
    eventually(lambda: "worked on a task" in logged(moln.client("logs"), group))

    code = sam.home / "src" / "app.py"
    code.write_text(code.read_text().replace('["name"]', '["name"].upper()'))
    sam(*deploy)
    assert send("GET", f"{moln.url}/hello/Moln", headers={"Host": host}).json()["hello"] == "MOLN"

    sam("delete", "--stack-name", stack, "--no-prompts", "--region", "us-east-1")
    assert stack not in json.dumps(stacks.describe_stacks()["Stacks"], default=str)


def logged(logs, group: str) -> str:
    try:
        return "".join(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"])
    except logs.exceptions.ResourceNotFoundException:
        return ""
