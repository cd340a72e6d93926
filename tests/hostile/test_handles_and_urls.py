"""Forged receipt handles, foreign queue URLs: refused without a word about the inside."""

import base64
import random

import pytest

from harness.raw import call_json
from harness.sqs import depth, receive, refused


def test_no_mutation_of_a_handle_is_taken_for_another(sqs, make_queue):
    url = make_queue()
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    (message,) = receive(sqs, url, 1)
    handle = message["ReceiptHandle"]
    dice = random.Random(7)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_"
    for _ in range(200):
        place = dice.randrange(len(handle))
        forged = handle[:place] + dice.choice(alphabet.replace(handle[place], "")) + handle[place + 1 :]
        if _same_bytes(forged, handle):
            continue  # the last character's unused bits
        with refused("ReceiptHandleIsInvalid"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=forged)
    assert sum(depth(sqs, url)) == 3


def _same_bytes(left: str, right: str) -> bool:
    def decoded(text):
        text = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4))

    try:
        return decoded(left) == decoded(right)
    except ValueError:
        return False


def test_a_handle_does_not_cross_accounts(moln, sqs, make_queue):
    url = make_queue()
    queue = url.rsplit("/", 1)[1]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    other = moln.client(key="111122223333")
    theirs = other.create_queue(QueueName=queue)["QueueUrl"]
    with refused("ReceiptHandleIsInvalid"):
        other.delete_message(QueueUrl=theirs, ReceiptHandle=message["ReceiptHandle"])
    assert sum(depth(sqs, url)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "{base}/111122223333/{queue}",
        "{base}/not-an-account/{queue}",
        "{base}/000000000000/",
        "{base}/000000000000/../{queue}",
        "{base}/000000000000/{queue}/extra",
        "{base}",
        "",
        "not a url",
        "http://",
        "file:///etc/passwd",
        "http://[::1",
        "\u0000",
        "http://example.com/000000000000/absent",
        "{base}/000000000000/%2e%2e",
        "x" * 100_000,
    ],
)
def test_queue_urls_that_name_no_queue_of_mine(moln, make_queue, url):
    queue = make_queue().rsplit("/", 1)[1]
    text = url.format(base=moln.url, queue=queue)
    reply = call_json(moln.url, "SendMessage", {"QueueUrl": text, "MessageBody": "m"})
    assert reply.status in (400, 403, 404), (reply.status, reply.text)
    codes = (
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidAddress",
        "AccessDenied",
        "MissingParameter",
        "InvalidParameterValue",
    )
    assert reply.query_error in codes, reply.text
    assert "/etc/passwd" not in reply.text
