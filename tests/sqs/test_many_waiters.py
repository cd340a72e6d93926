"""Thousands of receives may wait on one queue: each message wakes one of them."""

import asyncio
import resource

import pytest

from harness.load import Connection
from harness.sqs import depth

WAITERS = 2_000


@pytest.mark.alone
def test_two_thousand_receivers_get_one_message_each(fresh):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    client = fresh.client()
    url = client.create_queue(QueueName="q")["QueueUrl"]
    before = fresh.rss_bytes()

    async def scene() -> list[str]:
        connections = [await Connection(fresh.port).open() for _ in range(WAITERS)]
        receive = {"QueueUrl": url, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 20}
        waiting = [asyncio.create_task(c.call("ReceiveMessage", **receive)) for c in connections]
        await asyncio.sleep(2)
        assert not any(task.done() for task in waiting)
        assert (fresh.rss_bytes() - before) / WAITERS < 64 * 1024, "memory of a waiting connection"
        async with Connection(fresh.port) as sender:
            for start in range(0, WAITERS, 10):
                entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
                await sender.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        answers = await asyncio.gather(*waiting)
        for connection in connections:
            connection.writer.close()
        return [message["Body"] for answer in answers for message in answer.get("Messages", [])]

    assert sorted(map(int, asyncio.run(scene()))) == list(range(WAITERS))
    assert depth(client, url) == (0, WAITERS, 0)
