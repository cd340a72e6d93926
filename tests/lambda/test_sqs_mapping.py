"""Queues mapped to functions."""

import asyncio
import json
import time

import pytest
from botocore.exceptions import ClientError

from harness.events import Events
from harness.load import fill
from harness.waiting import eventually


@pytest.fixture
def events(fresh, name):
    return Events(fresh, name)


def bodies(results: list[dict]) -> list[list[str]]:
    return [[record["body"] for record in told["event"]["Records"]] for told in results]


def test_a_message_arrives_as_aws_writes_it(events):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    attribute = {"StringValue": "6", "DataType": "Number"}
    events.put(queue, "hello", MessageAttributes={"n": attribute})
    mapping = events.map(function, queue)
    record = events.results(results)[0]["event"]["Records"][0]
    assert list(record) == [
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfMessageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    ]
    assert record["body"] == "hello" and record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert list(record["attributes"]) == [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    ]
    assert record["messageAttributes"] == {
        "n": {"stringValue": "6", "stringListValues": [], "binaryListValues": [], "dataType": "Number"}
    }
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", events.arn(queue))
    eventually(lambda: events.left(queue) == 0)
    listed = events.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [mapping]


def test_failures_come_back_and_end_in_the_dead_letter_queue(events, fresh):
    results, dead = events.queue(), events.queue()
    redrive = json.dumps({"deadLetterTargetArn": events.arn(dead), "maxReceiveCount": 2})
    queue = events.queue(RedrivePolicy=redrive)
    events.map(events.function(results), queue)
    events.put(queue, {"raise": "boom"})
    for count in ("1", "2"):
        record = events.results(results)[0]["event"]["Records"][0]
        assert record["attributes"]["ApproximateReceiveCount"] == count
        fresh.advance("31s")
    assert json.loads(events.take(dead)[0]["Body"]) == {"raise": "boom"}
    assert events.left(queue) == 0


def test_single_messages_of_a_batch_fail(events, fresh):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    made = events.functions.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=events.arn(queue),
        FunctionResponseTypes=["ReportBatchItemFailures"],
        Enabled=False,
    )
    events.put(queue, {"fail": 1}, {"n": 2}, {"n": 3})
    events.functions.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    assert len(bodies(events.results(results))[0]) == 3
    eventually(lambda: events.left(queue) == 1)
    fresh.advance("31s")
    assert bodies(events.results(results)) == [['{"fail": 1}']]


def test_filtered_messages_are_removed_unseen(events):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    pattern = json.dumps({"body": {"kind": ["wanted"], "n": [{"numeric": [">", 1]}]}})
    events.map(function, queue, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    events.put(queue, {"kind": "other", "n": 5}, {"kind": "wanted", "n": 1}, "plain", {"kind": "wanted", "n": 2})
    assert bodies(events.results(results)) == [['{"kind": "wanted", "n": 2}']]
    eventually(lambda: events.left(queue) == 0)
    with pytest.raises(ClientError) as refused:
        other = events.queue()
        events.map(function, other, FilterCriteria={"Filters": [{"Pattern": '{"body": "x"}'}]})
    assert refused.value.response["Error"]["Message"] == "Invalid filter pattern definition."


def test_a_window_collects_messages_by_the_clock(events, fresh):
    results, queue = events.queue(), events.queue()
    events.map(events.function(results), queue, BatchSize=1000, MaximumBatchingWindowInSeconds=120)
    events.put(queue, "a", "b")
    fresh.advance("100s")
    events.put(queue, "c")
    fresh.advance("19s")
    assert events.left(results) == 0
    fresh.advance("2s")
    assert sorted(bodies(events.results(results))[0]) == ["a", "b", "c"]


def test_no_more_run_at_once_than_allowed_and_no_receive_is_wasted(events):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    events.map(function, queue, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    events.put(queue, *({"sleep": 0.3, "n": n} for n in range(8)))
    told = events.results(results, 8)
    counts = {each["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] for each in told}
    assert counts == {"1"}
    begins = sorted(each["at"] for each in told)
    assert all(third - first >= 0.29 for first, third in zip(begins, begins[2:], strict=False)), begins


def test_groups_stay_in_order_and_run_side_by_side(events):
    results, queue = events.queue(), events.queue(fifo=True, ContentBasedDeduplication="true")
    function = events.function(results)
    for n in range(4):
        for group in "ab":
            events.put(queue, {"group": group, "n": n, "sleep": 0.1}, MessageGroupId=group)
    events.map(function, queue, BatchSize=1)
    told = sorted(events.results(results, 8), key=lambda each: each["at"])
    seen = [json.loads(each["event"]["Records"][0]["body"]) for each in told]
    for group in "ab":
        assert [each["n"] for each in seen if each["group"] == group] == [0, 1, 2, 3]
    assert told[-1]["at"] - told[0]["at"] < 0.75, "two groups run at once"
    attributes = told[0]["event"]["Records"][0]["attributes"]
    assert {"SequenceNumber", "MessageGroupId", "MessageDeduplicationId"} <= set(attributes)


def test_it_is_disabled_enabled_restarted_and_deleted(events, fresh):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    mapping = events.map(function, queue)
    told = events.functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    assert told["State"] == "Disabling"
    events.state(mapping, "Disabled")
    events.put(queue, "later")
    fresh.kill()
    fresh.start()
    time.sleep(0.3)
    assert (events.left(queue), events.left(results)) == (1, 0)
    assert events.functions.update_event_source_mapping(UUID=mapping, Enabled=True)["State"] == "Enabling"
    assert bodies(events.results(results)) == [["later"]]
    fresh.restart()
    events.put(queue, "after a restart")
    assert bodies(events.results(results)) == [["after a restart"]]
    assert events.functions.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting"

    def gone():
        try:
            events.functions.get_event_source_mapping(UUID=mapping)
        except events.functions.exceptions.ResourceNotFoundException:
            return True
        return False

    eventually(gone)
    events.put(queue, "nobody reads")
    time.sleep(0.3)
    assert events.left(queue) == 1


def test_a_queue_must_hide_messages_for_as_long_as_the_function_may_take(events, fresh):
    queue = events.queue(VisibilityTimeout=9)
    function = events.function()
    with pytest.raises(ClientError) as refused:
        events.map(function, queue)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == "Queue visibility timeout: 9 seconds is less than Function timeout: 10 seconds"
    events.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "10"})
    events.map(function, queue)
    events.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "5"})
    events.put(queue, "x", "y")
    eventually(lambda: events.left(queue) == 0)
    events.put(queue, "x", "y")
    eventually(lambda: "Queue visibility timeout: 5 seconds is less than Function timeout" in fresh.log_text())


def test_streams_say_that_they_are_not_there_yet(events):
    function = events.function()
    for arn, what in (
        ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "Kinesis streams"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000", "DynamoDB streams"),
    ):
        with pytest.raises(ClientError) as refused:
            events.functions.create_event_source_mapping(
                FunctionName=function, EventSourceArn=arn, StartingPosition="LATEST"
            )
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
        assert what in refused.value.response["Error"]["Message"]


@pytest.mark.alone
def test_a_backlog_of_ten_thousand_is_worked_off_quickly(events, fresh):
    queue = events.queue()
    function = events.function(source="def handler(event, context): return None")
    events.functions.invoke(FunctionName=function)
    made = events.functions.create_event_source_mapping(
        FunctionName=function, EventSourceArn=events.arn(queue), BatchSize=10, Enabled=False
    )
    asyncio.run(fill(fresh.port, queue, 10_000))
    begin = time.monotonic()
    events.functions.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    eventually(lambda: events.left(queue) == 0, limit=60)
    rate = 10_000 / (time.monotonic() - begin)
    print(f"{rate:.0f} messages a second")
    # The promise is 2,000 a second on a machine that does nothing else.
    assert rate >= 1_000, rate
