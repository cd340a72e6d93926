"""FIFO queues: order and lock per group, exactly once within five minutes."""

import pytest

from harness.sqs import attributes, bodies, depth, receive, refused


def send(client, url, body, group="g", dedup=None, **options):
    if dedup is not None:
        options["MessageDeduplicationId"] = dedup
    return client.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **options)


def test_a_groups_order_is_kept_and_numbered(sqs, make_queue):
    url = make_queue(fifo=True)
    numbers = [int(send(sqs, url, f"m{n}", dedup=str(n))["SequenceNumber"]) for n in range(25)]
    assert numbers == sorted(set(numbers))
    assert len(str(numbers[0])) == 20
    seen = []
    while batch := receive(sqs, url, AttributeNames=["All"]):
        seen += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert bodies(seen) == [f"m{n}" for n in range(25)]
    assert [int(message["Attributes"]["SequenceNumber"]) for message in seen] == numbers
    assert seen[3]["Attributes"]["MessageGroupId"] == "g"
    assert seen[3]["Attributes"]["MessageDeduplicationId"] == "3"


def test_a_message_in_flight_locks_its_group_only(sqs, make_queue):
    url = make_queue(fifo=True)
    for group in "ab":
        for number in range(2):
            send(sqs, url, f"{group}{number}", group, f"{group}{number}")
    (first,) = receive(sqs, url, 1)
    assert first["Body"] == "a0"
    assert bodies(receive(sqs, url)) == ["b0", "b1"]
    assert receive(sqs, url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert bodies(receive(sqs, url)) == ["a1"]


def test_a_group_is_served_from_its_head_after_a_timeout(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(fifo=True, VisibilityTimeout=20)
    for number in range(3):
        send(client, url, str(number), dedup=str(number))
    assert bodies(receive(client, url, 2)) == ["0", "1"]
    assert receive(client, url) == []
    movable.advance("21s")
    assert bodies(receive(client, url)) == ["0", "1", "2"]


def test_the_same_deduplication_id_is_stored_once_for_five_minutes(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(fifo=True)
    first = send(client, url, "m", dedup="same")
    again = send(client, url, "other body", dedup="same")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    (message,) = receive(client, url)
    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    movable.advance("4m50s")
    send(client, url, "m", dedup="same")
    assert receive(client, url) == []
    movable.advance("11s")
    assert send(client, url, "m", dedup="same")["MessageId"] != first["MessageId"]
    assert bodies(receive(client, url)) == ["m"]


def test_content_deduplicates_where_the_queue_says_so(sqs, make_queue):
    url = make_queue(fifo=True, ContentBasedDeduplication="true")
    for body in ("same", "same", "other"):
        send(sqs, url, body)
    send(sqs, url, "same", dedup="explicit beats content".replace(" ", "-"))
    assert bodies(receive(sqs, url)) == ["same", "other", "same"]


def test_deduplication_by_group_in_high_throughput(sqs, make_queue):
    url = make_queue(fifo=True, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        send(sqs, url, group, group, "same")
    assert sorted(bodies(receive(sqs, url))) == ["a", "b"]


def test_group_and_deduplication_id_are_demanded(sqs, make_queue):
    url = make_queue(fifo=True)
    with refused("MissingParameter", "The request must contain the parameter MessageGroupId."):
        sqs.send_message(QueueUrl=url, MessageBody="m", MessageDeduplicationId="d")
    with refused("InvalidParameterValue", "ContentBasedDeduplication"):
        send(sqs, url, "m")
    for bad in ("sp ace", "x" * 129, "ü"):
        with refused("InvalidParameterValue"):
            send(sqs, url, "m", group=bad, dedup="d")
    with refused("InvalidParameterValue", "DelaySeconds"):
        send(sqs, url, "m", dedup="d", DelaySeconds=5)


def test_a_standard_queue_takes_a_group_but_no_deduplication_id(sqs, make_queue):
    url = make_queue()
    send(sqs, url, "fair", group="tenant")
    (message,) = receive(sqs, url, AttributeNames=["All"])
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    with refused("InvalidParameterValue", "MessageDeduplicationId"):
        send(sqs, url, "m", dedup="d")


def test_a_batch_keeps_its_order(sqs, make_queue):
    url = make_queue(fifo=True, ContentBasedDeduplication="true")
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": f"m{n}", "MessageGroupId": "g"} for n in range(10)]
    )
    numbers = [int(entry["SequenceNumber"]) for entry in sorted(answer["Successful"], key=lambda e: int(e["Id"]))]
    assert numbers == sorted(numbers)
    assert bodies(receive(sqs, url)) == [f"m{n}" for n in range(10)]


def test_a_receive_attempt_is_replayed(sqs, make_queue):
    url = make_queue(fifo=True)
    for number in range(4):
        send(sqs, url, str(number), dedup=str(number))
    first = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt-1")
    again = receive(sqs, url, 2, ReceiveRequestAttemptId="attempt-1")
    assert bodies(first) == bodies(again) == ["0", "1"]
    assert receive(sqs, url, 2, ReceiveRequestAttemptId="attempt-2") == []


def test_the_queues_delay_holds_its_group(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(fifo=True, DelaySeconds=30)
    send(client, url, "a", dedup="a")
    assert receive(client, url) == []
    assert depth(client, url) == (0, 0, 1)
    movable.advance("31s")
    assert bodies(receive(client, url)) == ["a"]


def test_purge_forgets_deduplication(sqs, make_queue):
    url = make_queue(fifo=True)
    send(sqs, url, "before", dedup="d")
    sqs.purge_queue(QueueUrl=url)
    send(sqs, url, "after", dedup="d")
    assert bodies(receive(sqs, url)) == ["after"]


def test_defaults_and_rules_of_fifo_attributes(sqs, make_queue, name):
    url = make_queue(fifo=True)
    found = attributes(sqs, url)
    assert {
        key: found[key]
        for key in ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
    } == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }
    with refused("InvalidParameterValue", "allowed only when the value for DeduplicationScope is messageGroup"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"FifoThroughputLimit": "perMessageGroupId"})
    for bad in ("false", "maybe"):
        with pytest.raises(sqs.exceptions.ClientError):
            sqs.create_queue(QueueName=name(fifo=True), Attributes={"FifoQueue": bad})
