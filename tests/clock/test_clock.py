"""One clock: moving it makes due whatever waits, in order, and it stays moved."""

import datetime
import json
import urllib.request

import pytest

from harness.sqs import bodies, depth, drain, receive


def server_time(server) -> datetime.datetime:
    """What a new message's time stamp says."""
    client = server.client()
    url = client.create_queue(QueueName="time")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="tick")
    (message,) = drain_one(client, url)
    return datetime.datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, datetime.UTC)


def drain_one(client, url):
    messages = receive(client, url, AttributeNames=["SentTimestamp"])
    for message in messages:
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


@pytest.mark.parametrize(
    "duration, seconds", [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200), ("1h30m", 5400)]
)
def test_advancing_moves_what_the_server_thinks(movable, name, duration, seconds):
    before = server_time(movable)
    movable.advance(duration)
    moved = (server_time(movable) - before).total_seconds()
    assert seconds <= moved < seconds + 30


@pytest.mark.parametrize("duration", ["", "soon", "-5m", "5 parsecs", "1e99s", "99999999999999999d"])
def test_durations_that_are_none_are_refused(movable, duration):
    done = movable.moln("clock", "advance", "--", duration, check=False)
    assert done.returncode != 0
    assert "panicked" not in done.stderr and done.stderr.strip()
    assert movable.is_healthy()


def test_the_clock_is_shown(movable):
    shown = movable.moln("clock", "show").stdout
    year = server_time(movable).year
    assert str(year) in shown


def test_what_falls_due_in_one_jump_falls_due_in_order(movable, make_movable_queue):
    """A message's delay ends before its retention does: one jump over both must not deliver it."""
    client = movable.client()
    url = make_movable_queue(MessageRetentionPeriod=60)
    client.send_message(QueueUrl=url, MessageBody="short-lived", DelaySeconds=30)
    movable.advance("61s")
    assert receive(client, url) == []


def test_delays_come_out_in_the_order_they_fell_due(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue()
    for seconds in (300, 100, 200):
        client.send_message(QueueUrl=url, MessageBody=str(seconds), DelaySeconds=seconds)
    movable.advance("10m")
    assert sorted(bodies(drain(client, url))) == ["100", "200", "300"]


def test_retention_ends_a_message(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(MessageRetentionPeriod=3600)
    client.send_message(QueueUrl=url, MessageBody="old")
    movable.advance("50m")
    client.send_message(QueueUrl=url, MessageBody="young")
    movable.advance("11m")
    assert bodies(receive(client, url)) == ["young"]
    assert depth(client, url)[0] == 0


def test_a_moved_clock_stays_moved_over_a_restart(fresh):
    before = server_time(fresh)
    fresh.advance("10d")
    for end in (fresh.stop, fresh.kill):
        end()
        fresh.start()
        moved = server_time(fresh) - before
        assert datetime.timedelta(days=10) <= moved < datetime.timedelta(days=10, minutes=1)


def test_the_clock_never_runs_backwards(fresh):
    client = fresh.client()
    url = client.create_queue(QueueName="q")["QueueUrl"]
    stamps = []
    for round_number in range(6):
        if round_number == 3:
            fresh.advance("1h")
            fresh.restart()
        client.send_message(QueueUrl=url, MessageBody=str(round_number))
        stamps += [int(m["Attributes"]["SentTimestamp"]) for m in drain_one(client, url)]
    assert stamps == sorted(stamps) and len(stamps) == 6


def test_the_clock_moves_through_http_as_well(movable):
    with urllib.request.urlopen(f"{movable.url}/_moln/clock", timeout=5) as answer:
        assert answer.status == 200 and json.load(answer)
