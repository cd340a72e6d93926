"""The Runtime API over one raw connection: an answer and the request for the next invocation leave in one write."""

import os

import _socket

PREFIX = "/2018-06-01/runtime/"
ACCEPTED = b"HTTP/1.1 202 "
RECEIVE = 65536


class RuntimeApi:
    """Speaks to `host:port`, or over the inherited socket with that number. A connection that ends ends the process: the
    environment is being replaced."""

    def __init__(self, address, channel=None):
        if channel is None:
            host, _, port = address.rpartition(":")
            self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            self._socket.connect((host, int(port)))
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        else:
            # Not for processes that the function starts.
            os.set_inheritable(channel, False)
            self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, channel)
        self._host = f" HTTP/1.1\r\nHost: {address}\r\n"
        self._next = f"GET {PREFIX}invocation/next{self._host}\r\n".encode()
        self._names = {}
        self._accepted = None, None
        self._buffer = b""

    def next(self):
        """Waits for an invocation: (headers, body)."""
        self._socket.sendall(self._next)
        return self._answer()

    def respond(self, request_id, body, content_type):
        """Sends an answer and waits for the next invocation."""
        headers = f"Content-Type: {content_type}\r\n"
        self._socket.sendall(self._post(f"invocation/{request_id}/response", headers, body) + self._next)
        self._answer()
        return self._answer()

    def fail(self, request_id, error_type, body, cause):
        """Sends an error document and waits for the next invocation."""
        headers = f"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: {_one_line(error_type)}\r\n"
        # The cause is for tracing; a long one is left away, as headers are bounded.
        if len(cause) < 16384:
            headers += f"Lambda-Runtime-Function-XRay-Error-Cause: {_one_line(cause)}\r\n"
        self._socket.sendall(self._post(f"invocation/{request_id}/error", headers, body) + self._next)
        self._answer()
        return self._answer()

    def fail_init(self, error_type, body):
        """Says that the function could not be loaded."""
        headers = f"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: {_one_line(error_type)}\r\n"
        self._socket.sendall(self._post("init/error", headers, body))
        self._answer()

    def _post(self, path, headers, body):
        return f"POST {PREFIX}{path}{self._host}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _answer(self):
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        while end < 0:
            buffer += self._receive()
            end = buffer.find(b"\r\n\r\n")
        head = buffer[:end]
        accepted, headers = self._accepted
        if head != accepted:
            headers = self._headers(head)
            if head.startswith(ACCEPTED):
                # The same comes after every answer.
                self._accepted = head, headers
        rest = buffer[end + 4 :]
        if headers.get("transfer-encoding") == "chunked":
            return headers, self._chunks(rest)
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            parts = [rest]
            missing = length - len(rest)
            while missing > 0:
                part = self._receive()
                parts.append(part)
                missing -= len(part)
            rest = b"".join(parts)
        self._buffer = rest[length:]
        return headers, rest[:length]

    def _headers(self, head):
        headers = {}
        names = self._names
        lines = head.decode("utf-8", "replace").split("\r\n")
        del lines[0]
        for line in lines:
            name, _, value = line.partition(":")
            # The same few come with every invocation.
            headers[names.get(name) or self._name(name)] = value.strip()
        return headers

    def _name(self, name):
        if len(self._names) < 100:
            self._names[name] = name.lower()
        return name.lower()

    def _chunks(self, buffer):
        body = []
        while True:
            while b"\r\n" not in buffer:
                buffer += self._receive()
            size, _, buffer = buffer.partition(b"\r\n")
            size = int(size, 16)
            while len(buffer) < size + 2:
                buffer += self._receive()
            body.append(buffer[:size])
            buffer = buffer[size + 2 :]
            if size == 0:
                self._buffer = buffer
                return b"".join(body)

    def _receive(self):
        data = self._socket.recv(RECEIVE)
        if not data:
            raise SystemExit(1)
        return data


def _one_line(text):
    return text.replace("\r", " ").replace("\n", " ").encode("ascii", "replace").decode()
