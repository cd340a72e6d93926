"""A server that is killed in the middle of deployments: they end, and nothing is left over or made twice.

MOLN_DEPLOY_KILLS says how often; a handful in CI."""

import os
import random
import time

from harness.stacks import at_rest, events, outputs, template

KILLS = int(os.environ.get("MOLN_DEPLOY_KILLS", "8"))
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def shop(fails: bool) -> str:
    """Queues, a role, a bucket with settings, log groups, a function with a mapping: what has names of its own and what not."""
    resources = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": "Dead.Arn"}, "maxReceiveCount": 3}},
        },
        "Files": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "Work": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": "Role.Arn"},
                "Code": {"ZipFile": "def handler(event, context):\n    return 1\n"},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"FunctionName": {"Ref": "Work"}, "EventSourceArn": {"Fn::GetAtt": "Jobs.Arn"}},
        },
        "Allow": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Work"},
                "Action": "lambda:InvokeFunction",
                "Principal": "s3.amazonaws.com",
            },
        },
    }
    if fails:
        resources["Bad"] = {
            "Type": "AWS::SQS::Queue",
            "Properties": {"DelaySeconds": 100_000},
            "DependsOn": ["Mapping", "Allow", "Files", "Logs"],
        }
    return template(resources, {"Url": {"Value": {"Ref": "Jobs"}}})


def everything(server) -> dict[str, list[str]]:
    """All there is of the types in the template."""
    lambdas = server.client("lambda")
    return {
        "queues": server.client("sqs").list_queues().get("QueueUrls", []),
        "buckets": [one["Name"] for one in server.client("s3").list_buckets()["Buckets"]],
        "roles": [one["RoleName"] for one in server.client("iam").list_roles()["Roles"]],
        "groups": [one["logGroupName"] for one in server.client("logs").describe_log_groups()["logGroups"]],
        "functions": [one["FunctionName"] for one in lambdas.list_functions()["Functions"]],
        "mappings": [one["UUID"] for one in lambdas.list_event_source_mappings()["EventSourceMappings"]],
    }


def test_killed_in_the_middle(fresh):
    seed = int(os.environ.get("MOLN_DEPLOY_SEED", random.randrange(1 << 30)))
    print(f"MOLN_DEPLOY_SEED={seed}")
    dice = random.Random(seed)
    none = everything(fresh)
    for turn in range(KILLS):
        client = fresh.client("cloudformation")
        fails = turn % 2 == 1
        made = client.create_stack(StackName=f"shop-{turn}", TemplateBody=shop(fails), Capabilities=["CAPABILITY_IAM"])[
            "StackId"
        ]
        time.sleep(dice.random() * 0.15)
        fresh.kill()
        fresh.start()
        client = fresh.client("cloudformation")
        stack = at_rest(client, made)
        there = everything(fresh)
        if fails:
            assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
            assert there == none, "\n".join(map(str, events(client, made)))
        else:
            assert stack["StackStatus"] == "CREATE_COMPLETE", "\n".join(map(str, events(client, made)))
            assert {kind: len(there[kind]) - len(none[kind]) for kind in there} == {
                "queues": 2,
                "buckets": 1,
                "roles": 1,
                "groups": 1,
                "functions": 1,
                "mappings": 1,
            }
            assert outputs(stack)["Url"] in there["queues"]
        client.delete_stack(StackName=made)
        time.sleep(dice.random() * 0.05)
        fresh.kill()
        fresh.start()
        client = fresh.client("cloudformation")
        assert at_rest(client, made)["StackStatus"] == "DELETE_COMPLETE"
        assert everything(fresh) == none
