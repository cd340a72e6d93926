"""Custom resources, wait conditions, nested stacks: what goes on outside of the service and comes back."""

import json
import urllib.request

import pytest

from harness.stacks import at_rest, create, delete, events, outputs, template, update
from harness.waiting import eventually

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CODE = """
import json, urllib.request

def handler(event, context):
    given = event["ResourceProperties"]
    failed = given.get("Fail") == "true" and event["RequestType"] != "Delete"
    body = {
        "Status": "FAILED" if failed else "SUCCESS",
        "Reason": "as it was told to",
        "PhysicalResourceId": given.get("Id", "thing"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Echo": json.dumps(given, sort_keys=True), "Type": event["RequestType"]},
    }
    print("ASKED", event["RequestType"], event.get("PhysicalResourceId"), event["ResourceType"])
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request).read()
"""


@pytest.fixture
def stacks(moln):
    return moln.client("cloudformation")


def with_function(resources: dict) -> dict:
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": "Role.Arn"},
                "Code": {"ZipFile": CODE},
            },
        },
    } | resources


def thing(**properties) -> dict:
    return {
        "Type": "Custom::Thing",
        "Properties": {"ServiceToken": {"Fn::GetAtt": "Function.Arn"}} | properties,
    }


def test_a_function_makes_changes_and_removes_a_custom_resource(moln, stacks, name):
    stack, capable = name("s"), {"Capabilities": ["CAPABILITY_IAM"]}
    seen = {
        "Ref": {"Value": {"Ref": "Thing"}},
        "Echo": {"Value": {"Fn::GetAtt": "Thing.Echo"}},
        "Type": {"Value": {"Fn::GetAtt": "Thing.Type"}},
    }
    body = template(with_function({"Thing": thing(Flag=True, Number=3, Id="one")}), seen)
    made = create(stacks, stack, body, **capable)
    assert made["StackStatus"] == "CREATE_COMPLETE", events(stacks, stack)
    out = outputs(made)
    given = json.loads(out["Echo"])
    assert (out["Ref"], out["Type"], given["Flag"], given["Number"]) == ("one", "Create", "true", "3")
    # Another physical id means another resource: the old one is removed when the update has succeeded.
    body = template(with_function({"Thing": thing(Flag=False, Id="two")}), seen)
    changed = update(stacks, stack, body, **capable)
    assert (changed["StackStatus"], outputs(changed)["Ref"]) == ("UPDATE_COMPLETE", "two")
    failing = template(with_function({"Thing": thing(Fail=True, Id="two")}), seen)
    failed = update(stacks, stack, failing, **capable)
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [reason for logical, status, reason in events(stacks, stack) if status == "UPDATE_FAILED"]
    assert reasons[0].startswith(
        "Received response status [FAILED] from custom resource. Message returned: as it was told to (RequestId: "
    )
    function = stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Function")
    group = f"/aws/lambda/{function['StackResourceDetail']['PhysicalResourceId']}"
    assert delete(stacks, stack)["StackStatus"] == "DELETE_COMPLETE"

    def asked():
        found = moln.client("logs").filter_log_events(logGroupName=group, filterPattern="ASKED")["events"]
        lines = [event["message"].strip() for event in found]
        return lines if any("Delete two" in line for line in lines) else None

    lines = eventually(asked)
    assert "ASKED Create None Custom::Thing" in lines
    assert "ASKED Update one Custom::Thing" in lines
    assert "ASKED Delete one Custom::Thing" in lines


def test_a_custom_resource_that_never_answers_times_out_by_the_clock(movable, name):
    stacks, stack = movable.client("cloudformation"), name("s")
    silent = with_function({"Thing": thing(ServiceTimeout=600)})
    silent["Function"]["Properties"]["Code"]["ZipFile"] = "def handler(event, context):\n    pass\n"
    stacks.create_stack(StackName=stack, TemplateBody=template(silent), Capabilities=["CAPABILITY_IAM"])
    eventually(lambda: ("Thing", "CREATE_IN_PROGRESS", "") in events(stacks, stack))
    movable.advance("9m")
    assert stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    movable.advance("2m")
    # The removal is not answered either.
    eventually(lambda: ("Thing", "DELETE_IN_PROGRESS", "") in events(stacks, stack))
    movable.advance("11m")
    assert at_rest(stacks, stack)["StackStatus"] == "ROLLBACK_FAILED"
    reasons = [reason for logical, status, reason in events(stacks, stack) if status == "CREATE_FAILED"]
    assert reasons[0].startswith("CloudFormation did not receive a response from your Custom Resource.")


def test_a_wait_condition_waits_for_its_answers(stacks, name):
    stack = name("s")
    body = template(
        {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Wait": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600", "Count": 2},
            },
        },
        {"Data": {"Value": {"Fn::GetAtt": "Wait.Data"}}},
    )
    stacks.create_stack(StackName=stack, TemplateBody=body)
    eventually(lambda: ("Wait", "CREATE_IN_PROGRESS", "") in events(stacks, stack))
    handle = stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Handle")
    url = handle["StackResourceDetail"]["PhysicalResourceId"]
    for number in (1, 2):
        answer = {"Status": "SUCCESS", "Reason": "ready", "UniqueId": f"n{number}", "Data": f"d{number}"}
        request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")
        assert urllib.request.urlopen(request).status == 200
    made = at_rest(stacks, stack)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert json.loads(outputs(made)["Data"]) == {"n1": "d1", "n2": "d2"}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(url[:-3] + "AAA", b"{}", method="PUT"))
    delete(stacks, stack)


def test_stacks_within_stacks(moln, stacks, name):
    stack, bucket = name("s"), name("b")
    s3, sqs = moln.client("s3"), moln.client("sqs")
    s3.create_bucket(Bucket=bucket)
    inner = template(
        {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}},
        {"Url": {"Value": {"Ref": "Q"}}},
        Parameters={"Delay": {"Type": "Number"}},
    )
    s3.put_object(Bucket=bucket, Key="inner.json", Body=inner)

    def outer(delay: int) -> str:
        properties = {
            "TemplateURL": f"https://s3.amazonaws.com/{bucket}/inner.json",
            "Parameters": {"Delay": delay},
        }
        return template(
            {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}},
            {"Url": {"Value": {"Fn::GetAtt": "Inner.Outputs.Url"}}},
        )

    made = create(stacks, stack, outer(1))
    assert made["StackStatus"] == "CREATE_COMPLETE", events(stacks, stack)
    url = outputs(made)["Url"]

    def delay() -> str:
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"]

    assert delay() == "1"
    inner_id = stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Inner")
    inner_id = inner_id["StackResourceDetail"]["PhysicalResourceId"]
    child = stacks.describe_stacks(StackName=inner_id)["Stacks"][0]
    assert (child["ParentId"], child["RootId"]) == (made["StackId"], made["StackId"])
    assert update(stacks, stack, outer(2))["StackStatus"] == "UPDATE_COMPLETE"
    assert delay() == "2"
    assert update(stacks, stack, outer(100_000))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert delay() == "2"
    assert delete(stacks, stack)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.describe_stacks(StackName=inner_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
