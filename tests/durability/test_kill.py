"""kill -9 under load, a hundred times: what was acknowledged is kept, and what was deleted stays deleted."""

import asyncio
import random

import pytest

from durability.fifo_load import FifoLoad
from durability.standard_load import StandardLoad
from harness.load import receive_all

ROUNDS = 100
CONNECTIONS = 64


@pytest.mark.alone
def test_nothing_acknowledged_is_lost_in_a_hundred_kills(fresh):
    client = fresh.client()
    dice = random.Random(20121105)
    # Long visibility: what a consumer holds stays hidden over every restart, so a second receive is a failure.
    standard = StandardLoad(
        client.create_queue(QueueName="standard", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]
    )
    fifo = FifoLoad(
        client.create_queue(
            QueueName="ordered.fifo",
            Attributes={"FifoQueue": "true", "VisibilityTimeout": "30"},
        )["QueueUrl"]
    )

    for round_number in range(ROUNDS):
        asyncio.run(_load_until_killed(fresh, standard, fifo, dice.uniform(0.05, 0.6)))
        fresh.start()
        fresh.advance("31s")  # FIFO groups whose consumer died with its answer are free again
        assert not standard.wrong and not fifo.wrong, (round_number, standard.wrong[:5], fifo.wrong[:5])

    asyncio.run(fifo.finish(fresh))
    fresh.advance("12h")
    left = asyncio.run(receive_all(fresh.port, standard.url))
    standard.check_what_is_left(left)
    assert not standard.wrong and not fifo.wrong, (standard.wrong[:5], fifo.wrong[:5])
    # The test is worth something only if there was load.
    assert len(standard.acknowledged) > 20 * ROUNDS and len(standard.deleted) > 10 * ROUNDS
    assert fifo.sent_count() > 10 * ROUNDS
    print(f"{len(standard.acknowledged)} sends, {len(standard.deleted)} deletes, {fifo.sent_count()} ordered messages")


async def _load_until_killed(server, standard, fifo, seconds):
    workers = [standard.producer] * 20 + [standard.consumer] * 20 + [fifo.consumer] * 8
    tasks = [asyncio.create_task(worker(server.port)) for worker in workers]
    tasks += [asyncio.create_task(fifo.producer(server.port, group)) for group in range(CONNECTIONS - len(workers))]
    await asyncio.sleep(seconds)
    server.kill()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, ConnectionError):
            raise outcome or AssertionError("a worker stopped before the kill")
