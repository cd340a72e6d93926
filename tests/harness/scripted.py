"""A Runtime API that follows a script, and a runtime's process that talks to it, without a sandbox and without Moln."""

import base64
import dataclasses
import http.server
import json
import os
import queue
import socket
import struct
import subprocess
import threading
import time
import uuid

PREFIX = "/2018-06-01/runtime/"


@dataclasses.dataclass
class Answer:
    """What a runtime posted."""

    path: str
    headers: dict
    body: bytes
    trailers: dict

    @property
    def is_error(self):
        """An error document rather than an answer."""
        return self.path.endswith("/error")

    @property
    def json(self):
        """The body."""
        return json.loads(self.body)


@dataclasses.dataclass
class Frame:
    """One event from the log descriptor."""

    kind: int
    micros: int
    text: str


class RuntimeApi:
    """Serves one runtime process."""

    def __init__(self):
        self.waiting = queue.Queue()
        self.answers = queue.Queue()
        self.next_asked = threading.Semaphore(0)
        self.connections = 0
        self.pipelined = 0
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"
            # One write an answer, as a server of some speed does it.
            wbufsize = 65536

            def setup(self):
                self.disable_nagle_algorithm = self.request.family == socket.AF_INET
                super().setup()
                api.connections += 1

            def log_message(self, *_):
                pass

            def do_GET(self):  # noqa: N802
                assert self.path == PREFIX + "invocation/next", self.path
                api.next_asked.release()
                invocation = api.waiting.get()
                if invocation is None:
                    self.close_connection = True
                    return
                headers, body = invocation
                self.send_response(200)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):  # noqa: N802
                body, trailers = self._body()
                # A pipelined request for the next invocation waits in the buffer already.
                self.connection.setblocking(False)
                try:
                    api.pipelined += self.rfile.peek(1) != b""
                finally:
                    self.connection.setblocking(True)
                api.answers.put(Answer(self.path, dict(self.headers.items()), body, trailers))
                self.send_response(202)
                answer = b'{"status":"OK"}'
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers["Content-Length"])), {}
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                trailers = {}
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode().partition(": ")
                    trailers[name.lower()] = value
                return b"".join(parts), trailers

        self.handler = Handler
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def speak(self, channel):
        """Serves whoever has the other end."""
        threading.Thread(target=self.handler, args=(channel, ("channel", 0), self.server), daemon=True).start()

    def close(self):
        """Ends every connection."""
        self.waiting.put(None)
        self.server.shutdown()
        self.server.server_close()


class Function:
    """A process that runs a handler. `command` is the interpreter with its bootstrap, `own` are variables of the runtime.
    `assigned`: it waits to be told its function, over the channel that it then speaks over; `channel`: it has one from the
    start."""

    def __init__(
        self,
        command,
        code,
        handler,
        own=None,
        env=None,
        frames=False,
        cwd=None,
        assigned=False,
        channel=False,
        layers=None,
    ):
        self.api = RuntimeApi()
        self.frames = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(code),
            "AWS_REGION": "eu-north-1",
            "AWS_LAMBDA_FUNCTION_NAME": "fn",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0123",
            **(own or {}),
            **(env or {}),
        }
        if layers:
            self.environment["MOLN_LAYERS"] = str(layers)
        inherited = []
        reading = None
        if frames:
            reading, writing = os.pipe()
            inherited.append(writing)
            self.environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(writing)
        started_with = self.environment
        self.channel = None
        if assigned or channel:
            self.channel, theirs = socket.socketpair()
            inherited.append(theirs.detach())
        if channel:
            started_with = {**self.environment, "MOLN_CHANNEL_FD": str(inherited[-1])}
            self.api.speak(self.channel)
        if assigned:
            started_with = {
                "PATH": os.environ["PATH"],
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
                "MOLN_ASSIGNMENT_FD": str(inherited[-1]),
                **(own or {}),
            }
        self.process = subprocess.Popen(
            command,
            cwd=str(cwd or code),
            env=started_with,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
        )
        for descriptor in inherited:
            os.close(descriptor)
        self.printed = b""
        self._readers = [threading.Thread(target=self._read_printed, daemon=True)]
        if frames:
            self._readers.append(threading.Thread(target=self._read_frames, args=(reading,), daemon=True))
        for reader in self._readers:
            reader.start()

    def assign(self, code):
        """Tells a pre-warmed process which function it is."""
        told = json.dumps({"env": self.environment, "handler": self.environment["_HANDLER"], "cwd": str(code)}).encode()
        self.channel.sendall(struct.pack(">I", len(told)) + told)
        self.api.speak(self.channel)

    def dismiss(self):
        """Closes a pre-warmed process' channel."""
        self.channel.close()

    def _read_printed(self):
        while data := self.process.stdout.read1(65536):
            self.printed += data

    def _read_frames(self, descriptor):
        with os.fdopen(descriptor, "rb") as stream:
            while head := stream.read(16):
                kind, length, micros = struct.unpack(">IIQ", head)
                self.frames.append(Frame(kind, micros, stream.read(length).decode()))

    def send(self, event, request_id=None, headers=None, remaining_ms=3000):
        """Queues an invocation; the answer comes by `answer`. Bytes are sent as they are."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        request_id = request_id or str(uuid.uuid4())
        self.api.waiting.put(
            (
                {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + remaining_ms),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-north-1:000000000000:function:fn",
                    "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
                    **(headers or {}),
                },
                body,
            )
        )
        return request_id

    def answer(self, timeout=20):
        """What the runtime posts next."""
        try:
            return self.api.answers.get(timeout=timeout)
        except queue.Empty:
            state = self.process.poll()
            raise AssertionError(f"no answer; exit status {state}; printed {self.printed.decode()}") from None

    def invoke(self, event=None, **options):
        """Sends an event and waits for the answer."""
        request_id = self.send(event, **options)
        answer = self.answer()
        if not answer.path.startswith(PREFIX + "init/"):
            assert request_id in answer.path, answer
        return answer

    def exit_status(self, timeout=10):
        """Waits for the process to end by itself."""
        status = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return status

    def log(self):
        """Everything that was printed. Ends the process: what was printed before the last answer is in the pipe."""
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(5)
        return self.printed.decode()

    def close(self):
        """Ends the process."""
        if self.channel is not None:
            self.dismiss()
        self.process.kill()
        self.process.wait()
        self.api.close()
        for reader in self._readers:
            reader.join(5)
        self.process.stdout.close()


def stream_error(answer):
    """The error that a streamed answer ended with."""
    return json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
