"""Dead letters: where messages go that nobody could handle, and the way back."""

import json

import pytest

from harness.sqs import arn_of, attributes, bodies, drain, receive, redrive, refused
from harness.waiting import eventually


def queue_with_dead_letters(client, make, count=1, fifo=False, **options):
    dead = make("dead", fifo=fifo)
    live = make("live", fifo=fifo, RedrivePolicy=redrive(arn_of(client, dead), count), VisibilityTimeout=0, **options)
    return live, dead


def kill(client, live: str, dead: str, texts: list[str]) -> None:
    """Sends messages and receives them until all of them are dead letters."""
    for text in texts:
        client.send_message(QueueUrl=live, MessageBody=text)
    for _ in range(20):
        if not receive(client, live):
            return
    raise AssertionError("messages never became dead letters")


def test_a_message_dies_after_its_last_receive(sqs, make_queue):
    live, dead = queue_with_dead_letters(sqs, make_queue, count=2)
    given = {"why": {"DataType": "String", "StringValue": "poison"}}
    sent = sqs.send_message(QueueUrl=live, MessageBody="poison", MessageAttributes=given)
    assert bodies(receive(sqs, live)) == bodies(receive(sqs, live)) == ["poison"]
    assert receive(sqs, live) == []
    (letter,) = receive(sqs, dead, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert letter["MessageId"] == sent["MessageId"]
    assert letter["MessageAttributes"] == given
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, live)
    assert receive(sqs, live) == []


def test_a_fifo_dead_letter_frees_its_group(sqs, make_queue):
    live, dead = queue_with_dead_letters(sqs, make_queue, fifo=True, ContentBasedDeduplication="true")
    for text in ("poison", "next"):
        sqs.send_message(QueueUrl=live, MessageBody=text, MessageGroupId="g")
    assert bodies(receive(sqs, live, 1)) == ["poison"]
    assert bodies(receive(sqs, live, 1)) == ["next"]
    assert bodies(receive(sqs, dead)) == ["poison"]


def test_redrive_policies_are_checked(sqs, make_queue):
    live, dead, fifo = make_queue(), make_queue(), make_queue(fifo=True)
    good = {"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": 3}
    sqs.set_queue_attributes(QueueUrl=live, Attributes={"RedrivePolicy": json.dumps(good)})
    assert json.loads(attributes(sqs, live, "RedrivePolicy")["RedrivePolicy"]) == good
    for bad in (
        "{",
        "[]",
        json.dumps({"maxReceiveCount": 3}),
        json.dumps({"deadLetterTargetArn": good["deadLetterTargetArn"]}),
        json.dumps(good | {"maxReceiveCount": 0}),
        json.dumps(good | {"maxReceiveCount": 1001}),
        json.dumps(good | {"maxReceiveCount": "many"}),
        json.dumps(good | {"colour": "red"}),
        json.dumps(good | {"deadLetterTargetArn": "not an arn"}),
        json.dumps(good | {"deadLetterTargetArn": arn_of(sqs, fifo)}),
    ):
        with pytest.raises(sqs.exceptions.ClientError) as caught:
            sqs.set_queue_attributes(QueueUrl=live, Attributes={"RedrivePolicy": bad})
        assert caught.value.response["Error"]["Code"] in ("InvalidAttributeValue", "InvalidParameterValue"), bad
    with pytest.raises(sqs.exceptions.ClientError):
        missing = json.dumps(good | {"deadLetterTargetArn": good["deadLetterTargetArn"] + "-missing"})
        sqs.set_queue_attributes(QueueUrl=live, Attributes={"RedrivePolicy": missing})
    sqs.set_queue_attributes(QueueUrl=live, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes(sqs, live)


def test_a_dead_letter_queue_chooses_its_sources(sqs, make_queue):
    dead = make_queue("dead", RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    live = make_queue("live")
    policy = {"RedrivePolicy": redrive(arn_of(sqs, dead), 1)}
    with pytest.raises(sqs.exceptions.ClientError):
        sqs.set_queue_attributes(QueueUrl=live, Attributes=policy)
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(sqs, live)]}
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(allow)})
    sqs.set_queue_attributes(QueueUrl=live, Attributes=policy)
    for bad in ({"redrivePermission": "sometimes"}, {"redrivePermission": "byQueue"}, {}):
        with pytest.raises(sqs.exceptions.ClientError):
            sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(bad)})


def test_sources_of_a_dead_letter_queue_are_listed_in_pages(sqs, make_queue):
    dead = make_queue("dead")
    policy = redrive(arn_of(sqs, dead), 1)
    sources = {make_queue("live", RedrivePolicy=policy) for _ in range(5)}
    assert set(sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"]) == sources
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(
        QueueUrl=dead, PaginationConfig={"PageSize": 2}
    )
    assert {url for page in pages for url in page["queueUrls"]} == sources
    assert not sqs.list_dead_letter_source_queues(QueueUrl=make_queue()).get("queueUrls")


def test_a_move_task_brings_messages_home(sqs, make_queue):
    live, dead = queue_with_dead_letters(sqs, make_queue)
    texts = [f"m{n}" for n in range(12)]
    kill(sqs, live, dead, texts)
    sqs.set_queue_attributes(QueueUrl=live, Attributes={"VisibilityTimeout": "30"})
    handle = sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))["TaskHandle"]
    assert handle
    task = eventually(lambda: _task(sqs, dead, "COMPLETED"))
    assert task["ApproximateNumberOfMessagesMoved"] == task["ApproximateNumberOfMessagesToMove"] == 12
    assert task["SourceArn"] == arn_of(sqs, dead)
    assert "TaskHandle" not in task, "only a running task can be cancelled"
    assert sorted(bodies(drain(sqs, live))) == sorted(texts)
    assert receive(sqs, dead) == []


def test_a_move_task_goes_to_another_destination(sqs, make_queue):
    live, dead = queue_with_dead_letters(sqs, make_queue)
    kill(sqs, live, dead, ["m"])
    elsewhere = make_queue("elsewhere")
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dead), DestinationArn=arn_of(sqs, elsewhere))
    task = eventually(lambda: _task(sqs, dead, "COMPLETED"))
    assert task["DestinationArn"] == arn_of(sqs, elsewhere)
    assert bodies(drain(sqs, elsewhere)) == ["m"]


def test_a_slow_move_task_is_cancelled(movable, make_movable_queue):
    client = movable.client()
    live, dead = queue_with_dead_letters(client, make_movable_queue)
    kill(client, live, dead, [f"m{n}" for n in range(20)])
    source = arn_of(client, dead)
    handle = client.start_message_move_task(SourceArn=source, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    with refused("InvalidParameterValue", "Only one active task is allowed"):
        client.start_message_move_task(SourceArn=source)
    assert _task(client, dead, "RUNNING")["TaskHandle"] == handle
    moved = client.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert moved < 20
    eventually(lambda: _task(client, dead, "CANCELLED"))
    assert len(client.list_message_move_tasks(SourceArn=source)["Results"]) == 1


def test_move_tasks_demand_a_dead_letter_queue(sqs, make_queue):
    lonely = arn_of(sqs, make_queue())
    with refused("InvalidParameterValue"):
        sqs.start_message_move_task(SourceArn=lonely)
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.start_message_move_task(SourceArn=f"{lonely}-missing")
    for bad in ("not an arn", ""):
        with pytest.raises(sqs.exceptions.ClientError):
            sqs.start_message_move_task(SourceArn=bad)
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.cancel_message_move_task(TaskHandle="forged")
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterValue", "ResourceNotFoundException")


def _task(client, dead: str, status: str):
    results = client.list_message_move_tasks(SourceArn=arn_of(client, dead), MaxResults=1)["Results"]
    return results[0] if results and results[0]["Status"] == status else None
