"""What the tests of CloudWatch Logs share."""

import time

from botocore.exceptions import ClientError

from harness.waiting import eventually


def now_ms() -> int:
    return int(time.time() * 1000)


def new_stream(logs, group: str, stream: str = "s") -> tuple[str, str]:
    """Makes a group and a stream in it."""
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return group, stream


def put(logs, group: str, stream: str, *messages: str, at: int | None = None, step: int = 1) -> dict:
    """Puts messages, a millisecond or `step` apart."""
    begin = now_ms() if at is None else at
    events = [{"timestamp": begin + n * step, "message": m} for n, m in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def filtered(logs, group: str, pattern: str = "", **more) -> list[str]:
    """Messages that match, over all pages."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern=pattern, **more)
    return [event["message"] for page in pages for event in page["events"]]


def refused(call, **arguments) -> tuple[str, str]:
    """The code and the words of an error."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError("it was not refused")


def query(logs, groups: list[str], text: str, start: int | None = None, end: int | None = None) -> list[dict[str, str]]:
    """Runs a query and gives its rows as dictionaries."""
    now = now_ms() // 1000
    query_id = logs.start_query(
        logGroupNames=groups, startTime=start or now - 3600, endTime=end or now + 3600, queryString=text
    )["queryId"]

    def done():
        answer = logs.get_query_results(queryId=query_id)
        assert answer["status"] in ("Complete", "Running", "Scheduled"), answer
        return answer if answer["status"] == "Complete" else None

    answer = eventually(done)
    return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]
