"""Objects: what is put is what is got, whole, in parts, in ranges, under conditions."""

import hashlib
import io
import os

import pytest
from botocore.exceptions import ClientError

from harness.raw import send, send_signed

MIB = 1 << 20


def code(raised) -> str:
    return raised.value.response["Error"]["Code"]


@pytest.mark.parametrize("size", [0, 1, 64 << 10, (64 << 10) + 1, 5 * MIB + 3])
def test_bytes_come_back(s3, bucket, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"a": "b"}, ContentType="x/y")
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ContentType"], got["Metadata"]) == (size, "x/y", {"a": "b"})
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (size, put["ETag"])


@pytest.mark.parametrize("key", ["a/../b", "//x//", "ä €/ü+ %25", "a" * 1024, ".", "..", "a?b#c&d=e"])
def test_keys_are_verbatim(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_key_too_long_is_refused(s3, bucket):
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="a" * 1025, Body=b"x")
    assert code(raised) == "KeyTooLongError"


def test_ranges(s3, bucket):
    body = os.urandom(3 * MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, expected in [
        ("bytes=0-9", body[:10]),
        ("bytes=1048570-2097159", body[1048570:2097160]),
        ("bytes=-5", body[-5:]),
        ("bytes=3145727-", body[-1:]),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["Body"].read() == expected
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={3 * MIB}-")
    assert code(raised) == "InvalidRange"


def test_conditional_writes(s3, bucket):
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert code(raised) == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="k", Body=b"4", IfMatch=first)
    assert code(raised) == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_a_wrong_checksum_stores_nothing(s3, bucket):
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * MIB, ChecksumSHA256="A" * 43 + "=")
    assert code(raised) == "BadDigest"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_transfer_manager_goes_there_and_back(s3, bucket):
    body = os.urandom(20 * MIB + 7)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big")
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back)
    assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(body).digest()


def test_versions_and_markers(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="k")
    assert code(raised) == "NoSuchKey"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == [second, first]
    assert listed["DeleteMarkers"][0]["IsLatest"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_lists_page_over_prefixes(s3, bucket):
    for key in ["a", "b/1", "b/2", "c/1", "d"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    seen, token = [], {}
    while True:
        page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=1, **token)
        seen += [found["Key"] for found in page.get("Contents", [])]
        seen += [found["Prefix"] for found in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] == 1
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert seen == ["a", "b/", "c/", "d"]


def test_metadata_that_is_not_ascii_comes_as_encoded_words(moln, s3, bucket):
    """Forms are UTF-8; bytes in headers are taken for ISO 8859-1, as AWS's documentation has it."""
    posted = s3.generate_presigned_post(
        Bucket=bucket,
        Key="k",
        Fields={"x-amz-meta-name": "ÄMÄZÕÑ S3", "Cache-Control": "a—é"},
        Conditions=[["starts-with", "$x-amz-meta-name", ""], ["starts-with", "$Cache-Control", ""]],
    )
    boundary = "b" * 20
    parts = [*posted["fields"].items(), ("file", "x")]
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    )
    content_type = {"content-type": f"multipart/form-data; boundary={boundary}"}
    told = send("POST", f"{moln.url}/{bucket}", f"{body}--{boundary}--\r\n".encode(), content_type)
    assert told.status == 204, told.text
    got = s3.head_object(Bucket=bucket, Key="k")
    assert got["Metadata"] == {"name": "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?="}
    assert got["CacheControl"] == "a é"
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-meta-name": "ÄMÄZÕÑ S3".encode().decode("latin-1")}
    put = send_signed("PUT", f"{moln.url}/{bucket}/k", b"", headers, service="s3")
    assert put.status == 200, put.text
    metadata = s3.head_object(Bucket=bucket, Key="k")["Metadata"]
    assert metadata == {"name": "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="}
    url = s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k", "ResponseContentDisposition": "attachment; filename=—"}
    )
    refusal = send("GET", url)
    assert refusal.status == 400 and "cannot be represented using ISO-8859-1" in refusal.text
