"""Versions come to other buckets: each once, with its id, and no further."""

import json
import threading

import pytest

from harness.waiting import eventually

ROLE = "arn:aws:iam::000000000000:role/replication"


def rule(to: str, **more) -> dict:
    return {
        "ID": to,
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{to}"},
    } | more


def replicate(s3, bucket: str, *rules: dict) -> None:
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": ROLE, "Rules": list(rules)})


@pytest.fixture
def pair(new_bucket):
    return new_bucket(versioned=True), new_bucket(versioned=True)


def status(s3, bucket: str, key: str, **more) -> str | None:
    return s3.head_object(Bucket=bucket, Key=key, **more).get("ReplicationStatus")


def settled(s3, bucket: str, key: str, **more) -> str | None:
    eventually(lambda: status(s3, bucket, key, **more) != "PENDING")
    return status(s3, bucket, key, **more)


def versions(s3, bucket: str) -> list[tuple]:
    told = s3.list_object_versions(Bucket=bucket)
    both = told.get("Versions", []) + told.get("DeleteMarkers", [])
    return sorted((one["Key"], one["VersionId"], one["IsLatest"], "ETag" in one) for one in both)


def test_versions_markers_and_marks_come_over(s3, pair):
    source, target = pair
    s3.put_object(Bucket=source, Key="before", Body=b"x")
    replicate(s3, source, rule(target))
    large = bytes(range(256)) * 1000
    options = {"ContentType": "text/x", "Metadata": {"m": "1"}, "Tagging": "a=1", "CacheControl": "no-store"}
    first = s3.put_object(Bucket=source, Key="k", Body=large, **options)["VersionId"]
    assert settled(s3, source, "k") == "COMPLETED"
    there = s3.get_object(Bucket=target, Key="k")
    assert (there["Body"].read(), there["VersionId"], there["ReplicationStatus"]) == (large, first, "REPLICA")
    assert (there["ContentType"], there["Metadata"], there["CacheControl"]) == ("text/x", {"m": "1"}, "no-store")
    assert there["LastModified"] == s3.head_object(Bucket=source, Key="k")["LastModified"]
    assert s3.get_object_tagging(Bucket=target, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]

    tags = [{"Key": "b", "Value": "2"}]
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": tags})
    eventually(lambda: s3.get_object_tagging(Bucket=target, Key="k")["TagSet"] == tags)
    for n in range(3):
        s3.put_object(Bucket=source, Key="k", Body=str(n).encode())
    s3.delete_object(Bucket=source, Key="k")
    s3.copy_object(Bucket=source, Key="copy", CopySource={"Bucket": source, "Key": "k", "VersionId": first})
    expected = [one for one in versions(s3, source) if one[0] != "before"]
    eventually(lambda: versions(s3, target) == expected)
    assert len(expected) == 6
    # What is removed for good here stays there.
    s3.delete_object(Bucket=source, Key="k", VersionId=first)
    s3.put_object(Bucket=source, Key="last", Body=b"")
    assert settled(s3, source, "last") == "COMPLETED"
    assert s3.get_object(Bucket=target, Key="k", VersionId=first)["Body"].read() == large
    assert status(s3, source, "before") is None


def test_uploads_in_parts_come_over(s3, pair):
    source, target = pair
    replicate(s3, source, rule(target))
    parts = [b"a" * (5 << 20), b"b" * 10]
    upload = s3.create_multipart_upload(Bucket=source, Key="k")["UploadId"]
    done = []
    for number, body in enumerate(parts, 1):
        part = s3.upload_part(Bucket=source, Key="k", UploadId=upload, PartNumber=number, Body=body)
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=source, Key="k", UploadId=upload, MultipartUpload={"Parts": done})
    assert settled(s3, source, "k") == "COMPLETED"
    # The replica has parts of its own: the original may go.
    version = s3.head_object(Bucket=source, Key="k")["VersionId"]
    s3.delete_object(Bucket=source, Key="k", VersionId=version)
    there = s3.get_object(Bucket=target, Key="k")
    assert there["Body"].read() == b"".join(parts)
    assert there["ETag"].endswith('-2"')
    assert s3.get_object(Bucket=target, Key="k", PartNumber=2)["Body"].read() == parts[1]


def test_two_buckets_that_replicate_each_other_end(s3, pair):
    one, other = pair
    replicate(s3, one, rule(other))
    replicate(s3, other, rule(one))
    s3.put_object(Bucket=one, Key="a", Body=b"1")
    s3.put_object(Bucket=other, Key="b", Body=b"2")
    assert (settled(s3, one, "a"), settled(s3, other, "b")) == ("COMPLETED", "COMPLETED")
    assert (status(s3, one, "b"), status(s3, other, "a")) == ("REPLICA", "REPLICA")
    s3.delete_object(Bucket=one, Key="a")
    eventually(lambda: len(versions(s3, other)) == 3)
    s3.put_object(Bucket=one, Key="c", Body=b"")
    assert settled(s3, one, "c") == "COMPLETED"
    assert versions(s3, one) == versions(s3, other)
    assert len(versions(s3, one)) == 4


def test_rules_choose(s3, new_bucket, pair):
    source, target = pair
    other = new_bucket(versioned=True)
    tagged = {"And": {"Prefix": "in/", "Tags": [{"Key": "t", "Value": "1"}]}}
    off = {"DeleteMarkerReplication": {"Status": "Disabled"}}
    to_other = {"Bucket": f"arn:aws:s3:::{other}", "StorageClass": "STANDARD_IA"}
    replicate(
        s3,
        source,
        rule(target, Filter=tagged, **off),
        rule(other, Priority=2, Filter={"Prefix": "in/"}, Destination=to_other, **off),
        rule(other, ID="disabled", Priority=3, Status="Disabled", **off),
    )
    s3.put_object(Bucket=source, Key="in/both", Body=b"", Tagging="t=1")
    s3.put_object(Bucket=source, Key="in/one", Body=b"")
    s3.put_object(Bucket=source, Key="out", Body=b"")
    assert (settled(s3, source, "in/both"), settled(s3, source, "in/one")) == ("COMPLETED", "COMPLETED")
    assert status(s3, source, "out") is None
    assert [one[0] for one in versions(s3, target)] == ["in/both"]
    assert [one[0] for one in versions(s3, other)] == ["in/both", "in/one"]
    assert s3.head_object(Bucket=other, Key="in/one")["StorageClass"] == "STANDARD_IA"
    s3.delete_object(Bucket=source, Key="in/one")
    s3.put_object(Bucket=source, Key="in/last", Body=b"")
    assert settled(s3, source, "in/last") == "COMPLETED"
    assert s3.head_object(Bucket=other, Key="in/one")["ReplicationStatus"] == "REPLICA"


def test_what_cannot_come_has_failed(s3, new_bucket, pair):
    source, target = pair
    replicate(s3, source, rule(target))
    s3.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=source, Key="a", Body=b"")
    assert settled(s3, source, "a") == "FAILED"
    s3.delete_bucket(Bucket=target)
    s3.put_object(Bucket=source, Key="b", Body=b"")
    assert settled(s3, source, "b") == "FAILED"


def test_failures_are_told_where_there_are_metrics(moln, s3, new_bucket, name):
    source, watched, other = (new_bucket(versioned=True) for _ in range(3))
    sqs = moln.client("sqs")
    url = sqs.create_queue(QueueName=name())["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    failures = {"QueueArn": arn, "Events": ["s3:Replication:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=source, NotificationConfiguration={"QueueConfigurations": [failures]}
    )
    to = {"Bucket": f"arn:aws:s3:::{watched}", "Metrics": {"Status": "Enabled"}}
    replicate(s3, source, rule(watched, Destination=to), rule(other, Priority=2))
    s3.put_object(Bucket=source, Key="fine", Body=b"")
    assert settled(s3, source, "fine") == "COMPLETED"
    for bucket in (watched, other):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    made = s3.put_object(Bucket=source, Key="a b", Body=b"1234")
    assert settled(s3, source, "a b") == "FAILED"
    heard = []
    while len(heard) < 2:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        assert answer.get("Messages"), heard
        heard += [json.loads(message["Body"]) for message in answer["Messages"]]
    [failed] = [record for body in heard for record in body.get("Records", [])]
    assert (failed["eventName"], failed["eventVersion"]) == ("Replication:OperationFailedReplication", "2.2")
    thing, data = failed["s3"]["object"], failed["replicationEventData"]
    assert (thing["key"], thing["size"], thing["versionId"]) == ("a+b", 4, made["VersionId"])
    assert (data["replicationRuleId"], data["destinationBucket"]) == (watched, f"arn:aws:s3:::{watched}")
    assert data["failureReason"] == "DstBucketUnversioned"


def test_another_account_has_to_allow_it(moln, s3, new_bucket):
    stranger = moln.client("s3", key="111111111111", s3={"addressing_style": "path"})
    source, target = new_bucket(versioned=True), new_bucket(stranger, versioned=True)
    to = {
        "Bucket": f"arn:aws:s3:::{target}",
        "Account": "111111111111",
        "AccessControlTranslation": {"Owner": "Destination"},
    }
    replicate(s3, source, rule(target, Destination=to))
    s3.put_object(Bucket=source, Key="early", Body=b"1")
    assert settled(s3, source, "early") == "FAILED"
    allowed = {
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": ["s3:ReplicateObject", "s3:ReplicateDelete"],
        "Resource": f"arn:aws:s3:::{target}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    stranger.put_bucket_policy(Bucket=target, Policy=policy)
    s3.put_object(Bucket=source, Key="late", Body=b"2")
    assert settled(s3, source, "late") == "COMPLETED"
    assert stranger.get_object(Bucket=target, Key="late")["Body"].read() == b"2"


def test_both_buckets_keep_versions(s3, new_bucket, refused):
    plain, source, target = new_bucket(), new_bucket(versioned=True), new_bucket(versioned=True)

    def put(bucket: str, *rules: dict) -> tuple[int, str]:
        configuration = {"Role": ROLE, "Rules": list(rules)}
        return refused(s3.put_bucket_replication, Bucket=bucket, ReplicationConfiguration=configuration)

    assert put(plain, rule(target)) == (400, "InvalidRequest")
    assert put(source, rule(plain)) == (400, "InvalidRequest")
    assert put(source, rule("no-such-bucket-anywhere")) == (400, "InvalidRequest")
    assert put(source, rule(source)) == (400, "InvalidRequest")
    tagged = {"Filter": {"Tag": {"Key": "t", "Value": "1"}}}
    assert put(source, rule(target, **tagged)) == (400, "InvalidRequest")
    assert put(source, rule(target, ExistingObjectReplication={"Status": "Enabled"})) == (501, "NotImplemented")
    replicate(s3, source, rule(target))
    suspend = {"Status": "Suspended"}
    refusal = refused(s3.put_bucket_versioning, Bucket=source, VersioningConfiguration=suspend)
    assert refusal == (409, "InvalidBucketState")


def test_orders_survive_a_restart(fresh, new_bucket):
    s3 = fresh.client("s3", s3={"addressing_style": "path"})
    source, target = new_bucket(s3, versioned=True), new_bucket(s3, versioned=True)
    replicate(s3, source, rule(target))
    for n in range(40):
        s3.put_object(Bucket=source, Key=str(n), Body=b"x")
    fresh.restart()
    eventually(lambda: all(status(s3, source, str(n)) == "COMPLETED" for n in range(40)))
    assert versions(s3, target) == versions(s3, source)


def test_many_at_once_end_the_same_in_both_buckets(moln, s3, pair):
    """Puts, deletes and tags of few keys by several writers: whatever order they are copied in, both buckets agree."""
    source, target = pair
    replicate(s3, source, rule(target))
    failures: list = []

    def work(worker: int):
        client = moln.client("s3", s3={"addressing_style": "path"})
        try:
            for n in range(12):
                key = str((worker + n) % 3)
                made = client.put_object(Bucket=source, Key=key, Body=f"{worker}-{n}".encode() * (1 + n * 2000))
                tags = {"TagSet": [{"Key": "n", "Value": f"{worker}-{n}"}]}
                client.put_object_tagging(Bucket=source, Key=key, VersionId=made["VersionId"], Tagging=tags)
                if n % 4 == 0:
                    client.delete_object(Bucket=source, Key=key)
        except Exception as error:  # told by the test, not lost with its thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    made = s3.list_object_versions(Bucket=source)["Versions"]
    assert len(made) == 48
    for one in made:
        assert settled(s3, source, one["Key"], VersionId=one["VersionId"]) == "COMPLETED"
    eventually(lambda: versions(s3, target) == versions(s3, source))

    def facts(bucket: str, one: dict) -> tuple:
        at = {"Bucket": bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
        return s3.get_object(**at)["Body"].read(), s3.get_object_tagging(**at)["TagSet"]

    for one in made:
        eventually(lambda one=one: facts(target, one) == facts(source, one))
