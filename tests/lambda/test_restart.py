"""Functions outlive the server that runs them: restarts, kills, backups, with code, versions, aliases and settings."""

import json

import pytest

from harness.events import Events, archive
from harness.server import moln as run_moln

SOURCE = "def handler(event, context):\n    return ['first', context.function_version, event]\n"
SECOND = "def handler(event, context):\n    return ['second', context.function_version, event]\n"


@pytest.fixture
def events(fresh, name):
    return Events(fresh, name)


def filled(events) -> str:
    """A function with two versions, an alias and everything that can be set for it."""
    functions = events.functions
    function = events.function(source=SOURCE, Description="kept", Tags={"team": "a"}, MemorySize=256)
    functions.publish_version(FunctionName=function, Description="one")
    functions.update_function_code(FunctionName=function, ZipFile=archive(SECOND), Publish=True)
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1", Description="the one")
    functions.add_permission(
        FunctionName=function,
        Qualifier="live",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=5)
    functions.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
    functions.create_function_url_config(FunctionName=function, AuthType="NONE", Cors={"AllowOrigins": ["*"]})
    functions.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    return function


def told(functions, function: str) -> dict:
    """All that the API tells of a function. Links to code and request ids differ each time."""
    answers = {
        "function": functions.get_function(FunctionName=function),
        "configuration": functions.get_function_configuration(FunctionName=function),
        "versions": functions.list_versions_by_function(FunctionName=function),
        "aliases": functions.list_aliases(FunctionName=function),
        "policy": functions.get_policy(FunctionName=function, Qualifier="live"),
        "concurrency": functions.get_function_concurrency(FunctionName=function),
        "asynchronous": functions.get_function_event_invoke_config(FunctionName=function),
        "url": functions.get_function_url_config(FunctionName=function),
        "recursion": functions.get_function_recursion_config(FunctionName=function),
    }
    for answer in answers.values():
        answer.pop("ResponseMetadata")
    answers["function"]["Code"].pop("Location")
    return answers


def call(functions, function: str, **options):
    answer = functions.invoke(FunctionName=function, Payload=json.dumps("e"), **options)
    return json.loads(answer["Payload"].read())


def runs_as_before(functions, function: str) -> None:
    assert call(functions, function) == ["second", "$LATEST", "e"]
    assert call(functions, function, Qualifier="live") == ["first", "1", "e"]
    assert call(functions, function, Qualifier="2") == ["second", "2", "e"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_function_is_the_same_after_a_restart(events, fresh, end):
    function = filled(events)
    runs_as_before(events.functions, function)
    before = told(events.functions, function)
    getattr(fresh, end)()
    fresh.start()
    assert told(events.functions, function) == before
    runs_as_before(events.functions, function)
    assert events.functions.publish_version(FunctionName=function)["Version"] == "2", "nothing has changed"


def test_a_deleted_function_stays_deleted(events, fresh):
    gone, kept = events.function(source=SOURCE), events.function(source=SOURCE)
    events.functions.delete_function(FunctionName=gone)
    fresh.kill()
    fresh.start()
    assert [each["FunctionName"] for each in events.functions.list_functions()["Functions"]] == [kept]
    assert call(events.functions, kept) == ["first", "$LATEST", "e"], "both had the same code"


def test_a_backup_brings_code_and_waiting_events_along(events, fresh, new_server, tmp_path):
    function, results = filled(events), events.queue()
    slow = events.function(results)
    events.send(slow, {"raise": "again"})
    first = events.results(results)[0]
    before = told(events.functions, function)
    fresh.moln("backup", str(tmp_path / "backup.moln"))

    copy = new_server()
    run_moln("restore", str(tmp_path / "backup.moln"), "--data", str(copy.data), env=copy.env)
    copy.start()
    there = Events(copy, events.name)
    after = told(there.functions, function)
    # The address is the server's.
    assert after["url"].pop("FunctionUrl") and before["url"].pop("FunctionUrl")
    assert after == before
    runs_as_before(there.functions, function)
    copy.advance("1m")
    again = there.results(there.sqs.get_queue_url(QueueName=results.rsplit("/", 1)[1])["QueueUrl"])
    assert again[0]["id"] == first["id"]
