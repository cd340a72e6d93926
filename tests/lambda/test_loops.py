"""The loop guard: a chain of events that comes through a function again and again is stopped after sixteen rounds."""

import json
import urllib.request

import pytest

from harness.events import Events
from harness.waiting import eventually

# Calls itself with another SDK's means: the trace header of the running call goes along.
SELF = """
import json, os, urllib.error, urllib.request

def handler(event, context):
    event["n"] += 1
    head = {
        "X-Amz-Invocation-Type": event["how"],
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, "
        "SignedHeaders=host, Signature=00",
        "X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"],
    }
    url = f"{os.environ['AWS_ENDPOINT_URL']}/2015-03-31/functions/{context.function_name}/invocations"
    if event["n"] > 30:
        return event["n"]
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, json.dumps(event).encode(), head))
        return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return {"n": event["n"], "error": json.load(error)}
"""


@pytest.fixture
def events(fresh, name):
    return Events(fresh, name)


def test_a_queue_that_feeds_itself_is_stopped(events, fresh):
    results, dead = events.queue(), events.queue()
    redrive = json.dumps({"deadLetterTargetArn": events.arn(dead), "maxReceiveCount": 1})
    queue = events.queue(RedrivePolicy=redrive)
    events.map(events.function(results), queue)
    events.put(queue, {"send": queue})
    events.results(results, 16)
    fresh.advance("31s")
    assert json.loads(events.take(dead)[0]["Body"]) == {"send": queue}
    assert (events.left(results), events.left(queue)) == (0, 0)
    assert "stopped a loop" in fresh.log_text()


def test_a_loop_that_is_wanted_goes_on(events):
    results, queue = events.queue(), events.queue()
    function = events.function(results)
    events.functions.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    mapping = events.map(function, queue)
    events.put(queue, {"send": queue})
    events.results(results, 20)
    events.functions.delete_event_source_mapping(UUID=mapping)


def test_a_function_that_calls_itself_asynchronously_ends_in_its_dead_letter_queue(events, fresh):
    dead = events.queue()
    function = events.function(source=SELF, DeadLetterConfig={"TargetArn": events.arn(dead)})
    events.send(function, {"n": 0, "how": "Event"})
    letter = events.take(dead)[0]
    assert json.loads(letter["Body"])["n"] == 16
    message = letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert "stopped a loop" in message and f"function:{function} → " in message
    assert "stopped a loop" in fresh.log_text()
    with urllib.request.urlopen(f"{fresh.url}/metrics") as metrics:
        told = metrics.read().decode()
    assert 'moln_service_events_total{namespace="AWS/Lambda",name="RecursiveInvocationsDropped"} 1\n' in told


def test_a_function_that_waits_for_itself_is_told(events):
    function = events.function(source=SELF, Timeout=60)
    answer = events.functions.invoke(FunctionName=function, Payload=json.dumps({"n": 0, "how": "RequestResponse"}))
    told = json.load(answer["Payload"])
    assert told["n"] == 16
    assert told["error"]["Type"] == "User"
    assert "recursive loop" in (told["error"].get("Message") or told["error"]["message"])


def test_a_function_that_reads_its_own_log_is_stopped(events, fresh):
    logs, results = fresh.client("logs"), events.queue()
    function = events.function(results)
    events.functions.add_permission(
        FunctionName=function, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    group = f"/aws/lambda/{function}"
    logs.create_log_group(logGroupName=group)
    arn = events.functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    # Its START lines: one for each call, and each is another call.
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="START", destinationArn=arn)
    events.send(function, {})
    events.results(results, 16)
    eventually(lambda: "stopped a loop" in fresh.log_text())
    assert events.left(results) == 0
