"""Bodies that stream: constant memory, chunks, broken ones, kills."""

import hashlib
import os
import threading
import urllib.request

import pytest
from botocore.exceptions import ClientError

from harness.raw import exchange, send

MIB = 1 << 20
PATHS = {"addressing_style": "path"}


class Zeros:
    """So many zeros, without holding them."""

    def __init__(self, size: int):
        self.left = self.size = size

    def read(self, most: int = -1) -> bytes:
        take = self.left if most < 0 else min(most, self.left)
        self.left -= take
        return bytes(take)

    def __len__(self):
        return self.size


def test_a_large_object_takes_no_memory(fresh):
    server = fresh
    client = server.client("s3", s3=PATHS)
    client.create_bucket(Bucket="large")
    client.put_object(Bucket="large", Key="warm", Body=b"x" * MIB)
    before = server.rss_bytes()
    size = 300 * MIB
    url = client.generate_presigned_url("put_object", Params={"Bucket": "large", "Key": "zeros"})
    request = urllib.request.Request(url, data=Zeros(size), method="PUT", headers={"Content-Length": str(size)})
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.status == 200
    digest, got = hashlib.sha256(), client.get_object(Bucket="large", Key="zeros")
    for piece in got["Body"].iter_chunks(MIB):
        digest.update(piece)
    expected = hashlib.sha256()
    for _ in range(300):
        expected.update(bytes(MIB))
    assert digest.digest() == expected.digest()
    assert server.rss_bytes() - before < 64 * MIB


def test_a_torn_upload_leaves_the_old_version(moln, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    port = int(moln.url.rsplit(":", 1)[1])
    head = (
        f"PUT /{bucket}/k HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 1000000\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=00\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n"
    )
    exchange(port, head.encode() + b"x" * 500_000, half_close=True)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


def test_a_payload_hash_is_judged_at_the_end(moln, s3, bucket):
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=00",
        "x-amz-content-sha256": hashlib.sha256(b"another").hexdigest(),
    }
    reply = send("PUT", f"{moln.url}/{bucket}/k", os.urandom(MIB), headers)
    assert (reply.status, "XAmzContentSHA256Mismatch" in reply.text) == (400, True)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")


def test_acknowledged_objects_survive_a_kill(fresh):
    server = fresh
    client = server.client("s3", s3=PATHS)
    client.create_bucket(Bucket="kept")
    acknowledged, stop = {}, threading.Event()

    def write(worker: int):
        mine = server.client("s3", s3=PATHS)
        for number in range(10_000):
            if stop.is_set():
                return
            key, body = f"{worker}-{number}", os.urandom(100 if number % 4 else 100_000)
            try:
                mine.put_object(Bucket="kept", Key=key, Body=body)
            except Exception:
                return
            acknowledged[key] = hashlib.sha256(body).hexdigest()

    workers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    while len(acknowledged) < 100:
        assert any(worker.is_alive() for worker in workers)
    server.kill()
    stop.set()
    for worker in workers:
        worker.join()
    server.restart()
    client = server.client("s3", s3=PATHS)
    for key, digest in acknowledged.items():
        assert hashlib.sha256(client.get_object(Bucket="kept", Key=key)["Body"].read()).hexdigest() == digest
