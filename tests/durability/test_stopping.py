"""Stopping, and who may open a data directory."""

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness.load import Connection
from harness.server import moln as run_moln
from harness.sqs import bodies, receive


def test_sigterm_answers_long_polls_empty_and_exits_cleanly(fresh):
    url = fresh.client().create_queue(QueueName="q")["QueueUrl"]
    with ThreadPoolExecutor(32) as pool:
        polls = [pool.submit(receive, fresh.client(), url, WaitTimeSeconds=20) for _ in range(32)]
        time.sleep(1)
        started = time.monotonic()
        assert fresh.stop() == 0
        assert time.monotonic() - started < 5
        assert [poll.result(timeout=5) for poll in polls] == [[]] * 32


def test_sigint_stops_as_well(fresh):
    fresh.process.send_signal(signal.SIGINT)
    assert fresh.process.wait(10) in (0, 130)


def test_an_idle_connection_does_not_hold_up_the_stop(fresh):
    async def scene():
        url = fresh.client().create_queue(QueueName="q")["QueueUrl"]
        async with Connection(fresh.port) as connection:
            await connection.call("ReceiveMessage", QueueUrl=url)
            started = time.monotonic()
            assert await asyncio.to_thread(fresh.stop) == 0
            assert time.monotonic() - started < 5

    asyncio.run(scene())


def test_a_data_directory_has_one_owner(fresh, new_server):
    fresh.client().create_queue(QueueName="kept")
    second = new_server()
    second.data = fresh.data
    done = run_moln(*second.command()[1:], check=False, timeout=20)
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert str(fresh.data) in message and "panicked" not in message, message
    assert fresh.client().get_queue_url(QueueName="kept")


def test_a_killed_owner_leaves_no_lock_behind(fresh):
    url = fresh.client().create_queue(QueueName="q")["QueueUrl"]
    fresh.client().send_message(QueueUrl=url, MessageBody="m")
    fresh.kill()
    fresh.start()
    assert bodies(receive(fresh.client(), url)) == ["m"]


def test_a_port_in_use_is_said_plainly(fresh, new_server):
    second = new_server()
    second.port = fresh.port
    done = run_moln(*second.command()[1:], check=False, timeout=20)
    assert done.returncode != 0
    assert str(fresh.port) in done.stderr + done.stdout
