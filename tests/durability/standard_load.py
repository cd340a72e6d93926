"""Producers and consumers of a standard queue, and a ledger of what the server acknowledged to them."""

import hashlib
import itertools
import time

from harness.load import Connection


def body_of(number: int) -> str:
    """A body that proves itself whole; some are long enough to be kept apart from their row."""
    text = f"{number}:" + hashlib.sha256(str(number).encode()).hexdigest()
    return text + "." * 70_000 if number % 251 == 0 else text


class StandardLoad:
    """Workers end with `ConnectionError` when the server dies; `wrong` collects broken promises."""

    def __init__(self, url: str):
        self.url = url
        self.numbers = itertools.count()
        self.attempted: set[int] = set()
        self.acknowledged: set[int] = set()
        self.received: set[int] = set()
        self.deleted: dict[int, float] = {}
        self.delete_attempted: set[int] = set()
        self.wrong: list[str] = []

    async def producer(self, port: int) -> None:
        async with await Connection(port).open() as connection:
            while True:
                numbers = [next(self.numbers) for _ in range(5)]
                self.attempted.update(numbers)
                await connection.call("SendMessage", QueueUrl=self.url, MessageBody=body_of(numbers[0]))
                self.acknowledged.add(numbers[0])
                answer = await connection.call(
                    "SendMessageBatch",
                    QueueUrl=self.url,
                    Entries=[{"Id": str(n), "MessageBody": body_of(n)} for n in numbers[1:]],
                )
                self.acknowledged.update(int(entry["Id"]) for entry in answer["Successful"])
                if answer.get("Failed"):
                    self.wrong.append(f"batch entries failed: {answer['Failed']}")

    async def consumer(self, port: int) -> None:
        async with await Connection(port).open() as connection:
            while True:
                asked = time.monotonic()
                answer = await connection.call(
                    "ReceiveMessage", QueueUrl=self.url, MaxNumberOfMessages=5, WaitTimeSeconds=1
                )
                for message in answer.get("Messages", []):
                    number = self.check(message, asked)
                    if number % 3:  # two thirds are deleted, one third stays in flight
                        self.delete_attempted.add(number)
                        await connection.call(
                            "DeleteMessage", QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                        )
                        self.deleted[number] = time.monotonic()

    def check(self, message: dict, asked: float) -> int:
        number = int(message["Body"].partition(":")[0])
        if message["Body"] != body_of(number) or number not in self.attempted:
            self.wrong.append(f"{number}: a body nobody sent")
        if self.deleted.get(number, asked) < asked:
            self.wrong.append(f"{number}: deleted, and received again")
        if number in self.received:
            self.wrong.append(f"{number}: received twice within its visibility timeout")
        self.received.add(number)
        return number

    def check_what_is_left(self, messages: list[dict]) -> None:
        """After the last restart, with everything visible again."""
        left = [int(message["Body"].partition(":")[0]) for message in messages]
        if len(left) != len(set(left)):
            self.wrong.append(f"{len(left) - len(set(left))} messages are there twice")
        lost = self.acknowledged - self.delete_attempted - set(left)
        back = set(left) & set(self.deleted)
        invented = set(left) - self.attempted
        for what, numbers in (("lost", lost), ("deleted, yet there", back), ("never sent", invented)):
            if numbers:
                self.wrong.append(f"{what}: {len(numbers)}, such as {sorted(numbers)[:5]}")
