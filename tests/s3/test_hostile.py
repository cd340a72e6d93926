"""What no good client sends: AWS's error, and nothing stored."""

import hashlib
import threading
import time

import pytest

from harness.raw import send_signed

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(f'<!ENTITY {x} "{f"&{y};" * 10}">'.encode() for y, x in zip("abcdefgh", "bcdefghi", strict=True))
    + b"]><Delete><Object><Key>&i;</Key></Object></Delete>"
)


def call(moln, method: str, path: str, body: bytes = b"", **headers):
    headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest()} | headers
    return send_signed(method, f"{moln.url}{path}", body, headers, service="s3")


def code(reply) -> str:
    return reply.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("key", ["..", "../../etc/passwd", "a/../b", "./a", "a//b", "/", " ", "a\tb", "%2e%2e", "a\\b"])
def test_keys_are_names_and_no_paths(s3, bucket, keys, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert keys(s3, bucket) == [key]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert keys(s3, bucket) == []


def test_keys_have_1024_bytes(s3, bucket, refused):
    longest = "ü" * 512
    s3.put_object(Bucket=bucket, Key=longest, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=longest)["Body"].read() == b"x"
    assert refused(s3.put_object, Bucket=bucket, Key=longest + "x", Body=b"") == (400, "KeyTooLongError")
    assert refused(s3.create_multipart_upload, Bucket=bucket, Key=longest + "x") == (400, "KeyTooLongError")


def test_keys_that_are_no_text(moln, s3, bucket):
    assert call(moln, "PUT", f"/{bucket}/%ff%fe", b"x").status == 400
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize(
    "body",
    [b"", b"no xml", b"<Delete>", b"<Delete></Delete>", b"<Other/>", BOMB, b"<a>" * 100_000, b"\x00", b"<Delete>\xff"],
    ids=["empty", "text", "torn", "nothing", "other", "bomb", "deep", "zero", "bytes"],
)
def test_documents_that_are_none(moln, s3, bucket, body):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    told = call(moln, "POST", f"/{bucket}?delete", body)
    assert (told.status, code(told)) in [(400, "MalformedXML"), (400, "MissingRequestBodyError")], told.text
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_thousand_and_one_deletes(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="0", Body=b"")
    many = {"Objects": [{"Key": str(n)} for n in range(1001)]}
    assert refused(s3.delete_objects, Bucket=bucket, Delete=many) == (400, "MalformedXML")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_wrong_payload_hash(moln, s3, bucket):
    told = call(moln, "PUT", f"/{bucket}/k", b"x", **{"x-amz-content-sha256": hashlib.sha256(b"y").hexdigest()})
    assert (told.status, code(told)) == (400, "XAmzContentSHA256Mismatch")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=a-b", "bytes=-", "bytes=0-1,3-4", "bytes=-0"])
def test_odd_ranges(moln, s3, bucket, header):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    told = call(moln, "GET", f"/{bucket}/k", range=header)
    expected = (416, "InvalidRange") if header == "bytes=-0" else (200, "")
    assert (told.status, code(told)) == expected, told.text


def test_readers_see_whole_versions(moln, bucket):
    """Writers of one key at once: what is read is what one of them wrote."""
    sizes = [10, 70_000, 300_000]
    bodies = [bytes([65 + n]) * sizes[n % 3] for n in range(6)]
    written = {hashlib.md5(body).hexdigest(): body for body in bodies}
    failures: list = []
    end = time.monotonic() + 2

    def write(body):
        s3 = moln.client("s3")
        while time.monotonic() < end:
            s3.put_object(Bucket=bucket, Key="hot", Body=body)
            got = s3.get_object(Bucket=bucket, Key="hot")
            content = got["Body"].read()
            if written.get(got["ETag"].strip('"')) != content:
                failures.append((got["ETag"], len(content)))

    def guarded(body):
        try:
            write(body)
        except Exception as error:  # told by the test, not lost with its thread
            failures.append(error)

    moln.client("s3").put_object(Bucket=bucket, Key="hot", Body=bodies[0])
    threads = [threading.Thread(target=guarded, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_one_of_many_makes_the_object(moln, bucket):
    """`If-None-Match: *` by many at once: one is first."""
    won: list = []

    def race(n: int):
        s3 = moln.client("s3")
        try:
            s3.put_object(Bucket=bucket, Key="once", Body=str(n).encode(), IfNoneMatch="*")
            won.append(str(n).encode())
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert moln.client("s3").get_object(Bucket=bucket, Key="once")["Body"].read() == won[0]
