"""Uploads in parts, and copies."""

import hashlib
import io

import pytest
from boto3.s3.transfer import TransferConfig

PART = 5 << 20


def etag_of(parts) -> str:
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


@pytest.fixture
def upload(s3, bucket):
    """Begins an upload: where it is, for further calls."""
    begun = s3.create_multipart_upload(Bucket=bucket, Key="big", Metadata={"a": "1"})
    return {"Bucket": bucket, "Key": "big", "UploadId": begun["UploadId"]}


def put(s3, upload, *parts):
    """Uploads parts in reverse order."""
    done = []
    for number, part in reversed(list(enumerate(parts, 1))):
        etag = s3.upload_part(**upload, PartNumber=number, Body=part)["ETag"]
        done.insert(0, {"PartNumber": number, "ETag": etag})
    return done


def test_parts_become_one_object(s3, upload):
    parts = [b"a" * PART, b"b" * PART, b"c"]
    done = put(s3, upload, *parts)
    assert [one["Size"] for one in s3.list_parts(**upload)["Parts"]] == [PART, PART, 1]
    told = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
    assert told["ETag"] == etag_of(parts)
    at = {"Bucket": upload["Bucket"], "Key": "big"}
    got = s3.get_object(**at)
    assert got["Body"].read() == b"".join(parts) and got["Metadata"] == {"a": "1"}
    second = s3.get_object(**at, PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (parts[1], 3)
    across = s3.get_object(**at, Range=f"bytes={PART - 2}-{PART + 1}")
    assert across["Body"].read() == b"aabb"
    again = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
    assert again["ETag"] == told["ETag"], "asked again, it is done still"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])


def test_what_cannot_be_completed(s3, upload, refused):
    done = put(s3, upload, b"small", b"small, too")

    def complete(*parts):
        return refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": list(parts)})

    assert complete(*done) == (400, "EntityTooSmall")
    assert complete(done[1], done[0]) == (400, "InvalidPartOrder")
    assert complete({"PartNumber": 1, "ETag": '"wrong"'}) == (400, "InvalidPart")
    assert complete({"PartNumber": 7, "ETag": done[0]["ETag"]}) == (400, "InvalidPart")
    assert refused(s3.complete_multipart_upload, **upload)[0] == 400, "no parts"
    assert refused(s3.get_object, Bucket=upload["Bucket"], Key="big") == (404, "NoSuchKey")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done[:1]})
    assert s3.get_object(Bucket=upload["Bucket"], Key="big")["Body"].read() == b"small"


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_part_numbers_have_bounds(s3, upload, refused, number):
    assert refused(s3.upload_part, **upload, PartNumber=number, Body=b"x") == (400, "InvalidArgument")
    assert "Parts" not in s3.list_parts(**upload)


def test_an_aborted_upload_is_gone(s3, upload, refused):
    done = put(s3, upload, b"x")
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=upload["Bucket"])["Uploads"]] == [
        upload["UploadId"]
    ]
    s3.abort_multipart_upload(**upload)
    gone = (404, "NoSuchUpload")
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x") == gone
    assert refused(s3.list_parts, **upload) == gone
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": done}) == gone
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])


def test_the_transfer_manager(s3, bucket):
    content = bytes(range(251)) * ((12 << 20) // 251)
    parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=3)
    s3.upload_fileobj(io.BytesIO(content), bucket, "big", Config=parts)
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "big", back, Config=parts)
    assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(content).digest()
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=parts)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == content


def test_copies(s3, new_bucket, refused):
    source, target = new_bucket(versioned=True), new_bucket()
    first = s3.put_object(Bucket=source, Key="a b+ü", Body=b"one", Metadata={"m": "1"}, Tagging="t=1")["VersionId"]
    s3.put_object(Bucket=source, Key="a b+ü", Body=b"two")
    old = {"Bucket": source, "Key": "a b+ü", "VersionId": first}
    told = s3.copy_object(Bucket=target, Key="k", CopySource=old)
    assert told["CopySourceVersionId"] == first
    got = s3.get_object(Bucket=target, Key="k")
    assert (got["Body"].read(), got["Metadata"], got["TagCount"]) == (b"one", {"m": "1"}, 1)
    s3.copy_object(Bucket=target, Key="k", CopySource=old, MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.head_object(Bucket=target, Key="k")["Metadata"] == {"n": "2"}
    itself = {"Bucket": target, "Key": "k"}
    assert refused(s3.copy_object, **itself, CopySource=itself) == (400, "InvalidRequest")
    missing = {"Bucket": source, "Key": "missing"}
    assert refused(s3.copy_object, **itself, CopySource=missing) == (404, "NoSuchKey")
    stale = {"CopySource": {"Bucket": source, "Key": "a b+ü"}, "CopySourceIfMatch": '"other"'}
    assert refused(s3.copy_object, **itself, **stale) == (412, "PreconditionFailed")


def test_parts_are_copied_by_ranges(s3, upload):
    bucket = upload["Bucket"]
    s3.put_object(Bucket=bucket, Key="source", Body=b"0123456789")
    told = s3.upload_part_copy(
        **upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=2-5"
    )
    done = [{"PartNumber": 1, "ETag": told["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"2345"
