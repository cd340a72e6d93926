"""Long polling: a receive waits for a message, and gets it at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ReadTimeoutError

from harness.sqs import bodies, receive
from harness.waiting import eventually


def waiting(moln) -> bool:
    """True once a receive waits inside the server: a moment given to the request to get there."""
    time.sleep(0.3)
    return moln.is_running()


def test_a_waiting_receive_gets_a_message_the_moment_it_is_sent(moln, sqs, make_queue):
    url = make_queue()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(receive, moln.client(), url, WaitTimeSeconds=20)
        assert waiting(moln) and not future.done()
        started = time.monotonic()
        sqs.send_message(QueueUrl=url, MessageBody="m")
        assert bodies(future.result(timeout=5)) == ["m"]
        assert time.monotonic() - started < 1


def test_an_empty_wait_lasts_as_long_as_asked(sqs, make_queue):
    url = make_queue()
    started = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - started < 3


def test_the_queues_own_wait_applies_and_a_receive_overrides_it(sqs, make_queue):
    url = make_queue(ReceiveMessageWaitTimeSeconds=1)
    started = time.monotonic()
    assert receive(sqs, url) == []
    assert time.monotonic() - started > 0.9
    started = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=0) == []
    assert time.monotonic() - started < 0.9


def test_messages_that_are_there_do_not_wait_for_more(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    started = time.monotonic()
    assert bodies(receive(sqs, url, 10, WaitTimeSeconds=20)) == ["m"]
    assert time.monotonic() - started < 2


def test_a_message_that_becomes_visible_wakes_a_waiter(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue()
    client.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=600)
    with ThreadPoolExecutor(1) as pool:
        # The clock jumps by ten minutes: the wait's end and the message's delay fall due together, in order.
        client.send_message(QueueUrl=url, MessageBody="soon", DelaySeconds=5)
        future = pool.submit(receive, movable.client(), url, WaitTimeSeconds=20)
        assert waiting(movable) and not future.done()
        movable.advance("6s")
        assert bodies(future.result(timeout=5)) == ["soon"]


def test_waiters_share_messages_one_each(moln, sqs, make_queue):
    url = make_queue()
    clients = [moln.client() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(receive, client, url, 1, WaitTimeSeconds=20) for client in clients]
        for number in range(10):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        found = [body for future in futures for body in bodies(future.result(timeout=30))]
    assert sorted(found) == sorted(str(n) for n in range(10))


def test_a_client_that_went_away_takes_no_message_with_it(moln, sqs, make_queue):
    url = make_queue()
    gone = moln.client(read_timeout=1)
    thread = threading.Thread(target=_receive_and_hang_up, args=(gone, url))
    thread.start()
    thread.join()
    time.sleep(0.2)
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    assert bodies(eventually(lambda: receive(sqs, url), limit=3)) == ["kept"]


def _receive_and_hang_up(client, url):
    with pytest.raises(ReadTimeoutError):
        receive(client, url, WaitTimeSeconds=20)
