"""Fixtures: a Moln for the whole session, one whose clock may be moved, and fresh ones to be killed."""

import itertools
import os
import uuid

import pytest

from harness.query import QueryClient
from harness.server import BINARY, Server, clean_env

# Clients inside this process (boto3) are pointed by the tests alone, not by whoever runs them.
# What says which binary is tested, and how hard, stays.
KEPT = ("MOLN_BIN", "MOLN_DEPLOY_KILLS", "MOLN_DEPLOY_SEED", "MOLN_KILLS", "MOLN_FILES", "MOLN_VOLUME_GB")
kept = {name: value for name, value in os.environ.items() if name in KEPT}
inherited = clean_env()
os.environ.clear()
os.environ.update(inherited | kept)


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: `make test` builds it, or set MOLN_BIN", returncode=2)


def _finish(server: Server) -> None:
    if not server.is_running():
        raise AssertionError(f"moln died during the tests:\n{server.log_text()[-4000:]}")
    assert server.stop() == 0, server.log_text()[-4000:]
    assert "panicked" not in server.log_text()


@pytest.fixture(scope="session")
def moln(tmp_path_factory):
    """The server shared by all tests of this worker. Tests take new names and leave its clock alone."""
    server = Server(tmp_path_factory.mktemp("shared")).start()
    yield server
    _finish(server)


@pytest.fixture(scope="session")
def movable(tmp_path_factory):
    """A shared server whose clock only ever moves forward, by tests that wait for nothing else."""
    server = Server(tmp_path_factory.mktemp("movable")).start()
    yield server
    _finish(server)


@pytest.fixture
def fresh(tmp_path):
    """A server of the test's own, which it may stop, kill and restart."""
    server = Server(tmp_path).start()
    yield server
    if server.is_running():
        server.kill()
    assert "panicked" not in server.log_text()


@pytest.fixture
def new_server(tmp_path):
    """Makes further servers: `new_server(args=…, data=…)`, not started."""
    made: list[Server] = []
    numbers = itertools.count()

    def make(**options) -> Server:
        made.append(Server(tmp_path / f"server-{next(numbers)}", **options))
        return made[-1]

    yield make
    for server in made:
        if server.is_running():
            server.kill()
        assert "panicked" not in server.log_text()


@pytest.fixture(scope="session")
def sqs(moln):
    return moln.client("sqs")


@pytest.fixture(scope="session")
def query(moln):
    return QueryClient(moln.url)


@pytest.fixture
def name():
    """Makes names nobody else has."""
    return lambda stem="q", fifo=False: f"{stem}-{uuid.uuid4().hex[:12]}" + (".fifo" if fifo else "")


@pytest.fixture
def make_queue(sqs, name):
    """Creates a queue with attributes and returns its URL: `make_queue(VisibilityTimeout=5)`, `make_queue(fifo=True)`."""
    return queue_maker(sqs, name)


@pytest.fixture
def make_movable_queue(movable, name):
    """The same on the server whose clock moves."""
    return queue_maker(movable.client("sqs"), name)


def queue_maker(client, name):
    def make(stem: str = "q", fifo: bool = False, tags: dict | None = None, **attributes) -> str:
        if fifo:
            attributes = {"FifoQueue": "true"} | attributes
        values = {key: str(value) for key, value in attributes.items()}
        optional = {"tags": tags} if tags else {}
        return client.create_queue(QueueName=name(stem, fifo), Attributes=values, **optional)["QueueUrl"]

    return make
