"""Objects of gigabytes go through constant memory. Only where MOLN_VOLUME_GB says how many (5 is the most of one request)."""

import hashlib
import io
import os

import pytest
from boto3.s3.transfer import TransferConfig

GIGABYTES = float(os.environ.get("MOLN_VOLUME_GB", "0"))
SIZE = int(GIGABYTES * (1 << 30))
# What the server may take beyond what it has when it rests.
ROOM = 200 << 20


class Endless(io.RawIOBase):
    """So many bytes, different in each megabyte, that nobody holds in memory."""

    def __init__(self, size: int):
        self.size, self.at, self.block = size, 0, os.urandom(1 << 20)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        self.at = base + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer) -> int:
        number, offset = divmod(self.at, 1 << 20)
        block = number.to_bytes(8, "big") + self.block[8:]
        count = min(len(buffer), self.size - self.at, (1 << 20) - offset)
        buffer[:count] = block[offset : offset + count]
        self.at += count
        return count


def digest(stream, most=None) -> str:
    sha = hashlib.sha256()
    while piece := stream.read(1 << 20):
        sha.update(piece)
        if most:
            most()
    return sha.hexdigest()


@pytest.mark.alone
@pytest.mark.skipif(not SIZE, reason="MOLN_VOLUME_GB says how much")
def test_gigabytes_take_no_memory(fresh):
    client = fresh.client("s3", read_timeout=600, request_checksum_calculation="when_required")
    client.create_bucket(Bucket="large")
    rest, peak = fresh.rss_bytes(), 0

    def look(*_) -> None:
        nonlocal peak
        peak = max(peak, fresh.rss_bytes())

    body = io.BufferedReader(Endless(SIZE), 1 << 20)
    wanted = digest(body)
    for key in ("whole", "parts"):
        body.seek(0)
        if key == "whole":
            client.put_object(Bucket="large", Key=key, Body=body, ContentLength=SIZE)
        else:
            config = TransferConfig(multipart_chunksize=64 << 20, max_concurrency=4)
            client.upload_fileobj(body, "large", key, Config=config, Callback=look)
        look()
        assert client.head_object(Bucket="large", Key=key)["ContentLength"] == SIZE
        assert digest(client.get_object(Bucket="large", Key=key)["Body"], look) == wanted
        client.delete_object(Bucket="large", Key=key)
    print(f"{SIZE} bytes: {rest >> 20} MiB at rest, {peak >> 20} MiB at most")
    assert peak < rest + ROOM, (rest, peak)
