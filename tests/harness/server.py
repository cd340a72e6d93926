"""A Moln process under test."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MOLN_BIN", ROOT / "target" / "release" / "moln")).absolute()
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def clean_env(**extra: str) -> dict[str, str]:
    """This process' environment without anything that would point an AWS client or Moln elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MOLN_")) and not name.lower().endswith("_proxy")
    }
    return (
        kept
        | {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "*",
        }
        | extra
    )


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One Moln on one data directory. It can be stopped, killed and started again; the port stays."""

    def __init__(self, home: pathlib.Path, args: tuple[str, ...] = (), listen: str = "127.0.0.1", env=None):
        self.home = home
        self.data = home / "data"
        self.port = free_port()
        self.listen = listen
        self.args = args
        self.extra_env = dict(env or {})
        self.process: subprocess.Popen | None = None
        self.log = home / "moln.log"
        home.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What a client or `moln` needs to find this server."""
        return clean_env(AWS_ENDPOINT_URL=self.url, **self.extra_env)

    def command(self) -> list[str]:
        return [str(BINARY), "serve", "--data", str(self.data), "--listen", f"{self.listen}:{self.port}", *self.args]

    def start(self, wait: bool = True) -> "Server":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.home,
                preexec_fn=_die_with_parent,
            )
        if wait:
            self.wait_until_healthy()
        return self

    def wait_until_healthy(self, limit: float = 20.0) -> None:
        deadline = time.monotonic() + limit
        while not self.is_healthy():
            if self.process.poll() is not None:
                raise AssertionError(f"moln exited with {self.process.returncode}:\n{self.log_text()[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"moln did not become healthy in {limit} s:\n{self.log_text()[-4000:]}")
            time.sleep(0.01)

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_moln/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self, limit: float = 15.0) -> int:
        """SIGTERM, as an operator stops it. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"moln did not stop within {limit} s of SIGTERM:\n{self.log_text()[-4000:]}") from None

    def kill(self) -> None:
        """SIGKILL: nothing gets a chance to be tidied up."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> "Server":
        self.stop()
        return self.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def moln(self, *args: str, check: bool = True, timeout: float = 60, **env: str) -> subprocess.CompletedProcess:
        """Runs the `moln` command against this server."""
        return moln(*args, check=check, timeout=timeout, cwd=self.home, env=self.env | env)

    def advance(self, duration: str) -> None:
        """Moves the server's clock, as a user does."""
        self.moln("clock", "advance", duration)

    def client(
        self, service: str = "sqs", region: str = "us-east-1", key: str = "test", secret: str = "test", **config
    ):
        """A boto3 client that never retries: what the server answered is what the test sees."""
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 40, "connect_timeout": 5} | config
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
        return session.client(service, endpoint_url=self.url, config=Config(**settings))

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS line")


def moln(*args: str, check: bool = True, timeout: float = 60, cwd=None, env=None) -> subprocess.CompletedProcess:
    """Runs the `moln` command and returns its output as text."""
    done = subprocess.run(
        [str(BINARY), *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=env or clean_env(),
        stdin=subprocess.DEVNULL,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"moln {' '.join(args)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done
