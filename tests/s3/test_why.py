"""`moln s3 why` tells who wrote each version, whom that was told, and which version a function read."""

import json

import pytest

from harness.events import Events
from harness.waiting import eventually

COPIER = """
import boto3
from botocore.config import Config

def handler(event, context):
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.copy_object(Bucket=event["Bucket"], Key="copy", CopySource=event)
"""

READER = """
import os, boto3
from botocore.config import Config

def handler(event, context):
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    if "Records" in event:  # what S3 sends
        thing = event["Records"][0]["s3"]
        at = {"Bucket": thing["bucket"]["name"], "Key": thing["object"]["key"]}
        text = s3.get_object(**at)["Body"].read()
        s3.put_object(Bucket=at["Bucket"], Key="out/" + at["Key"], Body=text.upper())
        return
    return s3.get_object(**event)["Body"].read().decode()
"""


@pytest.fixture
def events(moln, name):
    return Events(moln, name)


@pytest.fixture
def why(moln):
    """What is told of an object."""

    def ask(bucket: str, key: str) -> dict:
        return json.loads(moln.moln("s3", "why", f"s3://{bucket}/{key}", "--json").stdout)

    return ask


def states(told: dict) -> list[tuple[str, str]]:
    deliveries = [(event["event"], one) for event in told["events"] for one in event["deliveries"]]
    return [(event, one["state"]) for event, one in deliveries]


def test_who_wrote_and_who_read_each_version(moln, s3, new_bucket, events, why):
    bucket, at = new_bucket(versioned=True), {"Key": "report"}
    first = s3.put_object(Bucket=bucket, **at, Body=b"old")
    function = events.function(source=READER)
    events.functions.invoke(FunctionName=function, Payload=json.dumps({"Bucket": bucket, **at}))
    other = moln.client("s3", key="111111111111", s3={"addressing_style": "path"})
    policy = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    second = other.put_object(Bucket=bucket, **at, Body=b"new")

    told = why(bucket, "report")
    new, old = told["versions"]
    assert (new["versionId"], new["latest"], new["readers"]) == (second["VersionId"], True, [])
    assert "111111111111" in new["written"]["principal"]
    assert (old["versionId"], old["written"]["operation"]) == (first["VersionId"], "PutObject")
    assert old["written"]["requestId"] == first["ResponseMetadata"]["RequestId"]
    [reader] = old["readers"]
    assert function in reader["reader"] and reader["times"] == 1, "why the function still sees the old file"
    assert new["events"] == old["events"] == []

    for _ in range(2):
        events.functions.invoke(FunctionName=function, Payload=json.dumps({"Bucket": bucket, **at}))
    text = moln.moln("s3", "why", f"s3://{bucket}/report").stdout
    assert f"version {second['VersionId']}  (latest): 3 bytes" in text and ", 2 times" in text


def test_a_copy_is_a_read(s3, bucket, events, why):
    s3.put_object(Bucket=bucket, Key="original", Body=b"x")
    function = events.function(source=COPIER)
    events.functions.invoke(FunctionName=function, Payload=json.dumps({"Bucket": bucket, "Key": "original"}))
    [told] = why(bucket, "original")["versions"]
    assert [function in reader["reader"] for reader in told["readers"]] == [True]
    [copy] = why(bucket, "copy")["versions"]
    assert (copy["written"]["operation"], copy["readers"]) == ("CopyObject", [])


def test_a_chain_of_events_is_told(s3, bucket, events, why):
    function = events.function(source=READER)
    arn = events.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    events.functions.add_permission(
        FunctionName=function,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )
    wanted = {
        "Id": "upper",
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    put = s3.put_object(Bucket=bucket, Key="in.txt", Body=b"words")
    eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix="out/")["KeyCount"] == 1)

    [told] = why(bucket, "in.txt")["versions"]
    [event] = told["events"]
    assert (event["event"], event["by"]["requestId"]) == ("ObjectCreated:Put", put["ResponseMetadata"]["RequestId"])
    [delivery] = event["deliveries"]
    assert (delivery["target"], delivery["configuration"], delivery["state"]) == (arn, "upper", "delivered")
    assert [function in reader["reader"] for reader in told["readers"]] == [True]
    [made] = why(bucket, "out/in.txt")["versions"]
    assert function in str(made["written"]), "what the function wrote, it wrote because of that event"
    assert made["events"] == []


def test_deliveries_that_wait_and_that_are_dead(fresh, name, why):
    events = Events(fresh, name)
    s3 = fresh.client("s3", s3={"addressing_style": "path"})
    url = events.queue()
    arn = events.arn(url)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    events.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allow]})})
    s3.create_bucket(Bucket="b-why")
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="b-why", NotificationConfiguration=wanted)
    events.sqs.delete_queue(QueueUrl=url)
    s3.put_object(Bucket="b-why", Key="k", Body=b"1")

    def told(key="k") -> dict:
        done = fresh.moln("s3", "why", f"s3://b-why/{key}", "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"refused": done.stderr}

    def ended():
        [version] = told()["versions"]
        [(event, state)] = states(version)
        assert event == "ObjectCreated:Put" and state in ("pending", "dead"), version
        return version if state == "dead" or version["events"][0]["deliveries"][0]["failures"] > 0 else None

    version = eventually(ended)
    fresh.kill()
    fresh.start()
    fresh.advance("25h")
    version = eventually(lambda: next((v for v in told()["versions"] if states(v)[0][1] == "dead"), None))
    assert version["events"][0]["deliveries"][0]["why"]
    s3.delete_object(Bucket="b-why", Key="k")
    gone = told()
    assert gone["versions"] == [] and [event["event"] for event in gone["goneEvents"]] == ["ObjectCreated:Put"]
    assert "key does not exist" in told("other")["refused"]
    fresh.advance("16d")
    eventually(lambda: "refused" in told())


def test_what_is_no_object_is_refused(moln):
    for bad in ("bucket/key", "s3://bucket", "s3://bucket/", "s3:///key"):
        done = moln.moln("s3", "why", bad, check=False)
        assert done.returncode == 2 and "s3://BUCKET/KEY" in done.stderr
    done = moln.moln("s3", "why", "s3://no-such-bucket-here/key", check=False)
    assert done.returncode == 1 and "bucket does not exist" in done.stderr
