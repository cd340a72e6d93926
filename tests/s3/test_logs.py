"""Server access logs: what was asked of a bucket, in another one."""

import json
import re
import urllib.parse

import pytest

from harness.raw import send
from harness.waiting import eventually

RECORD = re.compile(
    r"(?P<owner>\S+) (?P<bucket>\S+) \[(?P<time>[^\]]+)\] (?P<ip>\S+) (?P<requester>\S+) (?P<id>\S+) (?P<operation>\S+) "
    r'(?P<key>\S+) "(?P<uri>[^"]*)" (?P<status>\S+) (?P<code>\S+) (?P<sent>\S+) (?P<size>\S+) (?P<total>\S+) (?P<turn>\S+) '
    r'"(?P<referer>[^"]*)" "(?P<agent>[^"]*)" (?P<version>\S+) (?P<host_id>\S+) (?P<signature>\S+) (?P<cipher>\S+) '
    r"(?P<means>\S+) (?P<host>\S+) (?P<tls>\S+) (?P<access_point>\S+) (?P<acl>\S+)"
)


@pytest.fixture
def s3(fresh):
    return fresh.client("s3", s3={"addressing_style": "path"})


@pytest.fixture
def target(s3, new_bucket):
    """A bucket that lets logs in."""
    made = new_bucket(s3)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{made}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
    }
    s3.put_bucket_policy(Bucket=made, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return made


def log_to(s3, bucket: str, target: str, **more) -> None:
    enabled = {"TargetBucket": target, "TargetPrefix": "in/"} | more
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def records(s3, target: str, keys) -> list[dict]:
    lines = [
        line
        for key in keys(s3, target)
        for line in s3.get_object(Bucket=target, Key=key)["Body"].read().decode().splitlines()
    ]
    matches = [RECORD.fullmatch(line) for line in lines]
    assert all(matches), lines
    return [match.groupdict() for match in matches]


def test_requests_are_written_down(fresh, s3, new_bucket, target, keys, refused):
    bucket = new_bucket(s3)
    log_to(s3, bucket, target)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"0123456789")
    s3.get_object(Bucket=bucket, Key="a b", Range="bytes=0-3")["Body"].read()
    assert refused(s3.get_object, Bucket=bucket, Key="absent") == (404, "NoSuchKey")
    assert refused(s3.head_object, Bucket=bucket, Key="absent") == (404, "404")
    s3.list_objects_v2(Bucket=bucket)
    s3.get_bucket_versioning(Bucket=bucket)
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"})
    assert keys(s3, target) == []
    fresh.restart()
    eventually(lambda: keys(s3, target))
    told = records(s3, target, keys)
    assert [one["operation"] for one in told] == [
        "REST.PUT.LOGGING_STATUS",
        "REST.PUT.OBJECT",
        "REST.GET.OBJECT",
        "REST.GET.OBJECT",
        "REST.HEAD.OBJECT",
        "REST.GET.BUCKET",
        "REST.GET.VERSIONING",
        "REST.COPY.OBJECT_GET",
        "REST.COPY.OBJECT",
    ]
    assert {one["bucket"] for one in told} == {bucket}
    put, got, missed, headless = told[1:5]
    source, copy = told[7:]
    assert (source["key"], source["status"], source["size"], copy["key"]) == ("a%20b", "200", "10", "c")
    assert source["id"] == copy["id"]
    assert (put["key"], put["status"], put["size"], put["code"]) == ("a%20b", "200", "10", "-")
    assert (got["status"], got["sent"], got["size"]) == ("206", "4", "10")
    assert (missed["status"], missed["code"]) == ("404", "NoSuchKey")
    assert (headless["status"], headless["code"], headless["sent"]) == ("404", "NoSuchKey", "-")
    assert (put["signature"], put["means"], put["ip"]) == ("SigV4", "AuthHeader", "127.0.0.1")
    assert put["uri"] == f"PUT /{bucket}/a%20b HTTP/1.1"
    assert len({one["id"] for one in told}) == len(told) - 1


def test_visits_of_a_website_are_written_down_once(fresh, s3, new_bucket, target, keys):
    bucket = new_bucket(s3)
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for key in ("index.html", "error.html", "old"):
        moved = {"WebsiteRedirectLocation": "/new"} if key == "old" else {}
        s3.put_object(Bucket=bucket, Key=key, Body=b"<h1>", **moved)
    website = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)
    log_to(s3, bucket, target)
    host = {"Host": f"{bucket}.s3-website.localhost:{urllib.parse.urlsplit(fresh.url).port}"}
    asked = [("GET", "/"), ("HEAD", "/index.html"), ("GET", "/absent"), ("GET", "/old")]
    answers = [send(method, fresh.url + path, b"", host).status for method, path in asked]
    assert answers == [200, 200, 404, 301]
    fresh.advance("6m")
    eventually(lambda: keys(s3, target))
    told = [one for one in records(s3, target, keys) if one["operation"] != "REST.PUT.LOGGING_STATUS"]
    assert [(one["operation"], one["key"], one["status"], one["code"]) for one in told] == [
        ("WEBSITE.GET.OBJECT", "index.html", "200", "-"),
        ("WEBSITE.HEAD.OBJECT", "index.html", "200", "-"),
        ("WEBSITE.GET.OBJECT", "absent", "404", "NoSuchKey"),
        ("WEBSITE.GET.OBJECT", "old", "301", "-"),
    ]
    assert [one["uri"] for one in told] == [f"{method} {path} HTTP/1.1" for method, path in asked]
    assert (told[0]["size"], told[0]["sent"], told[1]["sent"]) == ("4", "4", "-")
    assert {one["requester"] for one in told} == {"-"}


def test_what_life_cycles_do_is_written_down(fresh, s3, new_bucket, target, keys):
    bucket = new_bucket(s3, versioned=True)
    rules = [
        {"Filter": {"Prefix": "gone/"}, "Expiration": {"Days": 1}},
        {"Filter": {"Prefix": "cold/"}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        {"Filter": {"Prefix": "up/"}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    rules = [{"ID": str(n), "Status": "Enabled"} | rule for n, rule in enumerate(rules)]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    made = {key: s3.put_object(Bucket=bucket, Key=key, Body=b"x" * 200_000) for key in ("gone/a", "cold/b")}
    s3.create_multipart_upload(Bucket=bucket, Key="up/c")
    log_to(s3, bucket, target)
    fresh.advance("2d")
    eventually(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket=bucket))
    eventually(lambda: keys(s3, bucket) == ["cold/b"])

    def own() -> dict[str, dict]:
        # The last record may come a moment after what it tells of.
        fresh.advance("6m")
        return {one["operation"]: one for one in records(s3, target, keys) if one["requester"] == "AmazonS3"}

    told = eventually(lambda: all_there if len(all_there := own()) == 3 else None)
    assert told["S3.DELETE.UPLOAD"]["key"] == "up/c"
    moved, marked = told["S3.TRANSITION.OBJECT"], told["S3.CREATE.DELETEMARKER"]
    assert (moved["key"], moved["size"], moved["version"]) == ("cold/b", "200000", made["cold/b"]["VersionId"])
    assert (marked["key"], marked["ip"], marked["uri"], marked["status"]) == ("gone/a", "-", "-", "-")


def test_delivery_is_by_the_clock_and_once(fresh, s3, new_bucket, target, keys):
    bucket = new_bucket(s3)
    log_to(s3, bucket, target)
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=str(n), Body=b"")
    fresh.advance("4m")
    assert keys(s3, target) == []
    fresh.advance("2m")
    eventually(lambda: len(keys(s3, target)) == 1)
    [key] = keys(s3, target)
    assert re.fullmatch(r"in/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", key)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "0"}, {"Key": "1"}]})
    fresh.advance("6m")
    eventually(lambda: len(keys(s3, target)) == 2)
    told = [(one["operation"].partition(".")[2], one["key"]) for one in records(s3, target, keys)]
    deleted = [("DELETE.OBJECT", "0"), ("DELETE.OBJECT", "1"), ("POST.MULTI_OBJECT_DELETE", "-")]
    assert told[1:] == [("PUT.OBJECT", str(n)) for n in range(5)] + deleted


def test_keys_are_partitioned(fresh, s3, new_bucket, target, keys):
    bucket = new_bucket(s3)
    for source in ("EventTime", "DeliveryTime"):
        log_to(s3, bucket, target, TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": source}})
        s3.head_bucket(Bucket=bucket)
    fresh.advance("6m")
    eventually(lambda: len(keys(s3, target)) == 2)
    place = rf"in/000000000000/us-east-1/{bucket}/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\d-"
    by_event = [key for key in keys(s3, target) if re.fullmatch(place + r"00-00-00-[0-9A-F]{16}", key)]
    assert len(by_event) >= 1
    assert all(re.fullmatch(place + r"\d\d-\d\d-\d\d-[0-9A-F]{16}", key) for key in keys(s3, target))


def test_only_a_target_that_lets_them_in_gets_logs(fresh, s3, new_bucket, target, keys, refused):
    closed, bucket = new_bucket(s3), new_bucket(s3)
    log_to(s3, bucket, closed)
    s3.head_bucket(Bucket=bucket)
    fresh.advance("6m")
    log_to(s3, bucket, target)
    fresh.advance("6m")
    eventually(lambda: keys(s3, target))
    assert keys(s3, closed) == []

    def put(**logging) -> tuple[int, str]:
        enabled = {"TargetPrefix": ""} | logging
        return refused(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    assert put(TargetBucket="no-such-bucket-anywhere") == (400, "InvalidTargetBucketForLogging")
    elsewhere = new_bucket(
        fresh.client("s3", region="eu-west-1"), CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert put(TargetBucket=elsewhere) == (403, "CrossLocationLoggingProhibitted")
    theirs = new_bucket(fresh.client("s3", key="111111111111"))
    assert put(TargetBucket=theirs) == (400, "InvalidTargetBucketForLogging")
    assert put(TargetBucket=target, TargetPrefix="x" * 600) == (400, "InvalidArgument")
    both = {"SimplePrefix": {}, "PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    assert put(TargetBucket=target, TargetObjectKeyFormat=both) == (400, "MalformedXML")
