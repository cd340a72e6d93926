"""`moln deploy`, `info`, `remove`, `template`, `up`: a directory with a template becomes a stack."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest

from harness.server import BINARY, ROOT, free_port

TEMPLATE = """\
Parameters:
  Delay:
    Type: Number
    Default: 0
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: !Ref Delay
Outputs:
  JobsUrl:
    Value: !Ref Jobs
"""


@pytest.fixture
def application(tmp_path) -> pathlib.Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path


@pytest.fixture
def stack(moln):
    """A new stack's name; the stack is gone afterwards."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    yield name
    moln.client("cloudformation").delete_stack(StackName=name)


def write(directory: pathlib.Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def lines(done: subprocess.CompletedProcess) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_template_is_deployed_changed_shown_and_removed(moln, application, stack):
    done = moln.moln("deploy", str(application), "--stack", stack)
    assert "made    Jobs" in done.stdout and "Deployed in" in done.stdout, done.stdout
    (url,) = moln.client("sqs").list_queues(QueueNamePrefix=f"{stack}-Jobs")["QueueUrls"]
    assert url in done.stdout

    assert "Nothing has changed." in moln.moln("deploy", str(application), "--stack", stack).stdout

    done = moln.moln("deploy", str(application), "--stack", stack, "--param", "Delay=7", "--json")
    shown = lines(done)
    (event,) = [line for line in shown if line.get("resource") == "Jobs" and line["event"] == "UPDATE_COMPLETE"]
    assert event["type"] == "AWS::SQS::Queue" and event["reason"] is None
    # Times are those of the events, by the server's clock.
    recorded = moln.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    (at,) = [
        one["Timestamp"].timestamp()
        for one in recorded
        if (one["LogicalResourceId"], one["ResourceStatus"]) == ("Jobs", "UPDATE_COMPLETE")
    ]
    assert event["time"] == round(at * 1000)
    assert shown[-1]["outputs"] == {"JobsUrl": url} and shown[-1]["queues"] == {"Jobs": url}
    attributes = moln.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert attributes["Attributes"] == {"DelaySeconds": "7"}

    assert lines(moln.moln("info", "--stack", stack, "--json"))[0]["queues"] == {"Jobs": url}
    assert "Removed." in moln.moln("remove", "--stack", stack).stdout
    assert moln.moln("info", "--stack", stack, check=False).returncode == 1


def test_what_was_made_stays_without_rollback(moln, application, stack):
    broken = TEMPLATE.replace("Resources:", "Resources:\n  First:\n    Type: AWS::SQS::Queue")
    broken = broken.replace("Properties:", "DependsOn: First\n    Properties:").replace("!Ref Delay", "1000")
    (application / "template.yaml").write_text(broken)
    done = moln.moln("deploy", str(application), "--stack", stack, "--disable-rollback", check=False)
    assert done.returncode == 1
    assert f"the stack {stack} ended as CREATE_FAILED" in done.stderr and "made stays" in done.stderr, done.stderr
    assert len(moln.client("sqs").list_queues(QueueNamePrefix=f"{stack}-First")["QueueUrls"]) == 1
    # It goes on from there.
    (application / "template.yaml").write_text(broken.replace("1000", "10"))
    assert "Deployed in" in moln.moln("deploy", str(application), "--stack", stack).stdout


def test_nested_templates_are_deployed_with_the_files_they_name(moln, application, stack):
    write(
        application,
        {
            "template.yaml": "Resources:\n  Child:\n    Type: AWS::CloudFormation::Stack\n"
            "    Properties: {TemplateURL: ./child/child.yaml}\n"
            "Outputs:\n  Name: {Value: !GetAtt Child.Outputs.Name}\n",
            "child/child.yaml": "Transform: AWS::Serverless-2016-10-31\nResources:\n  Work:\n"
            "    Type: AWS::Serverless::Function\n"
            "    Properties: {Runtime: python3.13, Handler: work.handler, CodeUri: code}\n"
            "Outputs:\n  Name: {Value: !Ref Work}\n",
            "child/code/work.py": "def handler(event, context):\n    return 'from the child'\n",
        },
    )
    shown = lines(moln.moln("deploy", str(application), "--stack", stack, "--json"))
    name = shown[-1]["outputs"]["Name"]
    assert json.loads(moln.moln("invoke", name).stdout) == "from the child"
    # What changes in the child only is a change of the whole.
    (application / "child/code/work.py").write_text("def handler(event, context):\n    return 'changed'\n")
    moln.moln("deploy", str(application), "--stack", stack)
    assert json.loads(moln.moln("invoke", name).stdout) == "changed"


def test_what_was_removed_can_be_deployed_again_at_once(moln, application, stack):
    named = TEMPLATE.replace("Properties:", f"Properties:\n      QueueName: {stack}-named")
    (application / "template.yaml").write_text(named)
    for _ in range(2):
        moln.moln("deploy", str(application), "--stack", stack)
        moln.moln("remove", "--stack", stack)


def test_a_failed_deployment_says_why_and_leaves_nothing(moln, application, stack):
    (application / "template.yaml").write_text(TEMPLATE.replace("!Ref Delay", "1000"))
    done = moln.moln("deploy", str(application), "--stack", stack, check=False)
    assert done.returncode == 1
    assert "✗ Jobs" in done.stdout and "DelaySeconds" in done.stdout, done.stdout
    assert f"the stack {stack} ended as ROLLBACK_COMPLETE" in done.stderr
    # The name is free for the next try.
    (application / "template.yaml").write_text(TEMPLATE)
    assert "Deployed in" in moln.moln("deploy", str(application), "--stack", stack).stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources:\n  Q:\n    Type: AWS::No::Such\n", "template.yaml:2:3: Resources.Q"),
        (
            "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {Nonsense: 1}}",
            "template.yaml:2:43: Resources.Q.Properties.Nonsense",
        ),
        ("Resources:\n\t- a\n", "template.yaml:2:"),
        ("{", "template.yaml:1:"),
    ],
)
def test_what_is_wrong_is_named(moln, application, stack, text, said):
    (application / "template.yaml").write_text(text)
    done = moln.moln("deploy", str(application), "--stack", stack, check=False)
    assert done.returncode != 0
    assert said in done.stderr + done.stdout


def test_a_directory_without_a_deployment_file(moln, tmp_path):
    done = moln.moln("deploy", str(tmp_path), check=False)
    assert done.returncode == 2
    assert "serverless.yml" in done.stderr


def test_the_template_is_printed(moln, application):
    template = json.loads(moln.moln("template", str(application)).stdout)
    assert template["Outputs"]["JobsUrl"]["Value"] == {"Ref": "Jobs"}


def test_the_template_is_printed_written_out(moln, application, stack):
    write(
        application,
        {
            "template.yaml": "Transform: AWS::Serverless-2016-10-31\nResources:\n  Work:\n"
            "    Type: AWS::Serverless::Function\n"
            "    Properties: {Runtime: python3.13, Handler: work.handler}\n",
            "work.py": "def handler(event, context): pass\n",
        },
    )
    printed = json.loads(moln.moln("template", str(application), "--stack", stack).stdout)
    assert "Transform" not in printed and printed["Resources"]["WorkRole"]["Type"] == "AWS::IAM::Role"
    code = printed["Resources"]["Work"]["Properties"]["Code"]
    # It is the template that is deployed, with the objects that are uploaded.
    moln.moln("deploy", str(application), "--stack", stack)
    made = moln.client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    assert made["Resources"] == printed["Resources"]
    moln.client("s3").head_object(Bucket=code["S3Bucket"], Key=code["S3Key"])
    service = json.loads(moln.moln("template", str(ROOT / "systems/queue-tutorial/step-1")).stdout)
    assert service["Resources"]["ApiLambdaFunction"]["Properties"]["Code"]["S3Key"].endswith(".zip")


SERVICE = """\
service: errors
provider:
  name: aws
  runtime: nodejs20.x
functions:
  work:
    handler: index.handler
"""


@pytest.mark.parametrize("command", ["deploy", "up"])
@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"serverless.yml": SERVICE + "    memorysize: 512\n"},
            'serverless.yml:8:5: functions.work.memorysize: the key "memorysize" is not known: did you mean "memorySize"?',
        ),
        (
            {"serverless.yml": SERVICE + "    environment:\n      URL: ${env:NOWHERE}\n"},
            "serverless.yml:9:12: functions.work.environment.URL: the variable cannot be resolved",
        ),
        (
            {"serverless.yml": SERVICE.replace("index", "src/main")},
            "serverless.yml:7:5: functions.work.handler: the handler's file src/main.js does not exist",
        ),
        (
            {"serverless.yml": SERVICE, "index.js": "const fs = require('fs');\nconst axios = require('axios');\n"},
            "index.js:2:23: functions.work.handler: index.js asks for the module axios, which is not in the package",
        ),
        (
            {"template.yaml": "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Propertys: {}\n"},
            "template.yaml:",
        ),
    ],
)
def test_errors_name_file_line_and_path(moln, tmp_path, command, files, said):
    write(tmp_path, {"index.js": "exports.handler = async () => 1;\n"} | files)
    done = moln.moln(command, str(tmp_path), check=False)
    assert done.returncode == 2
    assert f"{tmp_path}/{said}" in done.stderr, done.stderr


def test_up_starts_a_server_and_follows_changes(moln, application, tmp_path):
    port = free_port()
    up = subprocess.Popen(
        [BINARY, "up", str(application), "--stack", "up", "--endpoint", f"http://127.0.0.1:{port}"]
        + ["--data", str(tmp_path / "data"), "--json"],
        env=moln.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = iter(json.loads(line) for line in up.stdout)
        until(told, lambda line: "queues" in line)
        (application / "template.yaml").write_text(TEMPLATE.replace("Default: 0", "Default: 5"))
        until(told, lambda line: line.get("event") == "UPDATE_COMPLETE" and line["resource"] == "Jobs")
        # A broken file is told, and what runs goes on.
        (application / "template.yaml").write_text("Resources: [")
        until(told, lambda line: "problem" in line)
        (application / "template.yaml").write_text(TEMPLATE)
        until(told, lambda line: line.get("event") == "UPDATE_COMPLETE" and line["resource"] == "Jobs")
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(20) == 0
    with pytest.raises(OSError):
        os.stat(f"/proc/{up.pid}")
    deadline = time.monotonic() + 10
    while listening(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listening(port), "the server that was started has ended"


def test_up_shows_every_line_while_files_change(moln, tmp_path, name):
    directory, function = tmp_path / "counts", name("counts")
    directory.mkdir()
    code = "def handler(event, context):\n    print('number', event)\n"
    properties = {"FunctionName": function, "Runtime": "python3.11", "Handler": "index.handler"}
    properties |= {"Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": code}}
    file = directory / "template.json"

    def describe(text: str):
        made = {"Type": "AWS::Lambda::Function", "Properties": properties | {"Description": text}}
        file.write_text(json.dumps({"Resources": {"Counts": made}}))

    describe("first")
    command = [BINARY, "up", str(directory), "--stack", function, "--endpoint", moln.url, "--json"]
    up = subprocess.Popen(command, env=moln.env, stdout=subprocess.PIPE, text=True)
    patience = threading.Timer(60, up.kill)
    patience.start()
    try:
        told = (json.loads(line) for line in up.stdout)
        until(told, lambda line: "functions" in line)
        functions = moln.client("lambda")
        for round in range(3):
            describe(f"round {round}")
            for number in range(10):
                functions.invoke(FunctionName=function, Payload=str(round * 10 + number).encode())
                time.sleep(0.03)
        missing = {f"number {number}" for number in range(30)}
        until(told, lambda line: missing.discard(line.get("log")) or not missing)
    finally:
        patience.cancel()
        up.send_signal(signal.SIGINT)
        assert up.wait(20) == 0


def until(told, found) -> dict:
    return next(line for line in told if found(line))


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


TRAP = """\
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 10
  Work:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Timeout: 20
      Role: arn:aws:iam::000000000000:role/work
      Code: {ZipFile: "def handler(event, context): pass"}
  FromJobs:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Jobs.Arn, FunctionName: !Ref Work}
"""


def test_traps_are_found_before_they_are_deployed(moln, tmp_path):
    (tmp_path / "template.yaml").write_text(TRAP)
    done = moln.moln("check", str(tmp_path), "--json", check=False)
    assert done.returncode == 1
    (found,) = lines(done)
    assert found["rule"] == "queue-visibility" and found["line"] == 5 and found["file"].endswith("template.yaml")
    text = moln.moln("check", str(tmp_path), check=False).stdout
    assert "template.yaml:5:" in text and "docs/checks/queue-visibility.md" in text
    assert moln.moln("check", str(tmp_path), "--ignore", "queue-visibility").stdout == "No trap was found.\n"
    assert "there is no rule nonsense" in moln.moln("check", "--ignore", "nonsense", check=False).stderr
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    assert moln.moln("check", str(tmp_path)).stdout == "No trap was found.\n"


def test_traps_of_a_service_are_found_in_its_file_and_its_code(moln, tmp_path):
    write(tmp_path, {"serverless.yml": SERVICE.replace("20", "16"), "index.js": "// first\nrequire('axios');\n"})
    found = lines(moln.moln("check", str(tmp_path), "--json", check=False))
    assert [(one["rule"], pathlib.Path(one["file"]).name, one["line"], one["path"]) for one in found] == [
        ("module-missing", "index.js", 2, "functions.work.handler"),
        ("runtime-retired", "serverless.yml", 4, "provider.runtime"),
    ]
    assert all((ROOT / one["page"]).is_file() for one in found)
