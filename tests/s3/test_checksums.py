"""Checksums of every algorithm, in headers and trailers; Content-MD5; encryption with the client's key."""

import base64
import hashlib
import os

import pytest

from harness.raw import send, send_signed, sign

SHA = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256}
CHECK = b"123456789"
# The check values of the algorithms' catalogues, over "123456789".
KNOWN = {
    "CRC32": 0xCBF43926.to_bytes(4, "big"),
    "CRC32C": 0xE3069283.to_bytes(4, "big"),
    "CRC64NVME": 0xAE8B14860A799888.to_bytes(8, "big"),
    "SHA1": hashlib.sha1(CHECK).digest(),
    "SHA256": hashlib.sha256(CHECK).digest(),
}


def text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def chunked(body: bytes, trailer: str, chunk: int = 4) -> bytes:
    """`aws-chunked`, unsigned, with a trailer."""
    pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    framed = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return framed + f"0\r\n{trailer}\r\n\r\n".encode()


def put_chunked(url: str, body: bytes, algorithm: str, checksum: str, named: str | None = None, length: int = -1):
    """`named`: in a header of its own; `length`: what is announced."""
    name = f"x-amz-checksum-{algorithm.lower()}"
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(body) if length < 0 else length),
        "x-amz-trailer": name,
    }
    if named:
        headers["x-amz-sdk-checksum-algorithm"] = named
    headers = sign("PUT", url, b"", headers, service="s3") | {"X-Amz-Content-SHA256": headers["x-amz-content-sha256"]}
    return send("PUT", url, chunked(body, f"{name}:{checksum}"), headers)


@pytest.mark.parametrize("algorithm", KNOWN)
def test_a_checksum_in_a_header(s3, bucket, refused, algorithm):
    member = f"Checksum{algorithm}"
    at = {"Bucket": bucket, "Key": "k"}
    right, wrong = text(KNOWN[algorithm]), text(bytes(len(KNOWN[algorithm])))
    assert s3.put_object(**at, Body=CHECK, **{member: right})[member] == right
    assert s3.head_object(**at, ChecksumMode="ENABLED")[member] == right
    assert s3.get_object_attributes(**at, ObjectAttributes=["Checksum"])["Checksum"][member] == right
    assert refused(s3.put_object, **at, Body=b"other", **{member: wrong}) == (400, "BadDigest")
    assert refused(s3.put_object, **at, Body=b"other", **{member: "short"}) == (400, "InvalidRequest")
    assert s3.get_object(**at)["Body"].read() == CHECK, "nothing was stored"


@pytest.mark.parametrize("named", [True, False], ids=["named", "announced"])
@pytest.mark.parametrize("algorithm", KNOWN)
def test_a_checksum_in_a_trailer(moln, s3, bucket, algorithm, named):
    url, name = f"{moln.url}/{bucket}/k", algorithm if named else None
    wrong = put_chunked(url, CHECK, algorithm, text(bytes(len(KNOWN[algorithm]))), name)
    assert wrong.status == 400 and b"<Code>BadDigest</Code>" in wrong.body, wrong.text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    right = put_chunked(url, CHECK, algorithm, text(KNOWN[algorithm]), name)
    assert right.status == 200, right.text
    assert right.headers[f"x-amz-checksum-{algorithm.lower()}"] == text(KNOWN[algorithm])
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == CHECK and "ContentEncoding" not in got


def test_trailers_are_as_announced(moln, s3, bucket):
    url, right = f"{moln.url}/{bucket}/k", text(KNOWN["CRC32"])
    other = put_chunked(url, CHECK, "CRC32", right, named="SHA256")
    assert other.status == 400 and b"<Code>InvalidRequest</Code>" in other.body, other.text
    for length in (len(CHECK) - 1, len(CHECK) + 1):
        told = put_chunked(url, CHECK, "CRC32", right, length=length)
        assert told.status == 400 and b"<Code>IncompleteBody</Code>" in told.body, told.text
    # An algorithm, and neither a header nor a trailer with a value.
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-sdk-checksum-algorithm": "CRC32"}
    bare = send_signed("PUT", url, CHECK, headers, service="s3")
    assert bare.status == 400 and b"<Code>InvalidRequest</Code>" in bare.body, bare.text
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_every_object_has_a_checksum(moln, s3, bucket):
    plain = moln.client("s3", request_checksum_calculation="when_required")
    plain.put_object(Bucket=bucket, Key="k", Body=CHECK)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (text(KNOWN["CRC64NVME"]), "FULL_OBJECT")


@pytest.mark.parametrize("algorithm,kind", [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT")])
def test_checksums_of_parts(s3, bucket, refused, algorithm, kind):
    at = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**at, ChecksumAlgorithm=algorithm, ChecksumType=kind)["UploadId"]
    part = s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=CHECK, ChecksumAlgorithm=algorithm)
    member = f"Checksum{algorithm}"
    assert part[member] == text(KNOWN[algorithm])
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], member: part[member]}]}
    told = s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload=done)
    whole = text(KNOWN[algorithm])
    if kind == "COMPOSITE":
        if algorithm in SHA:
            whole = text(SHA[algorithm](KNOWN[algorithm]).digest()) + "-1"
            assert told[member] == whole
        assert told[member].endswith("-1")
    else:
        assert told[member] == whole
    assert told["ChecksumType"] == kind


def test_content_md5(moln, bucket):
    url, headers = f"{moln.url}/{bucket}/k", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    cases = [
        (text(hashlib.md5(b"other").digest()), 400, b"BadDigest"),
        ("nonsense", 400, b"InvalidDigest"),
        (text(hashlib.md5(CHECK).digest()), 200, b""),
    ]
    for md5, status, code in cases:
        told = send_signed("PUT", url, CHECK, headers | {"content-md5": md5}, service="s3")
        assert (told.status, code in told.body) == (status, True), told.text


@pytest.mark.parametrize("size", [10, 100_000])
def test_encryption_with_the_clients_key(s3, bucket, refused, size):
    key, content = os.urandom(32), os.urandom(size)
    secret = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    at = {"Bucket": bucket, "Key": "k"}
    told = s3.put_object(**at, Body=content, **secret)
    assert told["SSECustomerKeyMD5"] == text(hashlib.md5(key).digest())
    assert s3.get_object(**at, **secret)["Body"].read() == content
    assert s3.get_object(**at, **secret, Range="bytes=3-8")["Body"].read() == content[3:9]
    assert refused(s3.get_object, **at) == (400, "InvalidRequest")
    assert refused(s3.get_object, **at, **secret | {"SSECustomerKey": os.urandom(32)}) == (403, "AccessDenied")
    bad_md5 = secret | {"SSECustomerKey": text(key), "SSECustomerKeyMD5": text(bytes(16))}
    assert refused(s3.put_object, **at, Body=b"", **bad_md5) == (400, "InvalidArgument")
    s3.copy_object(
        Bucket=bucket,
        Key="open",
        CopySource=at,
        CopySourceSSECustomerAlgorithm="AES256",
        CopySourceSSECustomerKey=key,
    )
    assert s3.get_object(Bucket=bucket, Key="open")["Body"].read() == content


def test_the_clients_key_is_needed_to_read_the_disk(fresh):
    s3 = fresh.client("s3")
    s3.create_bucket(Bucket="secrets")
    words = b"nobody may read these words on the disk" * 5000
    s3.put_object(Bucket="secrets", Key="k", Body=words, SSECustomerAlgorithm="AES256", SSECustomerKey=os.urandom(32))
    s3.put_object(Bucket="secrets", Key="plain", Body=b"but these are found there" * 5000)
    assert fresh.stop() == 0
    disk = b"".join(path.read_bytes() for path in fresh.data.rglob("*") if path.is_file())
    assert b"these are found there" in disk and b"nobody may read" not in disk
