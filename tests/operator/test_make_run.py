"""What `make run` does once everything is built: Moln starts, deploys the tutorial, tells how to try it, and stops without
a trace. The lines it prints are run as they stand."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from harness.server import BINARY, ROOT, clean_env, free_port
from harness.waiting import eventually


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_tutorial_runs_and_ctrl_c_stops_everything(tmp_path, stop):
    port = free_port()
    env = clean_env(MOLN_LISTEN=f"127.0.0.1:{port}", MOLN_DATA=str(tmp_path / "data"), MOLN_BIN=str(BINARY))
    output = (tmp_path / "output").open("w+")
    run = subprocess.Popen(
        [ROOT / "tools" / "run.sh"], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
    )
    try:
        _wait_for(output, "Ctrl-C stops Moln", run)
        one, wrong, many = re.findall(r"^  ((?:curl|for).*)$", _text(output), re.MULTILINE)
        assert _shell(one) == "2"
        assert json.loads(_shell(wrong))["message"]
        assert _shell(many).count("Message accepted!") == 100
        eventually(lambda: _worked(env, port) == 100, limit=60)
        os.killpg(run.pid, stop)  # as a terminal does
        assert run.wait(15) == 0
        _wait_until_gone(str(tmp_path))
        text = _text(output)
    finally:
        _end(run, str(tmp_path))
    assert text.count("Deployed in ") == 2, text
    assert f"http://127.0.0.1:{port}" in text
    assert "stopping at once" not in text, text


def _worked(env: dict[str, str], port: int) -> int:
    """How many numbers the worker says it has added one to."""
    command = [BINARY, "logs", "tutorial-step-2-dev-jobsWorker", "--filter", "result"]
    command += ["--endpoint", f"http://127.0.0.1:{port}"]
    env = env | {"AWS_DEFAULT_REGION": "ap-northeast-2"}
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.count(" result: ")


def _shell(line: str) -> str:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=120).stdout


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
