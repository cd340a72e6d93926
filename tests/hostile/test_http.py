"""HTTP that is rude: big heads, odd methods, half requests, many connections."""

import socket

import pytest

from harness.raw import exchange
from harness.sqs import receive


@pytest.fixture(autouse=True)
def alive(moln, sqs, make_queue):
    """After each rude visitor the server serves the next one."""
    yield
    assert moln.is_healthy()
    assert receive(sqs, make_queue()) == []


def head(port: int, *lines: str, request: str = "POST / HTTP/1.1") -> bytes:
    return "\r\n".join([request, f"Host: 127.0.0.1:{port}", *lines, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def test_ten_megabytes_of_headers_are_refused(moln):
    many = head(moln.port, *(f"X-H{n}: {'v' * 1000}" for n in range(10_000)))
    one = head(moln.port, "X-Big: " + "v" * 10_000_000)
    for data in (many, one):
        answer = exchange(moln.port, data, timeout=20)
        assert status(answer) in (0, 400, 431), answer[:100]
    assert moln.rss_bytes() < 512 << 20


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda data: repr(data[:28]),
)
def test_broken_requests_are_refused_or_dropped(moln, data):
    answer = exchange(moln.port, data, timeout=5, half_close=True)
    assert status(answer) not in range(200, 300) or data.startswith(b"GET"), answer[:200]
    assert status(answer) != 500, answer[:200]
    assert b"root:" not in answer


def test_an_expected_100_continue_is_given(moln, make_queue):
    body = b'{"QueueNamePrefix":"none"}'
    with socket.create_connection(("127.0.0.1", moln.port), timeout=10) as connection:
        connection.sendall(
            head(
                moln.port,
                "Content-Type: application/x-amz-json-1.0",
                "X-Amz-Target: AmazonSQS.ListQueues",
                f"Content-Length: {len(body)}",
                "Expect: 100-continue",
                "Connection: close",
            )
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        assert status(answer) == 200


def test_pipelined_requests_are_answered_in_order(moln, sqs, make_queue):
    body = b'{"QueueUrl":"%s","MessageBody":"m"}' % make_queue().encode()
    request = (
        head(
            moln.port,
            "Content-Type: application/x-amz-json-1.0",
            "X-Amz-Target: AmazonSQS.SendMessage",
            f"Content-Length: {len(body)}",
        )
        + body
    )
    last = request.replace(b"\r\nContent-Type", b"\r\nConnection: close\r\nContent-Type", 1)
    with socket.create_connection(("127.0.0.1", moln.port), timeout=10) as connection:
        connection.sendall(request * 19 + last)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.count(b"HTTP/1.1 200") == 20


def test_hundreds_of_silent_connections_stop_nobody(moln, sqs, make_queue):
    silent = [socket.create_connection(("127.0.0.1", moln.port), timeout=10) for _ in range(500)]
    try:
        for connection in silent[:250]:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        url = make_queue()
        sqs.send_message(QueueUrl=url, MessageBody="m")
        assert len(receive(sqs, url)) == 1
    finally:
        for connection in silent:
            connection.close()
