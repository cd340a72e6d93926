"""Producers and consumers of a FIFO queue: one producer per group, so that its order is known."""

import asyncio
from collections import defaultdict

from harness.load import Connection


class FifoLoad:
    """Each group is a row of numbers. A producer whose answer was lost repeats the number with its deduplication id."""

    def __init__(self, url: str):
        self.url = url
        self.next_number: dict[int, int] = defaultdict(int)  # acknowledged: all below
        self.first_seen: dict[int, int] = defaultdict(int)  # received at least once: all below
        self.deleted: dict[int, int] = defaultdict(int)  # acknowledged deletes: all below
        self.ids: dict[tuple[int, int], str] = {}
        self.wrong: list[str] = []

    async def producer(self, port: int, group: int) -> None:
        async with await Connection(port).open() as connection:
            while True:
                number = self.next_number[group]
                await connection.call(
                    "SendMessage",
                    QueueUrl=self.url,
                    MessageBody=f"{group}:{number}",
                    MessageGroupId=str(group),
                    MessageDeduplicationId=f"{group}-{number}",
                )
                self.next_number[group] = number + 1

    async def consumer(self, port: int, until_empty: bool = False) -> None:
        async with await Connection(port).open() as connection:
            while True:
                before = dict(self.deleted)
                answer = await connection.call(
                    "ReceiveMessage",
                    QueueUrl=self.url,
                    MaxNumberOfMessages=10,
                    WaitTimeSeconds=0 if until_empty else 1,
                )
                messages = answer.get("Messages", [])
                if until_empty and not messages:
                    return
                for message in messages:
                    self.check(message, before)
                for message in messages:
                    await connection.call("DeleteMessage", QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                    group, number = map(int, message["Body"].split(":"))
                    self.deleted[group] = max(self.deleted[group], number + 1)

    def check(self, message: dict, deleted_before: dict[int, int]) -> None:
        group, number = map(int, message["Body"].split(":"))
        if number < deleted_before.get(group, 0):
            self.wrong.append(f"group {group}: {number} was deleted, and received again")
        if number > self.first_seen[group]:
            self.wrong.append(f"group {group}: {number} came before {self.first_seen[group]}")
        self.first_seen[group] = max(self.first_seen[group], number + 1)
        known = self.ids.setdefault((group, number), message["MessageId"])
        if known != message["MessageId"]:
            self.wrong.append(f"group {group}: {number} was stored twice")

    async def finish(self, server) -> None:
        """Receives what is left; every acknowledged number must have been seen."""
        for _ in range(2):
            await asyncio.gather(*(self.consumer(server.port, until_empty=True) for _ in range(4)))
            server.advance("31s")
        for group, count in self.next_number.items():
            if self.first_seen[group] < count:
                self.wrong.append(f"group {group}: {count} acknowledged, {self.first_seen[group]} received")

    def sent_count(self) -> int:
        return sum(self.next_number.values())
