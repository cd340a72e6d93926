"""Ten thousand small files, up and down again with equal hashes: boto3's transfer manager, as s3fs and backup tools use it."""

import hashlib
import os
import pathlib
import random

import pytest
from boto3.s3.transfer import TransferConfig, create_transfer_manager

FILES = int(os.environ.get("MOLN_FILES", "10000"))
CONFIG = TransferConfig(max_concurrency=16, preferred_transfer_client="classic")


def hashes(folder: pathlib.Path) -> dict[str, str]:
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(place, name)
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.alone
def test_ten_thousand_files_go_up_and_come_back(moln, bucket, tmp_path):
    client = moln.client("s3", s3={"addressing_style": "path"}, max_pool_connections=20)
    here, there = tmp_path / "here", tmp_path / "there"
    dice = random.Random(1)
    for number in range(FILES):
        path = here / f"{number % 97:02}" / f"ü {number % 7}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(dice.choice([0, 10, 1_000, 3_000, 20_000])))
    # One in a thousand is larger than what stands in a row, and one is uploaded in parts.
    for number in range(0, FILES, 1_000):
        (here / f"large-{number}").write_bytes(dice.randbytes(70_000))
    (here / "parts").write_bytes(dice.randbytes(9 << 20))
    mine = hashes(here)

    with create_transfer_manager(client, CONFIG) as transfers:
        for key in mine:
            transfers.upload(str(here / key), bucket, key)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = {entry["Key"]: entry["Size"] for page in pages for entry in page["Contents"]}
    assert listed == {key: (here / key).stat().st_size for key in mine}

    with create_transfer_manager(client, CONFIG) as transfers:
        for key in listed:
            (there / key).parent.mkdir(parents=True, exist_ok=True)
            transfers.download(bucket, key, str(there / key))
    assert hashes(there) == mine

    for start in range(0, len(listed), 1_000):
        some = [{"Key": key} for key in list(listed)[start : start + 1_000]]
        assert "Errors" not in client.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
