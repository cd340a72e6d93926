"""Archived objects come back for some days, by the clock."""

import json

import pytest

from harness.waiting import eventually


@pytest.fixture
def s3(fresh):
    return fresh.client("s3", s3={"addressing_style": "path"})


@pytest.fixture
def sqs(fresh):
    return fresh.client("sqs")


def ask(days: int = 1, tier: str = "Standard") -> dict:
    return {"Days": days, "GlacierJobParameters": {"Tier": tier}}


def status(answer: dict) -> int:
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def listening(s3, sqs, bucket: str) -> str:
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    )
    told = {"QueueArn": arn, "Events": ["s3:ObjectRestore:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]}, SkipDestinationValidation=True
    )
    sqs.purge_queue(QueueUrl=url)
    return url


def heard(sqs, url: str, count: int) -> list[dict]:
    records: list[dict] = []
    while len(records) < count:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        assert answer.get("Messages"), records
        for message in answer["Messages"]:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            records += json.loads(message["Body"]).get("Records", [])
    return records


def test_a_copy_comes_and_goes(fresh, s3, sqs, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"frozen", StorageClass="GLACIER")
    queue = listening(s3, sqs, bucket)
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (403, "InvalidObjectState")
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="k")
    assert status(s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=ask(tier="Expedited"))) == 202
    assert s3.head_object(Bucket=bucket, Key="k")["Restore"] == 'ongoing-request="true"'
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (403, "InvalidObjectState")
    again = ("RestoreAlreadyInProgress", 409)
    assert refused(s3.restore_object, Bucket=bucket, Key="k", RestoreRequest=ask()) == again[::-1]

    def listed() -> dict | None:
        told = s3.list_objects_v2(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])["Contents"]
        return told[0].get("RestoreStatus")

    assert listed() == {"IsRestoreInProgress": True}
    fresh.restart()
    fresh.advance("5m")
    assert listed().keys() == {"IsRestoreInProgress", "RestoreExpiryDate"}
    assert "RestoreStatus" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    restored = s3.head_object(Bucket=bucket, Key="k")
    assert restored["Restore"].startswith('ongoing-request="false", expiry-date="')
    assert restored["Restore"].endswith(' 00:00:00 GMT"')
    assert restored["StorageClass"] == "GLACIER"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"frozen"
    [post, completed] = heard(sqs, queue, 2)
    assert [post["eventName"], completed["eventName"]] == ["ObjectRestore:Post", "ObjectRestore:Completed"]
    assert completed["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"] == "GLACIER"
    assert "glacierEventData" not in post

    # It can be kept longer: nothing happens at the moment that was meant first.
    assert status(s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=ask(days=5))) == 200
    assert [record["eventName"] for record in heard(sqs, queue, 1)] == ["ObjectRestore:Post"]
    fresh.advance("3d")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"frozen"
    fresh.advance("4d")
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="k")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (403, "InvalidObjectState")
    assert [record["eventName"] for record in heard(sqs, queue, 1)] == ["ObjectRestore:Delete"]


def test_a_faster_tier_takes_over(fresh, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="DEEP_ARCHIVE")
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=ask(tier="Bulk"))
    assert status(s3.restore_object(Bucket=bucket, Key="k", RestoreRequest=ask(tier="Standard"))) == 202
    fresh.advance("12h")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_versions_are_restored_one_by_one(fresh, s3, new_bucket, refused):
    bucket = new_bucket(s3, versioned=True)
    first, second = (
        s3.put_object(Bucket=bucket, Key="k", Body=body, StorageClass="GLACIER")["VersionId"] for body in (b"1", b"2")
    )
    s3.restore_object(Bucket=bucket, Key="k", VersionId=first, RestoreRequest=ask())
    fresh.advance("5h")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=second) == (403, "InvalidObjectState")
    # An archived version that was restored can be copied out of the archive.
    source = {"Bucket": bucket, "Key": "k", "VersionId": first}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, StorageClass="STANDARD")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"1"
    eventually(lambda: "Restore" in s3.head_object(Bucket=bucket, Key="k", VersionId=first))


def test_what_cannot_be_restored(s3, new_bucket, refused):
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="warm", Body=b"")
    s3.put_object(Bucket=bucket, Key="deep", Body=b"", StorageClass="DEEP_ARCHIVE")

    def restore(key: str, request: dict) -> tuple[int, str]:
        return refused(s3.restore_object, Bucket=bucket, Key=key, RestoreRequest=request)

    assert restore("warm", ask()) == (403, "InvalidObjectState")
    assert restore("absent", ask()) == (404, "NoSuchKey")
    assert restore("deep", ask(tier="Expedited")) == (400, "InvalidArgument")
    assert restore("deep", ask(days=0)) == (400, "InvalidArgument")
    assert restore("deep", {"GlacierJobParameters": {"Tier": "Bulk"}}) == (400, "MalformedXML")
    assert restore("deep", ask(tier="Fast")) == (400, "MalformedXML")
    assert restore("deep", {"Type": "SELECT", "Tier": "Standard"}) == (501, "NotImplemented")
    assert refused(s3.get_object, Bucket=bucket, Key="deep") == (403, "InvalidObjectState")
