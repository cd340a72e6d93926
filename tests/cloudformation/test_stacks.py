"""Stacks: made, changed, rolled back, removed; what their events say and in which order."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.stacks import at_rest, create, delete, events, outputs, template, update


@pytest.fixture
def stacks(moln):
    return moln.client("cloudformation")


def queue(**properties) -> dict:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def urls(sqs, prefix: str) -> list[str]:
    return sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])


def test_a_stack_is_made_with_its_outputs_tags_and_events(stacks, sqs, name):
    stack = name("s")
    body = template(
        {
            "Dead": queue(),
            "Jobs": queue(
                DelaySeconds={"Ref": "Delay"},
                RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 3},
            ),
        },
        {"Url": {"Value": {"Ref": "Jobs"}, "Description": "where"}},
        Parameters={"Delay": {"Type": "Number", "Default": "3"}},
    )
    made = create(stacks, stack, body, Tags=[{"Key": "team", "Value": "a"}], ClientRequestToken="t1")
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert made["Parameters"] == [{"ParameterKey": "Delay", "ParameterValue": "3"}]
    url = outputs(made)["Url"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["DelaySeconds"] == "3"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"]["team"] == "a"
    assert [event for event in events(stacks, stack)] == [
        (stack, "CREATE_IN_PROGRESS", "User Initiated"),
        ("Dead", "CREATE_IN_PROGRESS", ""),
        ("Dead", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Dead", "CREATE_COMPLETE", ""),
        ("Jobs", "CREATE_IN_PROGRESS", ""),
        ("Jobs", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Jobs", "CREATE_COMPLETE", ""),
        (stack, "CREATE_COMPLETE", ""),
    ]
    first = stacks.describe_stack_events(StackName=stack)["StackEvents"][-2]
    assert (first["PhysicalResourceId"], first["ClientRequestToken"]) == ("", "t1")
    resources = stacks.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    assert [(one["LogicalResourceId"], one["ResourceStatus"]) for one in resources] == [
        ("Dead", "CREATE_COMPLETE"),
        ("Jobs", "CREATE_COMPLETE"),
    ]
    # The same token asks for the same thing.
    again = stacks.create_stack(
        StackName=stack, TemplateBody=body, Tags=[{"Key": "team", "Value": "a"}], ClientRequestToken="t1"
    )
    assert again["StackId"] == made["StackId"]
    with pytest.raises(ClientError, match="already exists") as refused:
        stacks.create_stack(StackName=stack, TemplateBody=body)
    assert refused.value.response["Error"]["Code"] == "AlreadyExistsException"
    assert delete(stacks, stack)["StackStatus"] == "DELETE_COMPLETE"
    assert urls(sqs, stack) == []
    with pytest.raises(ClientError, match=f"Stack with id {stack} does not exist"):
        stacks.describe_stacks(StackName=stack)


def test_updates_change_in_place_replace_and_clean_up(stacks, sqs, name):
    stack = name("s")
    create(stacks, stack, template({"Q": queue(DelaySeconds=1), "Old": queue()}))
    before = urls(sqs, stack)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update_stack(StackName=stack, UsePreviousTemplate=True)
    body = template({"Q": queue(DelaySeconds=9, QueueName=f"{stack}-named"), "New": queue()})
    changed = update(stacks, stack, body)
    assert changed["StackStatus"] == "UPDATE_COMPLETE"
    after = urls(sqs, stack)
    assert len(before) == len(after) == 2 and not set(before) & set(after)
    told = events(stacks, stack)
    cleaning = told.index((stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""))
    assert told.index(("Old", "DELETE_COMPLETE", "")) > cleaning
    assert told.index(("Q", "DELETE_COMPLETE", "")) > cleaning
    assert told.index(("Q", "UPDATE_COMPLETE", "")) < cleaning
    assert told[-1] == (stack, "UPDATE_COMPLETE", "")
    delete(stacks, stack)


def test_an_update_that_fails_goes_back_to_what_was(stacks, sqs, name):
    stack = name("s")
    resources = {"Q": queue(DelaySeconds=1, MessageRetentionPeriod=60), "R": queue(QueueName=f"{stack}-r")}
    create(stacks, stack, template(resources))
    before = urls(sqs, stack)
    bad = {
        "Q": queue(DelaySeconds=2),
        "R": queue(QueueName=f"{stack}-r2"),
        "New": queue(),
        "Bad": queue(DelaySeconds=100_000) | {"DependsOn": ["New", "Q", "R"]},
    }
    failed = update(stacks, stack, template(bad))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert sorted(urls(sqs, stack)) == sorted(before)
    q = next(url for url in before if not url.endswith("-r"))
    attributes = sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["MessageRetentionPeriod"]) == ("1", "60")
    assert (stack, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bad]. ") in [
        (logical, status, reason) for logical, status, reason in events(stacks, stack)
    ]
    # What the stack is now is what it was.
    body = stacks.get_template(StackName=stack)["TemplateBody"]
    assert json.loads(json.dumps(body))["Resources"].keys() == resources.keys()
    delete(stacks, stack)


def test_a_creation_that_fails_leaves_nothing_or_all(stacks, sqs, name):
    bad = {"A": queue(), "Bad": queue(DelaySeconds=100_000) | {"DependsOn": "A"}}
    stack = name("s")
    failed = create(stacks, stack, template(bad))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert urls(sqs, stack) == []
    reasons = [reason for logical, status, reason in events(stacks, stack) if status == "ROLLBACK_IN_PROGRESS"]
    assert reasons == ["The following resource(s) failed to create: [Bad]. Rollback requested by user."]
    kept = name("s")
    assert create(stacks, kept, template(bad), DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    assert len(urls(sqs, kept)) == 1
    # The way on: another template.
    good = {"A": queue(), "Bad": queue(DelaySeconds=1) | {"DependsOn": "A"}}
    assert update(stacks, kept, template(good))["StackStatus"] == "UPDATE_COMPLETE"
    assert len(urls(sqs, kept)) == 2
    gone = name("s")
    made = create(stacks, gone, template(bad), OnFailure="DELETE")
    assert made["StackStatus"] == "DELETE_COMPLETE"
    assert urls(sqs, gone) == []
    delete(stacks, kept)


def test_unknown_types_and_properties_are_refused_before_anything_is_made(stacks, sqs, name):
    stack = name("s")
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::No::Such\]"):
        stacks.create_stack(StackName=stack, TemplateBody=template({"Q": queue(), "N": {"Type": "AWS::No::Such"}}))
    failed = create(stacks, stack, template({"Q": queue(), "N": queue(Nope=1)}))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    told = events(stacks, stack)
    assert ("N", "CREATE_FAILED", "Encountered unsupported property Nope") in told
    assert not [event for event in told if event[0] == "Q"]


def test_policies_keep_resources(stacks, sqs, name):
    stack = name("s")
    create(stacks, stack, template({"Q": queue() | {"DeletionPolicy": "Retain"}, "R": queue()}))
    assert delete(stacks, stack)["StackStatus"] == "DELETE_COMPLETE"
    left = urls(sqs, stack)
    assert len(left) == 1 and "-Q-" in left[0]
    sqs.delete_queue(QueueUrl=left[0])


def test_exports_bind_stacks_together(stacks, name):
    giver, taker, export = name("s"), name("s"), name("export")
    out = {"Arn": {"Value": {"Fn::GetAtt": "Q.Arn"}, "Export": {"Name": export}}}
    create(stacks, giver, template({"Q": queue()}, out))
    value = {"Value": {"Fn::ImportValue": export}}
    used = create(stacks, taker, template({"R": queue()}, {"Seen": value}))
    exports = stacks.list_exports()["Exports"]
    assert {"Name": export, "Value": outputs(used)["Seen"]}.items() <= next(
        one for one in exports if one["Name"] == export
    ).items()
    assert stacks.list_imports(ExportName=export)["Imports"] == [taker]
    with pytest.raises(ClientError, match=f"Export {export} cannot be deleted as it is in use by {taker}"):
        stacks.delete_stack(StackName=giver)
    failed = update(stacks, giver, template({"Q": queue()}))
    assert failed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    thief = create(stacks, name("s"), template({"Q": queue()}, out))
    assert thief["StackStatus"] == "ROLLBACK_COMPLETE"
    delete(stacks, taker)
    delete(stacks, giver)
    assert export not in [one["Name"] for one in stacks.list_exports()["Exports"]]


def test_protection_policy_and_drift(stacks, sqs, name):
    stack = name("s")
    create(stacks, stack, template({"Q": queue()}), EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="cannot be deleted while TerminationProtection is enabled"):
        stacks.delete_stack(StackName=stack)
    stacks.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    policy = '{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}'
    stacks.set_stack_policy(StackName=stack, StackPolicyBody=policy)
    assert stacks.get_stack_policy(StackName=stack)["StackPolicyBody"] == policy
    url = stacks.describe_stack_resource(StackName=stack, LogicalResourceId="Q")
    sqs.delete_queue(QueueUrl=url["StackResourceDetail"]["PhysicalResourceId"])
    detection = stacks.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    found = stacks.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert (found["StackDriftStatus"], found["DriftedStackResourceCount"]) == ("DRIFTED", 1)
    drifts = stacks.describe_stack_resource_drifts(StackName=stack)["StackResourceDrifts"]
    assert [one["StackResourceDriftStatus"] for one in drifts] == ["DELETED"]
    delete(stacks, stack)


def test_names_begin_with_a_letter(stacks):
    for bad, constraint in (("1a", "regular expression"), ("a_b", "regular expression"), ("a" * 129, "equal to 128")):
        with pytest.raises(ClientError, match=f"Value '{bad}' at 'stackName' .*{constraint}"):
            stacks.create_stack(StackName=bad, TemplateBody=template({"A": queue()}))


def test_capabilities_are_asked_for(stacks, name):
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
        "Version": "2012-10-17",
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_IAM\]") as refused:
        stacks.create_stack(StackName=name("s"), TemplateBody=template({"R": role}))
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
    stack = name("s")
    made = create(stacks, stack, template({"R": role}), Capabilities=["CAPABILITY_IAM"])
    assert made["StackStatus"] == "CREATE_COMPLETE"
    delete(stacks, stack)


def test_a_cancelled_update_goes_back(stacks, sqs, name):
    stack = name("s")
    create(stacks, stack, template({"Q": queue(DelaySeconds=1)}))
    waiting = {
        "Q": queue(DelaySeconds=2),
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
            "DependsOn": "Q",
        },
    }
    stacks.update_stack(StackName=stack, TemplateBody=template(waiting))
    while ("Wait", "CREATE_IN_PROGRESS", "") not in events(stacks, stack):
        pass
    stacks.cancel_update_stack(StackName=stack)
    assert at_rest(stacks, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    url = urls(sqs, stack)[0]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["DelaySeconds"] == "1"
    delete(stacks, stack)
