"""Change sets: what they say, and what they do."""

import pytest
from botocore.exceptions import ClientError

from harness.stacks import at_rest, create, delete, template


@pytest.fixture
def stacks(moln):
    return moln.client("cloudformation")


def queue(**properties) -> dict:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_a_change_set_makes_a_stack_and_changes_it(stacks, name):
    stack = name("s")
    made = stacks.create_change_set(
        StackName=stack, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template({"Q": queue()})
    )
    assert at_rest(stacks, stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    said = stacks.describe_change_set(ChangeSetName=made["Id"])
    assert (said["Status"], said["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [one["ResourceChange"]["Action"] for one in said["Changes"]] == ["Add"]
    stacks.execute_change_set(ChangeSetName="first", StackName=stack)
    assert at_rest(stacks, stack)["StackStatus"] == "CREATE_COMPLETE"

    body = template({"Q": queue(DelaySeconds=3, QueueName=f"{stack}-n"), "New": queue()})
    stacks.create_change_set(StackName=stack, ChangeSetName="second", TemplateBody=body)
    said = stacks.describe_change_set(ChangeSetName="second", StackName=stack, IncludePropertyValues=True)
    changes = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in said["Changes"]}
    assert changes["New"]["Action"] == "Add"
    q = changes["Q"]
    assert (q["Action"], q["Replacement"], q["PolicyAction"]) == ("Modify", "True", "ReplaceAndDelete")
    targets = {one["Target"]["Name"]: one["Target"] for one in q["Details"]}
    assert targets["QueueName"]["RequiresRecreation"] == "Always"
    assert (targets["DelaySeconds"]["RequiresRecreation"], targets["DelaySeconds"]["AfterValue"]) == ("Never", "3")
    stacks.execute_change_set(ChangeSetName="second", StackName=stack)
    assert at_rest(stacks, stack)["StackStatus"] == "UPDATE_COMPLETE"

    stacks.create_change_set(StackName=stack, ChangeSetName="empty", UsePreviousTemplate=True)
    said = stacks.describe_change_set(ChangeSetName="empty", StackName=stack)
    assert said["Status"] == "FAILED"
    assert said["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError) as refused:
        stacks.execute_change_set(ChangeSetName="empty", StackName=stack)
    assert refused.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    stacks.delete_change_set(ChangeSetName="empty", StackName=stack)
    with pytest.raises(ClientError) as missing:
        stacks.describe_change_set(ChangeSetName="empty", StackName=stack)
    assert missing.value.response["Error"]["Code"] == "ChangeSetNotFound"
    delete(stacks, stack)


def test_a_parameter_that_changes_is_named_as_the_cause(stacks, name):
    stack = name("s")
    body = template({"Q": queue(DelaySeconds={"Ref": "D"})}, Parameters={"D": {"Type": "Number", "Default": "1"}})
    create(stacks, stack, body)
    stacks.create_change_set(
        StackName=stack,
        ChangeSetName="c",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "D", "ParameterValue": "2"}],
    )
    change = stacks.describe_change_set(ChangeSetName="c", StackName=stack)["Changes"][0]["ResourceChange"]
    causes = [(one["ChangeSource"], one.get("CausingEntity")) for one in change["Details"]]
    assert ("ParameterReference", "D") in causes
    assert change["Replacement"] == "False"
    delete(stacks, stack)


def test_errors_of_change_sets(stacks, name):
    with pytest.raises(ClientError, match="does not exist"):
        stacks.create_change_set(StackName=name("s"), ChangeSetName="c", TemplateBody=template({"Q": queue()}))
    with pytest.raises(ClientError) as missing:
        stacks.describe_change_set(ChangeSetName="arn:aws:cloudformation:us-east-1:000000000000:changeSet/x/y")
    assert missing.value.response["Error"]["Code"] == "ChangeSetNotFound"
