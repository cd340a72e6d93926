"""A light asynchronous client of SQS' JSON protocol: one keep-alive connection, no retries, no checks of its own."""

import asyncio
import json


class Refused(Exception):
    """Any answer but 200."""


class Connection:
    """One HTTP/1.1 connection. A dying server shows as `ConnectionError`."""

    def __init__(self, port: int, region: str = "us-east-1", key: str = "test"):
        self.port = port
        self.head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/sqs/aws4_request, "
            "SignedHeaders=host, Signature=00\r\nX-Amz-Target: AmazonSQS."
        )

    async def open(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aenter__(self) -> "Connection":
        return await self.open()

    async def __aexit__(self, *_) -> None:
        self.writer.close()

    async def call(self, operation: str, **parameters) -> dict:
        body = json.dumps(parameters).encode()
        try:
            self.writer.write(f"{self.head}{operation}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = _content_length(head)
            answer = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as failure:
            raise ConnectionError(str(failure)) from failure
        if head[9:12] != b"200":
            raise Refused(f"{operation}: {head[9:12].decode()} {answer.decode(errors='replace')}")
        return json.loads(answer)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise ConnectionError("an answer without Content-Length")


async def fill(port: int, url: str, count: int, connections: int = 16, body=lambda number: f"m{number}") -> None:
    """Sends `count` numbered messages in batches of ten over several connections."""
    batches = iter(range(0, count, 10))

    async def worker():
        async with Connection(port) as connection:
            for start in batches:
                answer = await connection.call(
                    "SendMessageBatch",
                    QueueUrl=url,
                    Entries=[{"Id": str(n), "MessageBody": body(n)} for n in range(start, min(start + 10, count))],
                )
                assert not answer.get("Failed"), answer

    await asyncio.gather(*(worker() for _ in range(connections)))


async def receive_all(port: int, url: str, connections: int = 8, delete: bool = True, **options) -> list[dict]:
    """Receives until the queue is empty for every connection."""
    found: list[dict] = []

    async def worker():
        async with Connection(port) as connection:
            while True:
                answer = await connection.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, **options)
                if not (messages := answer.get("Messages")):
                    return
                found.extend(messages)
                if delete:
                    await connection.call(
                        "DeleteMessageBatch",
                        QueueUrl=url,
                        Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)],
                    )

    await asyncio.gather(*(worker() for _ in range(connections)))
    return found
