"""Queues hear what happens in a bucket."""

import json
import urllib.parse

import pytest

from harness.events import Events

# Answers every event of an object with another object in the same bucket.
AGAIN = """
import boto3
from botocore.config import Config

def handler(event, context):
    told = event["Records"][0]["s3"]
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    s3.put_object(Bucket=told["bucket"]["name"], Key=str(int(told["object"]["key"]) + 1), Body=b"")
"""


@pytest.fixture
def ears(moln, name):
    """Makes a queue that S3 may send to; `hear(count)` takes so many records out of it."""
    sqs = moln.client("sqs")

    class Queue:
        def __init__(self):
            self.url = sqs.create_queue(QueueName=name())["QueueUrl"]
            attributes = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
            self.arn = attributes["QueueArn"]
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": self.arn,
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

        def bodies(self, count: int, wait: int = 5) -> list[dict]:
            taken = []
            while len(taken) < count:
                answer = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
                assert answer.get("Messages"), f"{len(taken)} of {count} came: {taken}"
                for message in answer["Messages"]:
                    sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                    taken.append(json.loads(message["Body"]))
            return taken

        def hear(self, count: int) -> list[dict]:
            return [record for body in self.bodies(count) for record in body["Records"]]

        def is_silent(self) -> bool:
            return "Messages" not in sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1)

    return Queue


def tell(s3, bucket: str, queue, *events: str, **filters: str) -> None:
    configuration = {"Id": "c", "QueueArn": queue.arn, "Events": list(events)}
    if filters:
        rules = [{"Name": name, "Value": value} for name, value in filters.items()]
        configuration["Filter"] = {"Key": {"FilterRules": rules}}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    [test] = queue.bodies(1)
    assert (test["Event"], test["Bucket"], test["Service"]) == ("s3:TestEvent", bucket, "Amazon S3")


def test_every_way_to_make_and_remove_an_object_is_told(s3, new_bucket, ears):
    bucket, queue = new_bucket(versioned=True), ears()
    tell(s3, bucket, queue, "s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    at = {"Bucket": bucket, "Key": "a b/ü+"}
    put = s3.put_object(**at, Body=b"12345")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=at)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    done = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=done)
    s3.delete_object(**at)
    s3.delete_object(**at, VersionId=put["VersionId"])
    heard = {record["eventName"]: record for record in queue.hear(5)}
    assert set(heard) == {
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRemoved:Delete",
    }
    told = heard["ObjectCreated:Put"]
    assert told["s3"]["object"] == {
        "key": urllib.parse.quote_plus("a b/ü+", safe="/"),
        "size": 5,
        "eTag": put["ETag"].strip('"'),
        "versionId": put["VersionId"],
        "sequencer": told["s3"]["object"]["sequencer"],
    }
    assert told["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}" and told["s3"]["configurationId"] == "c"
    assert (told["eventSource"], told["awsRegion"], told["eventVersion"]) == ("aws:s3", "us-east-1", "2.1")


def test_filters_choose_by_the_ends_of_keys(s3, bucket, ears):
    queue = ears()
    tell(s3, bucket, queue, "s3:ObjectCreated:*", Prefix="in/", Suffix=".png")
    for key in ("in/a.png", "out/a.png", "in/a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [record["s3"]["object"]["key"] for record in queue.hear(1)] == ["in/a.png"]
    assert queue.is_silent()


def test_sequencers_order_the_events_of_a_key(s3, bucket, ears):
    queue = ears()
    tell(s3, bucket, queue, "s3:ObjectCreated:Put")
    etags = [s3.put_object(Bucket=bucket, Key="k", Body=str(n).encode())["ETag"].strip('"') for n in range(5)]
    objects = [record["s3"]["object"] for record in queue.hear(5)]
    width = max(len(one["sequencer"]) for one in objects)
    objects.sort(key=lambda one: one["sequencer"].rjust(width, "0"))
    assert [one["eTag"] for one in objects] == etags


def test_what_cannot_be_told(s3, bucket, ears, refused):
    queue = ears()

    def put(*configurations):
        asked = {"QueueConfigurations": list(configurations)}
        return refused(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=asked)

    def one(**more):
        return {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"]} | more

    invalid = (400, "InvalidArgument")
    assert put(one(QueueArn=queue.arn + "-missing")) == invalid
    assert put(one(Events=["s3:Nonsense"])) == invalid
    assert put(one(), one(Events=["s3:ObjectCreated:Put"])) == invalid, "they overlap"
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "QueueConfigurations" not in told and queue.is_silent()


def test_a_function_that_writes_into_its_own_bucket_is_stopped(fresh, name):
    events = Events(fresh, name)
    s3 = fresh.client("s3", s3={"addressing_style": "path"})
    bucket = name("bucket")
    s3.create_bucket(Bucket=bucket)
    dead = events.queue()
    function = events.function(source=AGAIN, DeadLetterConfig={"TargetArn": events.arn(dead)})
    arn = events.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    events.functions.add_permission(
        FunctionName=function, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    wanted = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    s3.put_object(Bucket=bucket, Key="0", Body=b"")
    [letter] = events.take(dead)
    assert json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"] == "16"
    assert "stopped a loop" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert "stopped a loop" in fresh.log_text()
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 17
