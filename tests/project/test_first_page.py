"""A person can follow the README's first page: its commands are run as they stand."""

import re
import subprocess

from harness.server import BINARY, ROOT


def commands(heading: str) -> str:
    """All shell blocks below a heading of the README."""
    section = (ROOT / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def test_the_first_steps_work_as_written(fresh):
    script = commands("First steps with the AWS CLI")
    assert "send-message" in script and "start-message-move-task" in script
    # Only what differs on a test's machine: where the binary is, and on which port it answers.
    script = script.replace("target/release/moln env", f"{BINARY} env --endpoint {fresh.url}")
    script = script.replace("target/release/moln", str(BINARY))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-O", "expand_aliases"],
        input=script, capture_output=True, text=True, timeout=120, cwd=ROOT, env=fresh.env | {"AWS_PAGER": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("two cinnamon buns") == 1
    assert "TaskHandle" in done.stdout
