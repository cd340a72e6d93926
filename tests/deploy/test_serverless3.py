"""The Serverless Framework 3 with lift, unmodified: deploys, updates, shows, invokes and removes both tutorial applications."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.request

import pytest

from harness.server import ROOT

HERE = pathlib.Path(__file__).parent / "serverless3"
SYSTEMS = ROOT / "systems" / "queue-tutorial"
REGION = "ap-northeast-2"

pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / ".ready").exists(), reason="`make test-black-box` installs the Serverless Framework"
)


class Framework:
    """The command, in a copy of an application."""

    def __init__(self, moln, home: pathlib.Path):
        self.home = home
        # Beside the application, not in it: it is no part of the package.
        (home.parent / "node_modules").symlink_to(HERE / "node_modules")
        self.env = moln.env | {
            "NODE_OPTIONS": f"--require {HERE / 'redirect.cjs'}",
            "SLS_AWS_MONITORING_FREQUENCY": "100",
            "SLS_TELEMETRY_DISABLED": "1",
            "SLS_NOTIFICATIONS_MODE": "off",
            "SLS_INTERACTIVE_SETUP_ENABLE": "0",
            "HOME": str(home),
            "CI": "true",
        }

    def run(self, *args: str) -> str:
        done = subprocess.run(
            ["node", str(HERE / "node_modules" / "serverless" / "bin" / "serverless.js"), *args],
            cwd=self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=240,
        )
        shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout + done.stderr)
        assert done.returncode == 0, shown
        return shown


@pytest.fixture
def framework(moln, tmp_path):
    def make(step: str) -> Framework:
        home = tmp_path / step
        shutil.copytree(SYSTEMS / step, home, ignore=shutil.ignore_patterns("node_modules", ".serverless"))
        return Framework(moln, home)

    return make


def post(moln, url: str, body: object) -> tuple[int, object]:
    """Asks an HTTP API by the URL that the framework prints; the server is found by its address, the API by its name."""
    host, _, path = url.removeprefix("https://").partition("/")
    request = urllib.request.Request(
        f"{moln.url}/{path}", json.dumps(body).encode(), {"Host": host, "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, json.load(answer)


def endpoint(text: str) -> str:
    """`endpoint: POST - https://…` of what the framework prints."""
    return next(word for word in text.split() if ".execute-api." in word)


def test_the_first_step(moln, framework):
    serverless = framework("step-1")
    url = endpoint(serverless.run("deploy"))
    assert post(moln, url, {"input": 1}) == (200, 2)
    assert endpoint(serverless.run("info")) == url
    event = json.dumps({"body": json.dumps({"input": 41})})
    assert json.loads(json.loads(serverless.run("invoke", "-f", "api", "-d", event))["body"]) == 42

    code = serverless.home / "index.js"
    code.write_text(code.read_text().replace("input + 1", "input + 2"))
    assert endpoint(serverless.run("deploy")) == url
    assert post(moln, url, {"input": 1}) == (200, 3)

    serverless.run("remove")
    stacks = moln.client("cloudformation", region_name=REGION).describe_stacks()["Stacks"]
    assert "tutorial-step-1-dev" not in [stack["StackName"] for stack in stacks]


def test_the_second_step_with_lift(moln, framework):
    serverless = framework("step-2")
    shown = serverless.run("deploy")
    url = endpoint(shown)
    assert "/produce" in url
    assert post(moln, url, {"input": 1})[0] == 200
    queues = moln.client("sqs", region_name=REGION)
    urls = queues.list_queues(QueueNamePrefix="tutorial-step-2-dev")["QueueUrls"]
    assert sorted(url.rsplit("/", 1)[1] for url in urls) == ["tutorial-step-2-dev-jobs", "tutorial-step-2-dev-jobs-dlq"]
    assert os.path.basename(urls[0]) in serverless.run("info")
    serverless.run("remove")
    assert "QueueUrls" not in queues.list_queues(QueueNamePrefix="tutorial-step-2-dev")
