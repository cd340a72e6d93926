"""Messages: what goes in comes out, once, until it is deleted."""

import time

import pytest

from harness.sqs import bodies, depth, md5, receive, refused


def test_a_message_is_sent_received_and_deleted(sqs, make_queue):
    url = make_queue()
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sent["MD5OfMessageBody"] == md5("hello")
    assert "SequenceNumber" not in sent
    (message,) = receive(sqs, url)
    assert (message["Body"], message["MessageId"], message["MD5OfBody"]) == ("hello", sent["MessageId"], md5("hello"))
    assert depth(sqs, url) == (0, 1, 0)
    assert receive(sqs, url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert depth(sqs, url) == (0, 0, 0)


@pytest.mark.parametrize(
    "body",
    [
        "a",
        "\t tab, newline\n and return\r",
        "ünïcödé ✓ 漢字",
        "\U0001f680" * 10,
        "\ue000\ufffd\U0010ffff",
        '{"json": "<xml/> & \\"quotes\\""}',
        "]]>",
        " leading and trailing ",
        "x" * 70_000,
        "é" * (1_048_576 // 2),
    ],
    ids=["one", "white", "unicode", "astral", "edges", "markup", "cdata", "spaces", "beyond-64k", "one-mebibyte"],
)
def test_every_allowed_text_survives_both_protocols(sqs, query, make_queue, body):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert query.call("SendMessage", QueueUrl=url, MessageBody=body).findtext("MD5OfMessageBody") == md5(body)
    (first,) = receive(sqs, url, 1)
    assert first["Body"] == body
    second = query.call("ReceiveMessage", QueueUrl=url).find("Message")
    assert second.findtext("Body") == body
    assert second.findtext("MD5OfBody") == md5(body)


@pytest.mark.parametrize("bad", ["\x00", "\x01", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_characters_outside_the_allowed_set_are_refused(sqs, make_queue, bad):
    url = make_queue()
    with refused("InvalidMessageContents"):
        sqs.send_message(QueueUrl=url, MessageBody=f"a{bad}b")
    assert depth(sqs, url) == (0, 0, 0)


def test_sizes_are_limited_in_bytes(sqs, make_queue):
    url = make_queue(MaximumMessageSize=1024)
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1024)
    with refused("InvalidParameterValue", "Message must be shorter than 1024 bytes"):
        sqs.send_message(QueueUrl=url, MessageBody="é" * 513)
    with refused("InvalidParameterValue", "shorter than 1024 bytes"):
        sqs.send_message(
            QueueUrl=url,
            MessageBody="x" * 1000,
            MessageAttributes={
                "big": {"DataType": "String", "StringValue": "y" * 100},
            },
        )
    with refused("MissingParameter", "MessageBody"):
        sqs.send_message(QueueUrl=url, MessageBody="")


def test_message_attributes_of_every_type_come_back(sqs, make_queue):
    url = make_queue()
    given = {
        "text": {"DataType": "String", "StringValue": "ünïcode"},
        "text.custom": {"DataType": "String.json", "StringValue": "{}"},
        "count": {"DataType": "Number", "StringValue": "12345678901234567890.5"},
        "count-typed": {"DataType": "Number.int", "StringValue": "-7"},
        "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
        "raw_typed": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="with attributes", MessageAttributes=given)
    (message,) = receive(sqs, url, MessageAttributeNames=["All"])  # botocore itself checks the MD5s
    assert message["MessageAttributes"] == given
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


def test_attributes_are_filtered_by_name_and_prefix(sqs, make_queue):
    url = make_queue(VisibilityTimeout=0)
    value = {"DataType": "String", "StringValue": "v"}
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes={"foo.a": value, "foo.b": value, "bar": value})

    def seen(*names):
        (message,) = receive(sqs, url, MessageAttributeNames=list(names))
        return set(message.get("MessageAttributes", {}))

    assert seen() == set()
    assert seen("bar", "nothing") == {"bar"}
    assert seen("foo.*") == {"foo.a", "foo.b"}
    assert seen(".*") == seen("All") == {"foo.a", "foo.b", "bar"}


@pytest.mark.parametrize(
    "attribute, value",
    [
        ("AWS.reserved", {"DataType": "String", "StringValue": "v"}),
        ("amazon.reserved", {"DataType": "String", "StringValue": "v"}),
        (".dot", {"DataType": "String", "StringValue": "v"}),
        ("dot.", {"DataType": "String", "StringValue": "v"}),
        ("two..dots", {"DataType": "String", "StringValue": "v"}),
        ("sp ace", {"DataType": "String", "StringValue": "v"}),
        ("n" * 257, {"DataType": "String", "StringValue": "v"}),
        ("type", {"DataType": "Colour", "StringValue": "v"}),
        ("empty", {"DataType": "String", "StringValue": ""}),
        ("number", {"DataType": "Number", "StringValue": "many"}),
        ("missing", {"DataType": "String"}),
        ("wrong", {"DataType": "Binary", "StringValue": "v"}),
        ("control", {"DataType": "String", "StringValue": "a\x02b"}),
    ],
)
def test_bad_message_attributes_are_refused(sqs, make_queue, attribute, value):
    url = make_queue()
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes={attribute: value})
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidMessageContents"), caught.value
    assert depth(sqs, url) == (0, 0, 0)


def test_eleven_message_attributes_are_one_too_many(sqs, make_queue):
    url = make_queue()
    value = {"DataType": "String", "StringValue": "v"}
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes={f"a{n}": value for n in range(10)})
    with refused("InvalidParameterValue"):
        sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes={f"a{n}": value for n in range(11)})


def test_system_attributes_tell_the_messages_story(sqs, make_queue):
    url = make_queue(VisibilityTimeout=0)
    before = int(time.time() * 1000) - 1
    sqs.send_message(
        QueueUrl=url,
        MessageBody="m",
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"},
        },
    )
    (first,) = receive(sqs, url, MessageSystemAttributeNames=["All"])
    (second,) = receive(sqs, url, AttributeNames=["All"])  # the older name of the parameter
    after = int(time.time() * 1000) + 1
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    story = second["Attributes"]
    assert story["AWSTraceHeader"].startswith("Root=1-5759e988")
    assert story["SenderId"]
    assert before <= int(story["SentTimestamp"]) <= int(story["ApproximateFirstReceiveTimestamp"]) <= after
    (third,) = receive(sqs, url, MessageSystemAttributeNames=["SentTimestamp"])
    assert set(third["Attributes"]) == {"SentTimestamp"}
    (fourth,) = receive(sqs, url)
    assert "Attributes" not in fourth


def test_receive_bounds_are_checked(sqs, make_queue):
    url = make_queue()
    for parameters in (
        {"MaxNumberOfMessages": 0},
        {"MaxNumberOfMessages": 11},
        {"WaitTimeSeconds": -1},
        {"WaitTimeSeconds": 21},
        {"VisibilityTimeout": -1},
        {"VisibilityTimeout": 43201},
    ):
        (parameter,) = parameters
        with refused("InvalidParameterValue", f"parameter {parameter} is invalid"):
            sqs.receive_message(QueueUrl=url, **parameters)


def test_every_message_of_many_is_received_exactly_once_while_visible_only_once(sqs, make_queue):
    url = make_queue()
    for start in range(0, 100, 10):
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": f"m{n}"} for n in range(start, start + 10)]
        )
    seen = []
    while batch := receive(sqs, url):
        seen += bodies(batch)
    assert sorted(seen) == sorted(f"m{n}" for n in range(100))
    assert depth(sqs, url) == (0, 100, 0)


def test_a_delay_hides_a_message(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(DelaySeconds=30)
    client.send_message(QueueUrl=url, MessageBody="queue's delay")
    client.send_message(QueueUrl=url, MessageBody="own delay", DelaySeconds=60)
    client.send_message(QueueUrl=url, MessageBody="none", DelaySeconds=0)
    assert bodies(receive(client, url, VisibilityTimeout=600)) == ["none"]
    assert depth(client, url) == (0, 1, 2)
    movable.advance("25s")
    assert receive(client, url) == []
    movable.advance("6s")
    assert bodies(receive(client, url, VisibilityTimeout=600)) == ["queue's delay"]
    movable.advance("31s")
    assert bodies(receive(client, url)) == ["own delay"]
    for seconds in (-1, 901):
        with refused("InvalidParameterValue", "DelaySeconds"):
            client.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=seconds)


def test_purge_empties_the_queue_once_a_minute(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue()
    for number in range(3):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    receive(client, url, 1)
    client.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=5)
    client.purge_queue(QueueUrl=url)
    assert depth(client, url) == (0, 0, 0)
    movable.advance("50s")
    assert receive(client, url) == []
    with refused("AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation"):
        client.purge_queue(QueueUrl=url)
    movable.advance("11s")
    client.purge_queue(QueueUrl=url)
