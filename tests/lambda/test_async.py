"""Asynchronous invokes: retries by the clock, dead letters, destinations, restarts."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.events import Events
from harness.waiting import eventually


@pytest.fixture
def events(fresh, name):
    return Events(fresh, name)


def test_a_failing_event_is_tried_three_times_and_told_of(events, fresh):
    results, dead, bad = events.queue(), events.queue(), events.queue()
    function = events.function(results, DeadLetterConfig={"TargetArn": events.arn(dead)})
    events.functions.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": events.arn(bad)}}
    )
    events.send(function, {"raise": "boom"})
    first = events.results(results)[0]
    fresh.advance("59s")
    assert events.left(results) == 0
    fresh.advance("1s")
    assert events.results(results)[0]["id"] == first["id"]
    assert events.left(dead) == 0
    fresh.advance("2m")
    assert events.results(results)[0]["id"] == first["id"]

    letter = events.take(dead)[0]
    assert json.loads(letter["Body"]) == {"raise": "boom"}
    attributes = {key: (value["DataType"], value["StringValue"]) for key, value in letter["MessageAttributes"].items()}
    assert attributes == {
        "RequestID": ("String", first["id"]),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "boom"),
    }
    record = json.loads(events.take(bad)[0]["Body"])
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": first["id"],
        "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"raise": "boom"}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "boom"
    fresh.advance("6h")
    assert events.left(results) == 0


def test_a_success_goes_on_to_a_queue_and_to_another_function(events):
    good, results = events.queue(), events.queue()
    after = events.function(results)
    function = events.function()
    for destination in (events.arn(good), f"arn:aws:lambda:us-east-1:000000000000:function:{after}"):
        events.functions.put_function_event_invoke_config(
            FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": destination}}
        )
        events.send(function, {"answer": [1, 2]})
        if "sqs" in destination:
            record = json.loads(events.take(good)[0]["Body"])
        else:
            record = events.results(results)[0]["event"]
        assert record["requestContext"]["condition"] == "Success"
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert record["requestPayload"] == {"answer": [1, 2]}
        assert record["responsePayload"] == [1, 2]
        assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_what_was_accepted_survives_a_kill(events, fresh):
    results = events.queue()
    function = events.function(results)
    events.send(function, {"raise": "again"})
    first = events.results(results)[0]
    fresh.kill()
    fresh.start()
    fresh.advance("1m")
    assert events.results(results)[0]["id"] == first["id"]


def test_settings_bound_tries_and_age(events, fresh):
    results, bad = events.queue(), events.queue()
    function = events.function(results)
    events.functions.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": events.arn(bad)}},
    )
    events.send(function, {"raise": "once"})
    events.results(results)
    record = json.loads(events.take(bad)[0]["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 1
    events.functions.put_function_event_invoke_config(
        FunctionName=function,
        MaximumRetryAttempts=2,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": events.arn(bad)}},
    )
    events.send(function, {"raise": "too old for a second try"})
    events.results(results)
    fresh.advance("2m")
    record = json.loads(events.take(bad)[0]["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"


def test_a_throttled_function_gets_its_events_later(events, fresh):
    results = events.queue()
    function = events.function(results)
    events.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    for n in range(5):
        events.send(function, {"sleep": 0.2, "n": n})

    def all_of_them():
        fresh.advance("1s")
        return events.left(results) == 5

    eventually(all_of_them)
    told = events.results(results, 5)
    assert sorted(each["event"]["n"] for each in told) == [0, 1, 2, 3, 4]
    assert len({each["id"] for each in told}) == 5


def test_events_have_up_to_a_megabyte(events):
    results = events.queue()
    function = events.function(results, source="def handler(event, context): raise Exception(str(len(event)))")
    dead = events.queue()
    events.functions.update_function_configuration(
        FunctionName=function, DeadLetterConfig={"TargetArn": events.arn(dead)}
    )
    events.functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    events.functions.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    # A queue's message has as much room as the event has, its attributes included: those that do not fit stay away.
    for length, attributes in ((1_048_576 - 2, 0), (1_048_576 - 200, 3)):
        events.send(function, "x" * length)
        letter = events.take(dead)[0]
        assert json.loads(letter["Body"]) == "x" * length
        told = letter.get("MessageAttributes", {})
        assert len(told) == attributes
        assert not told or told["ErrorMessage"]["StringValue"] == str(length)
    with pytest.raises(ClientError) as refused:
        events.send(function, "x" * 1_048_577)
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"
