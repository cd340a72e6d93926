"""What is not any more as a template says it: changed behind a stack's back, type by type."""

import json

import pytest

from harness.stacks import create, delete, events, template

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def stacks(moln):
    return moln.client("cloudformation")


def everything(stack: str) -> dict:
    """One of each type whose properties can be told, with properties of every form, and one that cannot."""
    tags = [{"Key": "a", "Value": "1"}]
    return {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": "45",
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 3},
                "Tags": tags,
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Timeout": "5",
                "Role": {"Fn::GetAtt": "Role.Arn"},
                "Environment": {"Variables": {"AA": "1"}},
                "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
                "Tags": tags,
            },
        },
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7, "Tags": tags}},
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": "true"},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
                "CorsConfiguration": {
                    "CorsRules": [{"Id": "r", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 5}]
                },
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
                "Tags": tags,
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "Description": "d",
                "Policies": [{"PolicyName": "p", "PolicyDocument": TRUST | {"Statement": [ALLOW]}}],
                "Tags": tags,
            },
        },
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": stack,
                "ProtocolType": "HTTP",
                "CorsConfiguration": {"AllowOrigins": ["https://a.example"], "MaxAge": "5"},
                "Tags": {"a": "1"},
            },
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
    }


ALLOW = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}


def drifts(stacks, stack: str) -> dict[str, tuple[str, list[tuple[str, str, str, str]]]]:
    """Status and differences of each resource that can be told."""
    stacks.detect_stack_drift(StackName=stack)
    found = stacks.describe_stack_resource_drifts(StackName=stack)["StackResourceDrifts"]
    return {
        one["LogicalResourceId"]: (
            one["StackResourceDriftStatus"],
            [
                (diff["PropertyPath"], diff["ExpectedValue"], diff["ActualValue"], diff["DifferenceType"])
                for diff in one.get("PropertyDifferences", [])
            ],
        )
        for one in found
    }


def test_what_is_as_it_was_made_is_in_sync_and_what_was_changed_is_told(moln, stacks, name):
    stack = name("drift")
    create(stacks, stack, template(everything(stack)), Capabilities=["CAPABILITY_IAM"])
    assert not [event for event in events(stacks, stack) if "FAILED" in event[1]]
    told = ["Api", "Bucket", "Dead", "Function", "Group", "Queue", "Role"]
    assert drifts(stacks, stack) == {logical: ("IN_SYNC", []) for logical in told}
    assert stacks.describe_stacks(StackName=stack)["Stacks"][0]["DriftInformation"]["StackDriftStatus"] == "IN_SYNC"
    rows = stacks.describe_stack_resources(StackName=stack)["StackResources"]
    ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
    states = {row["LogicalResourceId"]: row["DriftInformation"]["StackResourceDriftStatus"] for row in rows}
    assert states["Stage"] == "NOT_CHECKED"

    sqs, functions = moln.client("sqs"), moln.client("lambda")
    sqs.set_queue_attributes(QueueUrl=ids["Queue"], Attributes={"VisibilityTimeout": "50"})
    sqs.tag_queue(QueueUrl=ids["Queue"], Tags={"b": "2"})
    functions.update_function_configuration(
        FunctionName=ids["Function"], Timeout=6, Environment={"Variables": {"AA": "1", "BB": "2"}}
    )
    moln.client("logs").delete_retention_policy(logGroupName=ids["Group"])
    s3 = moln.client("s3")
    s3.put_bucket_versioning(Bucket=ids["Bucket"], VersioningConfiguration={"Status": "Suspended"})
    s3.delete_bucket_cors(Bucket=ids["Bucket"])
    iam = moln.client("iam")
    iam.update_role(RoleName=ids["Role"], Description="e")
    iam.delete_role_policy(RoleName=ids["Role"], PolicyName="p")
    moln.client("apigatewayv2").update_api(ApiId=ids["Api"], CorsConfiguration={"AllowOrigins": ["*"], "MaxAge": 5})
    sqs.delete_queue(QueueUrl=ids["Dead"])

    found = drifts(stacks, stack)
    assert found["Queue"] == (
        "MODIFIED",
        [
            ("/Tags/1", "", '{"Key":"b","Value":"2"}', "ADD"),
            ("/VisibilityTimeout", "45", "50", "NOT_EQUAL"),
        ],
    )
    assert found["Function"] == (
        "MODIFIED",
        [("/Environment/Variables/BB", "", "2", "ADD"), ("/Timeout", "5", "6", "NOT_EQUAL")],
    )
    assert found["Group"] == ("MODIFIED", [("/RetentionInDays", "7", "", "REMOVE")])
    status, differences = found["Bucket"]
    assert status == "MODIFIED"
    assert [(path, kind) for path, _, _, kind in differences] == [
        ("/CorsConfiguration", "REMOVE"),
        ("/VersioningConfiguration/Status", "NOT_EQUAL"),
    ]
    status, differences = found["Role"]
    assert [(path, kind) for path, _, _, kind in differences] == [
        ("/Description", "NOT_EQUAL"),
        ("/Policies/0", "REMOVE"),
    ]
    assert found["Api"] == (
        "MODIFIED",
        [("/CorsConfiguration/AllowOrigins/0", "https://a.example", "*", "NOT_EQUAL")],
    )
    assert found["Dead"] == ("DELETED", [])

    one = stacks.detect_stack_resource_drift(StackName=stack, LogicalResourceId="Queue")["StackResourceDrift"]
    assert json.loads(one["ActualProperties"])["VisibilityTimeout"] == "50"
    only = stacks.describe_stack_resource_drifts(StackName=stack, StackResourceDriftStatusFilters=["DELETED"])
    assert [drift["LogicalResourceId"] for drift in only["StackResourceDrifts"]] == ["Dead"]
    delete(stacks, stack)


def test_a_list_on_a_bucket_without_lists_fails_as_s3_says_it(stacks, name):
    stack = name("acl")
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}
    made = create(stacks, stack, template({"Bucket": bucket}))
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    why = next(why for _, status, why in events(stacks, stack) if status == "CREATE_FAILED")
    assert "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting" in why
