"""kill -9 under mixed load, again and again: no acknowledged object is lost or torn, nothing unacknowledged stays on the disk.
MOLN_KILLS says how often; ten times where it does not."""

import json
import os
import random
import threading
import time
import urllib.request

import pytest

from harness.waiting import eventually
from s3.ledger import Ledger

KILLS = int(os.environ.get("MOLN_KILLS", "10"))
WRITERS = 12


@pytest.mark.alone
def test_nothing_acknowledged_is_lost_in_kills(fresh):
    client = the_client(fresh)
    client.create_bucket(Bucket="plain")
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    dice = random.Random(20060314)
    ledgers = [Ledger(number, "plain", "versioned") for number in range(WRITERS)]
    for _ in range(KILLS):
        load_until_killed(fresh, ledgers, dice.uniform(0.1, 0.8))
        fresh.start()
        check(fresh, ledgers)

    leftovers(client)
    wanted = set().union(*(ledger.files() for ledger in ledgers))
    assert wanted, "nothing large was written: the test would prove nothing"
    collect(fresh)
    fresh.advance("11m")
    eventually(lambda: collect(fresh) == 0)
    blobs = fresh.data / "blobs"
    there = {path.parent.name + path.name for path in blobs.glob("??/*")}
    assert there == wanted, (len(there - wanted), len(wanted - there))
    assert not list((blobs / "tmp").iterdir())
    # What is on the disk is still what it was.
    check(fresh, ledgers)
    acknowledged = sum(ledger.acknowledged for ledger in ledgers)
    assert acknowledged > 10 * KILLS
    print(f"{acknowledged} changes in {KILLS} rounds, {len(wanted)} files")


def the_client(server):
    # Answers that never come, because the server was killed, end the wait at once: the connection does.
    return server.client("s3", s3={"addressing_style": "path"}, max_pool_connections=WRITERS)


def load_until_killed(server, ledgers, seconds: float) -> None:
    client, stop = the_client(server), threading.Event()
    writers = [threading.Thread(target=ledger.run, args=(client, stop)) for ledger in ledgers]
    for writer in writers:
        writer.start()
    time.sleep(seconds)
    server.kill()
    stop.set()
    for writer in writers:
        writer.join()


def check(server, ledgers) -> None:
    client = the_client(server)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="plain")
    listed = {entry["Key"]: entry for page in pages for entry in page.get("Contents", [])}
    versions: dict[str, list[str]] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket="versioned"):
        assert not page.get("DeleteMarkers")
        for entry in page.get("Versions", []):
            versions.setdefault(entry["Key"], []).append(entry["VersionId"])
    for ledger in ledgers:
        ledger.check(client, listed, versions)
    wrong = [each for ledger in ledgers for each in ledger.wrong]
    assert not wrong, wrong[:5]


def leftovers(client) -> None:
    """Ends the uploads that nobody finished."""
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket="plain"):
        for upload in page.get("Uploads", []):
            client.abort_multipart_upload(Bucket="plain", Key=upload["Key"], UploadId=upload["UploadId"])


def collect(server) -> int:
    """Has the server look through all of its files; gives how many wait to be removed."""
    request = urllib.request.Request(f"{server.url}/_moln/blobs/collect", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["waiting"]
