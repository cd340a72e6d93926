"""A disk that runs full: the write is refused as S3 does it, nothing half-written stays, what was there is there."""

import subprocess
import urllib.request

import pytest

from harness.waiting import eventually

MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little room, where this user may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.alone
def test_a_full_disk_refuses_and_keeps(small_disk, new_server, refused):
    server = new_server()
    server.data = small_disk / "data"
    server.start()
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="kept", Body=b"k" * MEGABYTE)
    bodies = {f"n{n}": bytes([n % 256]) * 255 + bytes(f"{n:06}", "ascii") * (5 * MEGABYTE // 6) for n in range(60)}
    written = {}
    for key, body in bodies.items():
        try:
            s3.put_object(Bucket="full", Key=key, Body=body)
        except s3.exceptions.ClientError as error:
            told = error.response
            assert (told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]) == (503, "ServiceUnavailable")
            break
        written[key] = body
    else:
        raise AssertionError("the disk was never full")
    assert written, "there was room for some"

    # What does not fit overwrites nothing, and leaves nothing behind.
    bulk = b"x" * (20 * MEGABYTE)
    assert refused(s3.put_object, Bucket="full", Key="kept", Body=bulk) == (503, "ServiceUnavailable")
    assert s3.get_object(Bucket="full", Key="kept")["Body"].read() == b"k" * MEGABYTE
    upload = s3.create_multipart_upload(Bucket="full", Key="parts")["UploadId"]
    at = {"Bucket": "full", "Key": "parts", "UploadId": upload}
    assert refused(s3.upload_part, **at, PartNumber=1, Body=bulk) == (503, "ServiceUnavailable")
    assert "Parts" not in s3.list_parts(**at)
    assert not list((server.data / "blobs" / "tmp").iterdir())
    assert {entry["Key"] for entry in s3.list_objects_v2(Bucket="full")["Contents"]} == {"kept", *written}
    for key, body in written.items():
        assert s3.get_object(Bucket="full", Key=key)["Body"].read() == body

    # With room again it goes on.
    for key in list(written)[::2]:
        s3.delete_object(Bucket="full", Key=key)
    collect(server)
    server.advance("11m")
    eventually(lambda: collect(server) == 0)
    s3.put_object(Bucket="full", Key="kept", Body=bulk)
    server.restart()
    s3 = server.client("s3", s3={"addressing_style": "path"})
    assert s3.get_object(Bucket="full", Key="kept")["Body"].read() == bulk


def collect(server) -> int:
    request = urllib.request.Request(f"{server.url}/_moln/blobs/collect", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.read().partition(b'"waiting":')[2].partition(b"}")[0].partition(b",")[0])
