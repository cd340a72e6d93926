"""The AWS command line's own deployment: `aws cloudformation package` and `deploy`."""

import json
import pathlib
import subprocess
import sys
import time

from harness.stacks import at_rest, outputs

AWS = pathlib.Path(sys.executable).with_name("aws")
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Delay: {Type: Number, Default: 2}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: !Ref Delay
  Hello:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      Role: !GetAtt Role.Arn
      Code: src
Outputs:
  Function: {Value: !Ref Hello}
  Queue: {Value: !Sub "${Jobs.QueueName}"}
"""


def aws(moln, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([AWS, *words], env=moln.env, capture_output=True, text=True, timeout=120)


def next_second() -> None:
    """The command line names its change sets by the second: two within one have the same name."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.02)


def test_package_and_deploy(moln, tmp_path, name):
    stack, bucket = name("s"), name("b")
    moln.client("s3").create_bucket(Bucket=bucket)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context):\n    return {'hello': event}\n")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    packed = tmp_path / "packed.yaml"
    words = ["--template-file", str(tmp_path / "template.yaml"), "--s3-bucket", bucket]
    done = aws(moln, "cloudformation", "package", *words, "--output-template-file", str(packed))
    assert done.returncode == 0, done.stderr
    deploy = ["cloudformation", "deploy", "--template-file", str(packed), "--stack-name", stack]
    done = aws(moln, *deploy, "--capabilities", "CAPABILITY_IAM", "--tags", "team=a")
    assert done.returncode == 0, done.stderr
    stacks = moln.client("cloudformation")
    made = at_rest(stacks, stack)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    function = outputs(made)["Function"]
    answer = moln.client("lambda").invoke(FunctionName=function, Payload=b'"x"')
    assert json.loads(answer["Payload"].read()) == {"hello": "x"}
    # The command line looks once in 30 seconds whether a stack is done: what follows changes nothing.
    quick = ["--no-execute-changeset", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM"]
    next_second()
    done = aws(moln, *deploy, *quick, "--tags", "team=a")
    assert done.returncode == 0 and "No changes to deploy" in done.stdout + done.stderr
    next_second()
    done = aws(moln, *deploy, *quick, "--tags", "team=a", "--parameter-overrides", "Delay=5")
    assert done.returncode == 0 and "describe-change-set" in done.stdout, done.stderr
    next_second()
    done = aws(moln, *deploy, "--no-execute-changeset", "--parameter-overrides", "Delay=6")
    assert done.returncode != 0 and "Requires capabilities : [CAPABILITY_IAM]" in done.stderr
