"""What no good client sends: AWS's error, and nothing stored."""

import contextlib
import datetime
import hashlib
import hmac
import socket
import threading
import time

import pytest

from harness.raw import send, send_signed, sign

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


@pytest.mark.parametrize("key", ["a\x00b", "\x01", "a\x0bb", "\ufffe", "\x7f", "a&<>\"'b", "\r\n"])
def test_keys_that_xml_cannot_carry(moln, s3, bucket, keys, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert keys(s3, bucket) == [key], "boto3 asks for encoded keys"
    plain = call(moln, "GET", f"/{bucket}?list-type=2")
    assert plain.status == 200 and "<KeyCount>1</KeyCount>" in plain.text
    assert not any(c in plain.body for c in b"\x00\x01\x0b"), "what no document may hold is written as a reference"
    s3.delete_object(Bucket=bucket, Key=key)
    assert keys(s3, bucket) == []


def test_a_document_of_a_hundred_megabytes(fresh):
    """It is refused by what it announces, or while it comes; it is never held."""
    s3 = fresh.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="bucket")
    before = fresh.rss_bytes()
    port, size = int(fresh.url.rsplit(":", 1)[1]), 100 << 20
    for path in ("/bucket?delete", "/bucket?tagging"):
        signed = sign("POST", f"{fresh.url}{path}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, service="s3")
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        method = "POST" if "delete" in path else "PUT"
        start = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {size}\r\n{head}\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(start.encode())
            with contextlib.suppress(OSError):  # it hangs up on those who go on
                for _ in range(100):
                    connection.sendall(b"<" * (1 << 20))
            with contextlib.suppress(OSError):
                assert connection.recv(65536)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")
    assert fresh.rss_bytes() - before < 32 << 20
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0


def chunks(server, key: str, secret: str, pieces: list[bytes], forge: int | None = None):
    """A body in signed chunks; `forge`: the chunk whose signature belongs to other bytes."""
    url, size = f"{server.url}/bucket/k", sum(map(len, pieces))
    moment = datetime.datetime.now(datetime.UTC)
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(size),
    }
    signed = sign("PUT", url, b"", headers, service="s3", key=key, secret=secret, at=moment)
    signed = {name: value for name, value in signed.items() if name.lower() != "x-amz-content-sha256"} | headers
    date = next(value for name, value in signed.items() if name.lower() == "x-amz-date")
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    secret_key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        secret_key = hmac.new(secret_key, part.encode(), hashlib.sha256).digest()
    previous = signed["Authorization"].rpartition("Signature=")[2]
    body, empty = b"", hashlib.sha256(b"").hexdigest()
    for number, piece in enumerate([*pieces, b""]):
        hashed = hashlib.sha256(b"forged" if number == forge else piece).hexdigest()
        lines = ["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, empty, hashed]
        previous = hmac.new(secret_key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    return send("PUT", url, body, signed)


def test_chunk_signatures_chain(fresh, name):
    s3, iam = fresh.client("s3", s3={"addressing_style": "path"}), fresh.client("iam")
    s3.create_bucket(Bucket="bucket")
    user = name()
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    key, secret = made["AccessKeyId"], made["SecretAccessKey"]
    pieces = [b"a" * 70_000, b"b" * 70_000, b"c"]
    for forge in (0, 1, 2, 3):
        told = chunks(fresh, key, secret, pieces, forge)
        assert (told.status, code(told)) == (403, "SignatureDoesNotMatch"), (forge, told.text)
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
    assert chunks(fresh, key, secret, pieces).status == 200
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"".join(pieces)


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


def test_every_change_is_seen_at_once(moln, bucket):
    """Whoever was answered sees it in reads and lists, and so does everybody else: puts, overwrites, deletes."""
    failures: list = []
    end = time.monotonic() + 2

    def work(worker: int):
        writer, reader = moln.client("s3"), moln.client("s3")
        number = 0
        while time.monotonic() < end:
            number += 1
            key, body = f"{worker}/{number % 3}", f"{worker}-{number}".encode() * (1 if number % 2 else 9000)
            writer.put_object(Bucket=bucket, Key=key, Body=body)
            if reader.get_object(Bucket=bucket, Key=key)["Body"].read() != body:
                failures.append(f"{key} was read as it was before")
            told = reader.list_objects_v2(Bucket=bucket, Prefix=f"{worker}/")["Contents"]
            if [one["Size"] for one in told if one["Key"] == key] != [len(body)]:
                failures.append(f"{key} is listed as it was before: {told}")
            if number % 2:
                continue
            writer.delete_object(Bucket=bucket, Key=key)
            listed = reader.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount")
            try:
                reader.head_object(Bucket=bucket, Key=key)
                failures.append(f"{key} is still there")
            except reader.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "404" or listed:
                    failures.append((key, listed, error))

    def guarded(worker: int):
        try:
            work(worker)
        except Exception as error:  # told by the test, not lost with its thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(6)]
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
