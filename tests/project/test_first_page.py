"""A person can follow the README's first page: its commands are run as they stand."""

import re
import subprocess

import pytest

from harness.server import BINARY, ROOT


def blocks(heading: str) -> list[str]:
    """The shell blocks below a heading of the README."""
    section = (ROOT / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def follow(fresh, tmp_path):
    """Runs shell blocks after the first of the first steps, which sets the terminal up."""
    programs = tmp_path / "target" / "release"
    programs.mkdir(parents=True)
    (programs / "moln").symlink_to(BINARY)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")

    def run(commands: list[str]) -> str:
        script = "\n".join([blocks("First steps with the AWS CLI")[0], *commands])
        # Only what differs on a test's machine: on which port the server answers.
        script = script.replace("$(moln env)", f"$(moln env --endpoint {fresh.url})")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-O", "expand_aliases"],
            input=script, capture_output=True, text=True, timeout=180, cwd=tmp_path, env=fresh.env | {"AWS_PAGER": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_first_steps_work_as_written(follow):
    said = follow(blocks("First steps with the AWS CLI")[1:])
    assert said.count("two cinnamon buns") == 1
    assert "TaskHandle" in said


def test_applications_work_as_written(follow):
    assert follow(blocks("Applications")).rstrip().endswith('{"hello":"Moln"}')


def test_functions_work_as_written(follow):
    said = follow(blocks("Functions"))
    assert '{"hello": "Moln"}' in said
    assert "from the queue: somebody rang" in said
    assert said.count('{"good morning": "world"}') == 1


def test_buckets_work_as_written(follow):
    said = follow(blocks("Buckets"))
    assert "menu.txt" in said and said.rstrip().endswith("two cinnamon buns")
