"""Logs Insights, live tails, and `moln logs`."""

import json
import subprocess
import threading
import time

import pytest

from harness.logs import new_stream, now_ms, put, query, refused
from harness.server import BINARY
from harness.waiting import eventually


@pytest.fixture(scope="session")
def logs(moln):
    return moln.client("logs")


@pytest.fixture
def shop(logs, name):
    """A group with three requests as JSON."""
    group, stream = new_stream(logs, name("shop"))
    lines = [{"path": "/a", "ms": 10}, {"path": "/b", "ms": 200, "error": "boom"}, {"path": "/a", "ms": 30}]
    put(logs, group, stream, *map(json.dumps, lines), at=now_ms() - 5000, step=1000)
    return group


def test_fields_filter_sort(logs, shop):
    rows = query(logs, [shop], "fields path, ms | filter ms > 20 | sort ms desc")
    assert [(row["path"], row["ms"]) for row in rows] == [("/b", "200"), ("/a", "30")]
    assert all("@ptr" in row for row in rows)
    rows = query(logs, [shop], "fields @message")
    assert [json.loads(row["@message"])["ms"] for row in rows] == [30, 200, 10], "newest first"
    rows = query(logs, [shop], "filter @message like /boom/ | display @logStream, @log, error")
    assert rows[0]["@logStream"] == "s" and rows[0]["@log"] == f"000000000000:{shop}" and rows[0]["error"] == "boom"


def test_stats(logs, shop):
    rows = query(logs, [shop], "stats count(*) as n, avg(ms), max(ms) by path | sort path")
    assert rows == [
        {"path": "/a", "n": "2", "avg(ms)": "20", "max(ms)": "30"},
        {"path": "/b", "n": "1", "avg(ms)": "200", "max(ms)": "200"},
    ]


def test_a_pointer_gives_the_whole_record(logs, shop):
    (row,) = query(logs, [shop], "fields ms | filter error = 'boom'")
    record = logs.get_log_record(logRecordPointer=row["@ptr"])["logRecord"]
    assert (record["path"], record["ms"], record["@logStream"]) == ("/b", "200", "s")
    assert refused(logs.get_log_record, logRecordPointer="bm9wZQ==")[0] == "InvalidParameterException"


def test_fields_are_discovered(logs, shop):
    fields = logs.get_log_group_fields(logGroupName=shop)["logGroupFields"]
    percent = {field["name"]: field["percent"] for field in fields}
    assert percent["@message"] == 100 and percent["path"] == 100 and percent["error"] == 34


def test_queries_are_described_paged_and_refused(logs, shop):
    started = logs.start_query(logGroupName=shop, startTime=0, endTime=now_ms() // 1000 + 10, queryString="fields ms")
    query_id = started["queryId"]
    eventually(lambda: logs.get_query_results(queryId=query_id)["status"] == "Complete")
    first = logs.get_query_results(queryId=query_id, maxItems=2)
    rest = logs.get_query_results(queryId=query_id, maxItems=2, nextToken=first["nextToken"])
    assert [len(first["results"]), len(rest["results"])] == [2, 1] and "nextToken" not in rest
    statistics = first["statistics"]
    assert (statistics["recordsMatched"], statistics["recordsScanned"]) == (3.0, 3.0)
    (described,) = logs.describe_queries(logGroupName=shop)["queries"]
    assert (described["queryId"], described["status"]) == (query_id, "Complete")
    assert logs.list_log_groups_for_query(queryId=query_id)["logGroupIdentifiers"][0].endswith(shop)
    assert refused(logs.stop_query, queryId=query_id)[0] == "InvalidParameterException"
    times = {"startTime": 0, "endTime": 10}
    code, _ = refused(logs.start_query, logGroupName=shop, queryString="nonsense", **times)
    assert code == "MalformedQueryException"
    code, words = refused(logs.start_query, logGroupName="missing", queryString="fields a", **times)
    assert code == "ResourceNotFoundException" and "missing" in words


def test_results_are_found_again_after_a_kill(fresh, name):
    logs = fresh.client("logs")
    group, stream = new_stream(logs, name("again"))
    put(logs, group, stream, "one", "two")
    started = logs.start_query(
        logGroupName=group, startTime=0, endTime=now_ms() // 1000 + 10, queryString="stats count(*) as n"
    )["queryId"]
    fresh.kill()
    logs = fresh.start().client("logs")

    def results():
        answer = logs.get_query_results(queryId=started)
        return answer["results"] if answer["status"] == "Complete" else None

    assert eventually(results) == [[{"field": "n", "value": "2"}]]


def test_a_live_tail_shows_what_comes_in(moln, name):
    # botocore would put `stream-` before the host, which only names can have, not addresses.
    logs = moln.client("logs", inject_host_prefix=False)
    group, stream = new_stream(logs, name("tail"))
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]
    tail = logs.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"]
    seen, started = [], threading.Event()

    def read():
        for event in tail:
            if "sessionStart" in event:
                started.set()
            for result in event.get("sessionUpdate", {}).get("sessionResults", []):
                seen.append(result["message"])
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert started.wait(10)
    put(logs, group, stream, "INFO no", "ERROR yes")
    reader.join(10)
    tail.close()
    assert seen == ["ERROR yes"]


def test_moln_logs_prints_and_follows(moln, logs, name):
    function = name("fn")
    group, stream = new_stream(logs, f"/aws/lambda/{function}")
    put(logs, group, stream, "hello", "ERROR first", at=now_ms() - 2000)
    printed = moln.moln("logs", function).stdout.splitlines()
    assert [line.split(" ", 1)[1] for line in printed] == ["hello", "ERROR first"]
    assert moln.moln("logs", group, "--filter", "ERROR").stdout.rstrip().endswith("ERROR first")
    missing = moln.moln("logs", name("missing"), check=False)
    assert missing.returncode == 1 and "there is no log group" in missing.stderr
    follow = subprocess.Popen(
        [BINARY, "logs", function, "-f", "--filter", "ERROR"], env=moln.env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert follow.stdout.readline().rstrip().endswith("ERROR first")
        begun = time.monotonic()
        put(logs, group, stream, "quiet", "ERROR second", at=now_ms())
        assert follow.stdout.readline().rstrip().endswith("ERROR second")
        assert time.monotonic() - begun < 5
    finally:
        follow.terminate()
        follow.wait(10)
