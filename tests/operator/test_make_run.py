"""What `make run` does once everything is built: Moln starts, shows what it can do, and stops without a trace."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from harness.server import BINARY, ROOT, clean_env, free_port


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_example_runs_and_ctrl_c_stops_everything(tmp_path, stop):
    port = free_port()
    env = clean_env(MOLN_LISTEN=f"127.0.0.1:{port}", MOLN_DATA=str(tmp_path / "data"), MOLN_BIN=str(BINARY))
    output = (tmp_path / "output").open("w+")
    run = subprocess.Popen(
        [ROOT / "tools" / "run.sh"], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
    )
    try:
        _wait_for(output, "Ctrl-C stops Moln", run)
        os.killpg(run.pid, stop)  # as a terminal does
        assert run.wait(15) == 0
        _wait_until_gone(str(tmp_path))
        text = _text(output)
    finally:
        _end(run, str(tmp_path))
    assert "Hello from your own cloud" in text
    assert '{"said": ["Hello, Moln"]' in text, text
    assert "Hello, message from a queue" in text and text.count("REPORT RequestId: ") == 2, text
    assert f"http://127.0.0.1:{port}" in text
    assert "stopping at once" not in text, text


def _text(output) -> str:
    output.seek(0)
    return output.read()


def _wait_for(output, words: str, run: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while words not in _text(output):
        assert run.poll() is None, _text(output)
        assert time.monotonic() < deadline, _text(output)
        time.sleep(0.1)


def _wait_until_gone(text: str) -> None:
    """Nothing is left running."""
    deadline = time.monotonic() + 10
    while left := _processes_naming(text):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _end(run: subprocess.Popen, text: str) -> None:
    """Whatever happened, nothing outlives the test."""
    run.kill()
    run.wait()
    for pid in _processes_naming(text):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _processes_naming(text: str) -> list[int]:
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(int(entry.parent.name))
    return found
