"""A backup of a running server restores to what was acknowledged before it."""

import asyncio
import threading

from harness.load import fill, receive_all
from harness.server import moln as run_moln
from harness.sqs import attributes, bodies, depth, receive


def restored(new_server, archive):
    """A server on a data directory restored from this archive."""
    server = new_server()
    done = run_moln("restore", str(archive), "--data", str(server.data), env=server.env, check=False)
    assert done.returncode == 0, done.stderr
    return server.start()


def test_a_backup_equals_the_server_it_was_taken_from(fresh, new_server, tmp_path):
    client = fresh.client()
    queues = {}
    for name in ("plain", "ordered.fifo"):
        fifo = name.endswith(".fifo")
        queues[name] = client.create_queue(
            QueueName=name,
            tags={"kept": name},
            Attributes={"VisibilityTimeout": "77"} | ({"FifoQueue": "true"} if fifo else {}),
        )["QueueUrl"]
        for number in range(25):
            extra = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)} if fifo else {}
            client.send_message(
                QueueUrl=queues[name], MessageBody=f"{number}" + "." * (70_000 if number == 7 else 0), **extra
            )
    (held,) = receive(client, queues["plain"], 1)
    fresh.moln("backup", str(tmp_path / "backup.moln"))
    described = {name: attributes(client, url) for name, url in queues.items()}

    copy = restored(new_server, tmp_path / "backup.moln")
    there = copy.client()
    for name, url in queues.items():
        mine = there.get_queue_url(QueueName=name)["QueueUrl"]
        assert attributes(there, mine) == described[name]
        assert there.list_queue_tags(QueueUrl=mine)["Tags"] == {"kept": name}
        original, copied = (
            {m["MessageId"]: m["Body"] for m in asyncio.run(receive_all(server.port, server_url))}
            for server, server_url in ((fresh, url), (copy, mine))
        )
        assert copied == original
    there.delete_message(
        QueueUrl=there.get_queue_url(QueueName="plain")["QueueUrl"], ReceiptHandle=held["ReceiptHandle"]
    )


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(fresh, new_server, tmp_path):
    client = fresh.client()
    url = client.create_queue(QueueName="q")["QueueUrl"]
    asyncio.run(fill(fresh.port, url, 5_000))
    stop = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(fresh, url, stop))
    thread.start()
    try:
        fresh.moln("backup", str(tmp_path / "backup.moln"))
    finally:
        stop.set()
        thread.join()
    copy = restored(new_server, tmp_path / "backup.moln")
    there = copy.client()
    found = bodies(asyncio.run(receive_all(copy.port, there.get_queue_url(QueueName="q")["QueueUrl"])))
    assert len(found) == len(set(found))
    assert {f"m{n}" for n in range(5_000)} <= set(found)
    late = sorted(int(text[4:]) for text in found if text.startswith("late"))
    assert late == list(range(len(late))), "a moment in time: no later send without the earlier ones"


def _keep_sending(server, url, stop):
    client = server.client()
    number = 0
    while not stop.is_set():
        client.send_message(QueueUrl=url, MessageBody=f"late{number}")
        number += 1


def test_restore_refuses_a_directory_that_is_in_use_or_full(fresh, new_server, tmp_path):
    archive = tmp_path / "backup.moln"
    fresh.client().create_queue(QueueName="kept")
    fresh.moln("backup", str(archive))
    done = run_moln("restore", str(archive), "--data", str(fresh.data), check=False)
    assert done.returncode != 0 and done.stderr.strip(), "a running server's directory"
    fresh.stop()
    done = run_moln("restore", str(archive), "--data", str(fresh.data), check=False)
    assert done.returncode != 0 and done.stderr.strip(), "a directory that holds data"
    fresh.start()
    assert depth(fresh.client(), fresh.client().get_queue_url(QueueName="kept")["QueueUrl"]) == (0, 0, 0)


def test_a_damaged_backup_is_refused(fresh, new_server, tmp_path):
    archive = tmp_path / "backup.moln"
    url = fresh.client().create_queue(QueueName="q")["QueueUrl"]
    asyncio.run(fill(fresh.port, url, 200))
    fresh.moln("backup", str(archive))
    whole = archive.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    for damaged in (whole[:middle], whole[:-1], flipped, b"", b"not a backup"):
        archive.write_bytes(damaged)
        done = run_moln("restore", str(archive), "--data", str(new_server().data), check=False)
        assert done.returncode != 0, f"{len(damaged)} of {len(whole)} bytes were accepted"
        assert "panicked" not in done.stderr
