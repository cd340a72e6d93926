"""HTTP below the SDKs: signed by botocore's signer, sent as it is, and answers as they came."""

import contextlib
import datetime
import http.client
import json
import socket
import time
from dataclasses import dataclass
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JSON10 = "application/x-amz-json-1.0"


@dataclass
class Reply:
    """One HTTP answer. Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    @property
    def error_code(self) -> str:
        """The shape name of a JSON protocol error."""
        return self.json()["__type"].rpartition("#")[2]

    @property
    def query_error(self) -> str:
        """The old protocol's code, from the header that carries it in the JSON protocol."""
        return self.headers["x-amzn-query-error"].partition(";")[0]


def send(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None, timeout: float = 30) -> Reply:
    """Sends exactly these headers (plus Host and Content-Length where missing)."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        path = parts.path or "/"
        connection.request(method, f"{path}?{parts.query}" if parts.query else path, body or None, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def sign(
    method: str,
    url: str,
    body: bytes = b"",
    headers=None,
    *,
    region="us-east-1",
    service="sqs",
    key="test",
    secret="test",
    token=None,
    at: datetime.datetime | None = None,
) -> dict[str, str]:
    """The headers of a SigV4 request; `at` signs as if it were that moment (UTC)."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    with _signing_time(at):
        SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return dict(request.headers.items())


def presign(
    url: str,
    expires: int,
    *,
    method="GET",
    region="us-east-1",
    service="sqs",
    key="test",
    secret="test",
    at: datetime.datetime | None = None,
) -> str:
    """A presigned URL."""
    request = AWSRequest(method=method, url=url)
    with _signing_time(at):
        SigV4QueryAuth(Credentials(key, secret), service, region, expires=expires).add_auth(request)
    return request.prepare().url


def send_signed(method: str, url: str, body: bytes = b"", headers=None, timeout: float = 30, **signing) -> Reply:
    """Signs, then sends."""
    return send(method, url, body, sign(method, url, body, headers, **signing), timeout)


def call_json(url: str, operation: str, params, **signing) -> Reply:
    """One call of the JSON protocol. `params` may be bytes, to send what no SDK would."""
    body = params if isinstance(params, bytes) else json.dumps(params).encode()
    headers = {"Content-Type": JSON10, "X-Amz-Target": f"AmazonSQS.{operation}"}
    return send_signed("POST", f"{url}/", body, headers, **signing)


def exchange(port: int, data: bytes, timeout: float = 30, half_close: bool = False) -> bytes:
    """Writes bytes to a fresh connection and returns all that comes back until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        received = b""
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server refused before it read everything: its answer may still be there
        if half_close:
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                return received
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                chunk = connection.recv(65536)
            except (TimeoutError, ConnectionResetError):
                break
            if not chunk:
                break
            received += chunk
            if _is_complete(received):
                break
        return received


def _is_complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False


def _signing_time(at: datetime.datetime | None):
    if at is None:
        return contextlib.nullcontext()
    return mock.patch.object(botocore.auth, "get_current_datetime", lambda: at.replace(tzinfo=None))
