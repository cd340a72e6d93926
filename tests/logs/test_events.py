"""Putting and getting events: order, tokens, limits, restarts."""

import pytest

from harness.logs import filtered, new_stream, now_ms, put, refused

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture(scope="session")
def logs(moln):
    # Bad input must reach the server.
    return moln.client("logs", parameter_validation=False)


def messages(answer) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_tokens_walk_both_ways_and_stand_still_at_the_ends(logs, name):
    group, stream = new_stream(logs, name("walk"))
    put(logs, group, stream, *[f"m{n}" for n in range(25)])

    def get(**more):
        return logs.get_log_events(logGroupName=group, logStreamName=stream, limit=10, **more)

    first = get(startFromHead=True)
    assert messages(first) == [f"m{n}" for n in range(10)]
    second = get(nextToken=first["nextForwardToken"])
    third = get(nextToken=second["nextForwardToken"], startFromHead=True)
    assert messages(third) == [f"m{n}" for n in range(20, 25)]
    end = get(nextToken=third["nextForwardToken"])
    assert messages(end) == []
    assert end["nextForwardToken"] == third["nextForwardToken"], "at the end the token comes back"
    back = get(nextToken=third["nextBackwardToken"])
    assert messages(back) == [f"m{n}" for n in range(10, 20)]
    start = get(nextToken=first["nextBackwardToken"])
    assert messages(start) == [] and start["nextBackwardToken"] == first["nextBackwardToken"]
    assert messages(get()) == [f"m{n}" for n in range(15, 25)], "the newest, in order of time"
    put(logs, group, stream, "later", at=now_ms() + 1000)
    assert messages(get(nextToken=end["nextForwardToken"])) == ["later"], "a token at the end finds what comes"


def test_a_token_of_an_empty_stream_finds_what_comes(logs, name):
    group, stream = new_stream(logs, name("empty"))
    empty = logs.get_log_events(logGroupName=group, logStreamName=stream)
    assert empty["events"] == [] and empty["nextForwardToken"].startswith("f/")
    put(logs, group, stream, "one")
    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=empty["nextForwardToken"])
    assert messages(answer) == ["one"]


def test_batches_that_overlap_are_merged_in_order_of_time(logs, name):
    group, stream = new_stream(logs, name("merge"))
    begin = now_ms() - 10 * HOUR
    put(logs, group, stream, *[f"a{n:02}" for n in range(0, 40, 2)], at=begin, step=20_000)
    put(logs, group, stream, *[f"a{n:02}" for n in range(1, 40, 2)], at=begin + 10_000, step=20_000)
    wanted = [f"a{n:02}" for n in range(40)]
    head = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    assert messages(head) == wanted
    assert messages(logs.get_log_events(logGroupName=group, logStreamName=stream)) == wanted
    middle = logs.get_log_events(
        logGroupName=group, logStreamName=stream, startTime=begin + 50_000, endTime=begin + 80_000
    )
    assert messages(middle) == ["a05", "a06", "a07"], "from inclusive, to exclusive"
    assert filtered(logs, group, startTime=begin + 50_000, endTime=begin + 80_000) == ["a05", "a06", "a07", "a08"]


def test_what_is_too_old_or_too_new_is_rejected_and_the_rest_taken(logs, name):
    group, stream = new_stream(logs, name("rejected"))
    now = now_ms()
    times = [now - 15 * DAY, now - 1000, now, now + 3 * HOUR]
    events = [{"timestamp": at, "message": f"e{n}"} for n, at in enumerate(times)]
    answer = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    assert len(answer["nextSequenceToken"]) == 56
    assert filtered(logs, group) == ["e1", "e2"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    events = [{"timestamp": at, "message": f"f{n}"} for n, at in enumerate([now - 2 * DAY, now])]
    answer = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


def test_bad_batches_are_refused_whole(logs, name):
    group, stream = new_stream(logs, name("bad"))
    now = now_ms()

    def refuse(*events):
        events = [{"timestamp": at, "message": message} for at, message in events]
        code, words = refused(logs.put_log_events, logGroupName=group, logStreamName=stream, logEvents=events)
        assert code == "InvalidParameterException", words
        return words

    assert "chronological" in refuse((now, "a"), (now - 1, "b"))
    assert "24 hours" in refuse((now - 2 * DAY, "a"), (now, "b"))
    assert "Upload too large" in refuse((now, "x" * 700_000), (now, "y" * 400_000))
    assert "length" in refuse(*[(now, "m")] * 10_001)
    assert "length" in refuse((now, ""))
    assert filtered(logs, group) == []
    assert refused(
        logs.put_log_events,
        logGroupName=group,
        logStreamName="nope",
        logEvents=[{"timestamp": now, "message": "m"}],
    ) == ("ResourceNotFoundException", "The specified log stream does not exist.")
    for bad in ("nonsense", "f/12x/s", "f/" + "9" * 70 + "/s"):
        code, _ = refused(logs.get_log_events, logGroupName=group, logStreamName=stream, nextToken=bad)
        assert code == "InvalidParameterException"
        code, _ = refused(logs.filter_log_events, logGroupName=group, nextToken=bad)
        assert code == "InvalidParameterException"


def test_the_largest_batches_come_back_whole(logs, name):
    group, stream = new_stream(logs, name("large"))
    big = "ä" * 500_000
    put(logs, group, stream, big)
    assert filtered(logs, group) == [big]
    many = [f"{n:04}" for n in range(10_000)]
    put(logs, group, stream, *many, at=now_ms() - 20 * HOUR, step=7_000)
    assert filtered(logs, group) == [*many, big]
    backward = filtered(logs, group, startFromHead=False)
    assert backward == [big, *reversed(many)]
    page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    assert len(page["events"]) == 10_000


def test_streams_are_interleaved_and_chosen(logs, name):
    group = name("streams")
    logs.create_log_group(logGroupName=group)
    begin = now_ms() - HOUR
    for index, stream in enumerate(["a/1", "a/2", "b/1"]):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        put(logs, group, stream, *[f"{stream}:{n}" for n in range(3)], at=begin + index, step=10)
    everything = filtered(logs, group)
    assert everything == [f"{s}:{n}" for n in range(3) for s in ("a/1", "a/2", "b/1")]
    assert filtered(logs, group, logStreamNames=["b/1"]) == [f"b/1:{n}" for n in range(3)]
    assert len(filtered(logs, group, logStreamNamePrefix="a/")) == 6
    paged = logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    pages = list(paged)
    assert [event["message"] for page in pages for event in page["events"]] == everything
    ids = [event["eventId"] for page in pages for event in page["events"]]
    assert len(set(ids)) == 9 and ids == sorted(ids) and {len(i) for i in ids} == {56}
    code, _ = refused(logs.filter_log_events, logGroupName=group, logStreamNames=["a/1"], logStreamNamePrefix="a")
    assert code == "InvalidParameterException"
    code, _ = refused(logs.filter_log_events, logGroupName=group, logStreamNames=["missing"])
    assert code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("ERROR", ["ERROR one", "ERROR two"]),
        ("ERROR -two", ["ERROR one"]),
        ("?one ?three", ["ERROR one", "INFO three"]),
        ("%(?i)error o%", ["ERROR one"]),
        ('{ $.level = "error" && $.ms > 10 }', ['{"level":"error","ms":20}']),
        ("{ $.user IS NULL }", ['{"level":"info","ms":5,"user":null}']),
        ("[level = ERROR, word]", ["ERROR one", "ERROR two"]),
        ("[..., status = 4*]", ["GET /x 404"]),
    ],
)
def test_patterns_filter(logs, name, pattern, wanted):
    group, stream = new_stream(logs, name("patterns"))
    lines = ["ERROR one", "ERROR two", "INFO three", '{"level":"error","ms":20}', '{"level":"info","ms":5,"user":null}']
    put(logs, group, stream, *lines, "GET /x 404")
    assert filtered(logs, group, pattern) == wanted


def test_a_bad_pattern_is_refused(logs, name):
    group, _ = new_stream(logs, name("pattern"))
    code, words = refused(logs.filter_log_events, logGroupName=group, filterPattern="{ $.a = ")
    assert (code, words) == ("InvalidParameterException", "Invalid filter pattern")


def test_events_survive_a_kill(fresh, name):
    logs = fresh.client("logs")
    group, stream = new_stream(logs, name("kept"))
    put(logs, group, stream, "before")
    token = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["nextForwardToken"]
    page = logs.filter_log_events(logGroupName=group)
    fresh.kill()
    fresh.start()
    logs = fresh.client("logs")
    assert filtered(logs, group) == ["before"]
    assert logs.filter_log_events(logGroupName=group)["events"] == page["events"], "ids stay the same"
    put(logs, group, stream, "after", at=now_ms() + 10)
    answer = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=token)
    assert messages(answer) == ["after"]
