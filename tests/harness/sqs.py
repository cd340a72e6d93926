"""Small words the SQS tests are written in."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError


def arn_of(client, url: str) -> str:
    """A queue's ARN, asked of the server."""
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def attributes(client, url: str, *names: str) -> dict[str, str]:
    """Attributes of a queue; all without names."""
    return client.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])["Attributes"]


def depth(client, url: str) -> tuple[int, int, int]:
    """(visible, in flight, delayed)"""
    found = attributes(
        client,
        url,
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    )
    return (
        int(found["ApproximateNumberOfMessages"]),
        int(found["ApproximateNumberOfMessagesNotVisible"]),
        int(found["ApproximateNumberOfMessagesDelayed"]),
    )


def receive(client, url: str, count: int = 10, **options) -> list[dict]:
    """One receive; an empty list when there was nothing."""
    return client.receive_message(QueueUrl=url, MaxNumberOfMessages=count, **options).get("Messages", [])


def bodies(messages: list[dict]) -> list[str]:
    return [message["Body"] for message in messages]


def drain(client, url: str, **options) -> list[dict]:
    """Receives and deletes until the queue is silent."""
    found = []
    while batch := receive(client, url, **options):
        found += batch
        for message in batch:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def redrive(dead_letter_arn: str, count: int) -> str:
    """A redrive policy, as the attribute's JSON."""
    return json.dumps({"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": count})


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class refused:
    """`with refused("InvalidParameterValue", "must be between"):` — the call inside fails with that code and words."""

    def __init__(self, code: str, words: str = "", status: int = 400):
        self.code, self.words, self.status = code, words, status

    def __enter__(self) -> "refused":
        self._raises = pytest.raises(ClientError)
        self._caught = self._raises.__enter__()
        return self

    def __exit__(self, *failure) -> bool:
        handled = self._raises.__exit__(*failure)
        if handled:
            answer = self._caught.value.response
            self.message = answer["Error"]["Message"]
            assert answer["Error"]["Code"] == self.code, answer["Error"]
            assert self.words.lower() in self.message.lower(), self.message
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == self.status, answer
        return handled
