"""Functions and buckets: code out of a bucket, and events of a bucket."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.events import Events, archive

ROLE = "arn:aws:iam::000000000000:role/r"
TELLS = """
import json, os, urllib.request

def handler(event, context):
    head = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.SendMessage",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
        "SignedHeaders=host, Signature=00",
    }
    body = json.dumps({"QueueUrl": os.environ["RESULTS"], "MessageBody": json.dumps(event)}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, head)).read()
"""


def code(text: str) -> bytes:
    return archive(f"def handler(event, context):\n    return {text!r}\n")


@pytest.fixture
def events(moln, name):
    return Events(moln, name)


@pytest.fixture
def s3(moln):
    return moln.client("s3", s3={"addressing_style": "path"})


@pytest.fixture
def bucket(s3, name):
    bucket = name("b").lower().replace("_", "-")
    s3.create_bucket(Bucket=bucket)
    return bucket


def test_code_comes_out_of_a_bucket_in_the_version_that_was_named(events, s3, bucket, name):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="code/a.zip", Body=code("old"))["VersionId"]
    s3.put_object(Bucket=bucket, Key="code/a.zip", Body=code("new"))
    functions, function = events.functions, name("f")

    def call():
        return json.loads(functions.invoke(FunctionName=function)["Payload"].read())

    functions.create_function(
        FunctionName=function,
        Runtime="python3.11",
        Role=ROLE,
        Handler="main.handler",
        Code={"S3Bucket": bucket, "S3Key": "code/a.zip", "S3ObjectVersion": old},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    assert call() == "old"
    functions.update_function_code(FunctionName=function, S3Bucket=bucket, S3Key="code/a.zip")
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    assert call() == "new"
    s3.delete_object(Bucket=bucket, Key="code/a.zip")
    assert call() == "new", "the function has its own copy"


@pytest.mark.parametrize("there, code", [(False, "NoSuchBucket"), (True, "NoSuchKey")])
def test_code_that_is_not_there_makes_no_function(events, bucket, name, there, code):
    function = name("f")
    with pytest.raises(ClientError) as refused:
        events.functions.create_function(
            FunctionName=function,
            Runtime="python3.11",
            Role=ROLE,
            Handler="main.handler",
            Code={"S3Bucket": bucket if there else "no-such-bucket-of-anybody", "S3Key": "nothing.zip"},
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert f"Error occurred while GetObject. S3 Error Code: {code}." in error["Message"], error
    with pytest.raises(events.functions.exceptions.ResourceNotFoundException):
        events.functions.get_function(FunctionName=function)


def test_a_new_object_calls_a_function(events, s3, bucket):
    results = events.queue()
    function = events.function(results, source=TELLS)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    events.functions.add_permission(
        FunctionName=function,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
        SourceAccount="000000000000",
    )
    filters = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}}
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"Id": "n", "LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": filters}
            ]
        },
    )
    s3.put_object(Bucket=bucket, Key="other.bin", Body=b"x")
    s3.put_object(Bucket=bucket, Key="a b.txt", Body=b"hello")
    (message,) = events.take(results)
    (record,) = json.loads(message["Body"])["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["configurationId"] == "n"
    assert (record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]) == (bucket, "a+b.txt")
    assert record["s3"]["object"]["size"] == 5
    assert events.left(results) == 0, "the other object is none of its concern"
