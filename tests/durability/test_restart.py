"""A restart goes on where it was, and at once."""

import asyncio
import time

import pytest

from harness.load import fill, receive_all
from harness.sqs import arn_of, attributes, bodies, depth, receive, redrive, refused
from harness.waiting import eventually

BACKLOG = 100_000


@pytest.mark.alone
def test_the_first_answer_over_a_backlog_of_100_000_comes_within_two_seconds(fresh):
    client = fresh.client()
    url = client.create_queue(QueueName="backlog")["QueueUrl"]
    asyncio.run(fill(fresh.port, url, BACKLOG))
    fresh.kill()
    started = time.monotonic()
    fresh.start()
    messages = receive(client, url)
    elapsed = time.monotonic() - started
    assert messages
    assert elapsed <= 2.0, f"{elapsed:.2f} s"
    assert sum(depth(client, url)) == BACKLOG
    print(f"first message {elapsed:.2f} s after the start")


def test_an_empty_start_answers_fast(new_server):
    server = new_server()
    started = time.monotonic()
    server.start()
    elapsed = time.monotonic() - started
    assert elapsed < 1.0, f"{elapsed:.3f} s"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_queues_messages_and_promises(fresh, end):
    client = fresh.client()
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    url = client.create_queue(
        QueueName="q",
        tags={"team": "durable"},
        Attributes={"VisibilityTimeout": "600", "RedrivePolicy": redrive(arn_of(client, dead), 2)},
    )["QueueUrl"]
    before = attributes(client, url)
    for text in ("held", "deleted", "waiting", "later"):
        client.send_message(QueueUrl=url, MessageBody=text, DelaySeconds=300 if text == "later" else 0)
    held = {}
    for message in receive(client, url, 2) + receive(client, url, 10):
        held[message["Body"]] = message["ReceiptHandle"]
    client.delete_message(QueueUrl=url, ReceiptHandle=held["deleted"])
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=held["waiting"], VisibilityTimeout=0)

    fresh.stop() if end == "stop" else fresh.kill()
    fresh.start()

    assert depth(client, url) == (1, 1, 1)
    after = attributes(client, url)
    assert {k: v for k, v in after.items() if "Approximate" not in k} == {
        k: v for k, v in before.items() if "Approximate" not in k
    }
    assert client.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "durable"}
    (again,) = receive(client, url, AttributeNames=["ApproximateReceiveCount"])
    assert (again["Body"], again["Attributes"]["ApproximateReceiveCount"]) == ("waiting", "2")
    client.delete_message(QueueUrl=url, ReceiptHandle=held["held"])  # a handle outlives the restart
    client.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    fresh.advance("301s")
    assert bodies(receive(client, url)) == ["later"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_fifo_order_locks_and_deduplication_outlive_a_restart(fresh, end):
    client = fresh.client()
    url = client.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "60"})[
        "QueueUrl"
    ]

    def send(number, group="g"):
        return client.send_message(
            QueueUrl=url, MessageBody=str(number), MessageGroupId=group, MessageDeduplicationId=f"{group}{number}"
        )

    sent = [send(number) for number in range(5)]
    (head,) = receive(client, url, 1)
    fresh.stop() if end == "stop" else fresh.kill()
    fresh.start()
    assert receive(client, url) == [], "the group is still locked by its head"
    assert send(2)["MessageId"] == sent[2]["MessageId"]
    assert int(send(5)["SequenceNumber"]) > int(sent[4]["SequenceNumber"])
    client.delete_message(QueueUrl=url, ReceiptHandle=head["ReceiptHandle"])
    assert bodies(receive(client, url)) == ["1", "2", "3", "4", "5"]


def test_a_deletion_and_a_purge_outlive_a_kill(fresh):
    client = fresh.client()
    gone = client.create_queue(QueueName="gone")["QueueUrl"]
    purged = client.create_queue(QueueName="purged")["QueueUrl"]
    for url in (gone, purged):
        client.send_message(QueueUrl=url, MessageBody="m")
    client.delete_queue(QueueUrl=gone)
    client.purge_queue(QueueUrl=purged)
    fresh.kill()
    fresh.start()
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        receive(client, gone)
    assert receive(client, purged) == []
    with refused("AWS.SimpleQueueService.QueueDeletedRecently"):
        client.create_queue(QueueName="gone")


@pytest.mark.parametrize("attempt", range(10))
def test_a_move_task_goes_on_after_a_kill_at_its_start(fresh, attempt):
    client = fresh.client()
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    live = client.create_queue(
        QueueName="live", Attributes={"RedrivePolicy": redrive(arn_of(client, dead), 1), "VisibilityTimeout": "0"}
    )["QueueUrl"]
    asyncio.run(fill(fresh.port, live, 50))
    while receive(client, live):
        pass
    client.set_queue_attributes(QueueUrl=live, Attributes={"VisibilityTimeout": "30"})
    source = arn_of(client, dead)
    client.start_message_move_task(SourceArn=source, MaxNumberOfMessagesPerSecond=5)
    time.sleep(attempt / 1000)
    fresh.kill()
    fresh.start()

    def finished():
        fresh.advance("1s")
        (task,) = client.list_message_move_tasks(SourceArn=source)["Results"]
        return task["Status"] != "RUNNING" and task

    task = eventually(finished, limit=30)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 50)
    assert depth(client, dead) == (0, 0, 0), "a completed task leaves nothing behind"
    found = asyncio.run(receive_all(fresh.port, live))
    assert sorted(bodies(found)) == sorted(f"m{n}" for n in range(50))
