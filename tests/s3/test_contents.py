"""What an object is besides its bytes: conditions, headers, metadata, tags, locks; hosts; many deleted at once."""

import datetime
import hashlib

import pytest

from harness.raw import send_signed

SMALL = b"some bytes"


def test_conditional_reads(s3, bucket, refused):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=SMALL)["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    day = datetime.timedelta(days=1)
    at = {"Bucket": bucket, "Key": "k"}
    assert s3.get_object(**at, IfMatch=etag, IfUnmodifiedSince=modified - day)["Body"].read() == SMALL
    assert refused(s3.get_object, **at, IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.get_object, **at, IfNoneMatch=etag)[0] == 304
    assert refused(s3.get_object, **at, IfModifiedSince=modified)[0] == 304
    assert refused(s3.get_object, **at, IfUnmodifiedSince=modified - day) == (412, "PreconditionFailed")
    assert s3.get_object(**at, IfNoneMatch='"other"')["ETag"] == etag


def test_conditional_deletes(s3, bucket, refused):
    at = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.put_object, **at, Body=b"1", IfMatch='"none"') == (404, "NoSuchKey")
    etag = s3.put_object(**at, Body=b"1", IfNoneMatch="*")["ETag"]
    newer = s3.put_object(**at, Body=b"2", IfMatch=etag)["ETag"]
    assert refused(s3.delete_object, **at, IfMatch=etag) == (412, "PreconditionFailed")
    s3.delete_object(**at, IfMatch=newer)
    assert refused(s3.get_object, **at) == (404, "NoSuchKey")


def test_metadata_and_headers(s3, bucket, refused):
    headers = {
        "ContentType": "text/plain",
        "CacheControl": "max-age=60",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
    }
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL, Metadata={"colour": "red", "Size": "10"}, **headers)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert {name: head[name] for name in headers} == headers
    assert head["Metadata"] == {"colour": "red", "size": "10"}
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/html", ResponseCacheControl="no-cache")
    assert (got["ContentType"], got["CacheControl"]) == ("text/html", "no-cache")
    too_much = {"a": "x" * 2048}
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata=too_much) == (400, "MetadataTooLarge")
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"colour": "red", "size": "10"}, "the old one stays"


def test_tags(s3, bucket, refused):
    at = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**at, Body=SMALL, Tagging="a=1&b=two%20words")
    assert s3.get_object(**at)["TagCount"] == 2
    tags = s3.get_object_tagging(**at)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1", "b": "two words"}
    eleven = {"TagSet": [{"Key": str(n), "Value": "v"} for n in range(11)]}
    assert refused(s3.put_object_tagging, **at, Tagging=eleven)[0] == 400
    s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    assert s3.get_object_tagging(**at)["TagSet"] == [{"Key": "c", "Value": "3"}]
    s3.delete_object_tagging(**at)
    assert s3.get_object_tagging(**at)["TagSet"] == []


def test_an_object_under_retention_stays(s3, new_bucket, refused):
    bucket = new_bucket(ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=bucket, Key="k", Body=SMALL)["VersionId"]
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    at = {"Bucket": bucket, "Key": "k", "VersionId": version}
    s3.put_object_retention(**at, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    assert refused(s3.delete_object, **at) == (403, "AccessDenied")
    s3.put_object_legal_hold(**at, LegalHold={"Status": "ON"})
    assert refused(s3.delete_object, **at, BypassGovernanceRetention=True) == (403, "AccessDenied")
    s3.put_object_legal_hold(**at, LegalHold={"Status": "OFF"})
    s3.delete_object(**at, BypassGovernanceRetention=True)
    assert refused(s3.get_object, **at)[0] == 404


def test_many_are_deleted_at_once(s3, bucket, keys):
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"")
    asked = {"Objects": [{"Key": f"k{n}"} for n in range(4)] + [{"Key": "never there"}]}
    told = s3.delete_objects(Bucket=bucket, Delete=asked)
    assert sorted(one["Key"] for one in told["Deleted"]) == ["k0", "k1", "k2", "k3", "never there"]
    assert keys(s3, bucket) == ["k4"]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k4"}], "Quiet": True})


@pytest.mark.parametrize("host", ["{}.localhost:{}", "{}.s3.us-east-1.amazonaws.com", "{}.s3.amazonaws.com"])
def test_buckets_have_hosts(moln, s3, bucket, host):
    s3.put_object(Bucket=bucket, Key="k", Body=SMALL)
    headers = {"Host": host.format(bucket, moln.port), "x-amz-content-sha256": hashlib.sha256(b"").hexdigest()}
    got = send_signed("GET", f"{moln.url}/k", headers=headers, service="s3")
    assert (got.status, got.body) == (200, SMALL)
