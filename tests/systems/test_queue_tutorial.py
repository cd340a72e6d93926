"""The queue tutorial, deployed by one command from its own files, and what it teaches about visibility."""

import concurrent.futures
import json
import pathlib
import shutil
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from harness.waiting import eventually

TUTORIAL = pathlib.Path(__file__).resolve().parents[2] / "systems" / "queue-tutorial"
REGION = "ap-northeast-2"
WORKER = "tutorial-step-2-dev-jobsWorker"
QUEUE = "tutorial-step-2-dev-jobs"

# The tutorial's `delay`, and one that waits by Moln's clock: fifteen seconds pass when the clock is moved by them.
DELAY = "return new Promise((resolve) => setTimeout(resolve, time));"
DELAY_BY_CLOCK = """
  const now = async () => (await (await fetch(`${process.env.AWS_ENDPOINT_URL}/_moln/clock`)).json()).nowMillis;
  const sleep = () => new Promise((resolve) => setTimeout(resolve, 20));
  return now().then(async (begin) => { while ((await now()) < begin + time) await sleep(); });
"""


def deploy(server, directory: pathlib.Path) -> dict[str, str]:
    """Deploys a directory as a user does; gives the stack's outputs."""
    server.moln("deploy", str(directory), timeout=120)
    stacks = server.client("cloudformation", region=REGION).describe_stacks()["Stacks"]
    (stack,) = [each for each in stacks if each["StackName"].startswith("tutorial-")]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def post(server, outputs: dict[str, str], path: str, body: str | bytes | None, kind: str | None = "application/json"):
    """Asks the API, by its host as AWS has it; gives the status and the answer."""
    host = outputs["HttpApiUrl"].removeprefix("https://")
    data = body.encode() if isinstance(body, str) else body or b""
    headers = {"Host": host} | ({"Content-Type": kind} if kind else {})
    request = urllib.request.Request(server.url + path, data, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_step_1_adds_one_and_refuses_what_is_no_number(fresh):
    outputs = deploy(fresh, TUTORIAL / "step-1")
    assert post(fresh, outputs, "/", '{"input": 1}') == (200, 2)
    assert post(fresh, outputs, "/", '{ "input": -2.5 }') == (200, -1.5)
    # API Gateway hands bodies of other types over in base64.
    assert post(fresh, outputs, "/", '{"input": 41}', "application/octet-stream") == (200, 42)
    for body in ["", "no", "[1]", "1", "null", "{}", '{"input": "1"}', '{"input": null}', '{"input": 1, "more": 2}']:
        status, answer = post(fresh, outputs, "/", body)
        assert status == 400 and answer["message"], body


def test_step_2_works_off_what_was_produced_and_keeps_what_fails(fresh):
    outputs = deploy(fresh, TUTORIAL / "step-2")
    sqs, logs = fresh.client("sqs", region=REGION), fresh.client("logs", region=REGION)
    status, answer = post(fresh, outputs, "/produce", '{"input": "x"}')
    assert status == 400 and "number" in answer["message"]

    def produce(number: int):
        return post(fresh, outputs, "/produce", json.dumps({"input": number}))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(produce, range(100)))
    assert {status for status, _ in answers} == {200}
    assert len({answer["id"] for _, answer in answers}) == 100

    def worked():
        lines = lines_of(logs, '"Message Body:"')
        return lines if len(lines) >= 100 else None

    lines = eventually(worked, limit=60)
    results = sorted(int(line.rsplit("result: ", 1)[1]) for line in lines)
    assert results == list(range(1, 101))
    assert left(sqs, outputs["jobsDlqUrl2C7FA9D4"]) == 0
    # A message that nobody can work off is tried three times, 36 seconds apart, and kept.
    sqs.send_message(QueueUrl=outputs["jobsQueueUrl573F5B7A"], MessageBody="poison")
    for count in (1, 2, 3):
        eventually(lambda count=count: len(lines_of(logs, '"is not JSON"')) >= count)
        fresh.advance("37s")
    eventually(lambda: left(sqs, outputs["jobsDlqUrl2C7FA9D4"]) == 1)


def lines_of(logs, pattern: str) -> list[str]:
    """The worker's lines that match."""
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{WORKER}", filterPattern=pattern
    )
    return [event["message"].rstrip() for page in pages for event in page["events"]]


def left(sqs, url: str) -> int:
    """Messages in a queue, hidden ones as well."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


class Experiment:
    """Step 2 with work of fifteen seconds, by Moln's clock."""

    def __init__(self, server, tmp_path: pathlib.Path):
        directory = tmp_path / "step-2"
        shutil.copytree(TUTORIAL / "step-2", directory)
        source = (directory / "index.js").read_text()
        assert DELAY in source
        (directory / "index.js").write_text(source.replace(DELAY, DELAY_BY_CLOCK))
        self.server, self.outputs = server, deploy(server, directory)
        self.sqs, self.logs = server.client("sqs", region=REGION), server.client("logs", region=REGION)
        self.functions = server.client("lambda", region=REGION)
        self.queue, self.dead = self.outputs["jobsQueueUrl573F5B7A"], self.outputs["jobsDlqUrl2C7FA9D4"]

    def settings(self, timeout: int | None = None, visibility: int | None = None, most: int | None = None, **env: str):
        """Changes function and queue, the function first: its timeout may not be above the visibility timeout."""
        variables = {"WORK_MS": "15000"} | env
        if visibility is not None and timeout is not None:
            self.visibility(120)
        more = {} if timeout is None else {"Timeout": timeout}
        self.functions.update_function_configuration(FunctionName=WORKER, Environment={"Variables": variables}, **more)
        self.functions.get_waiter("function_updated_v2").wait(FunctionName=WORKER, WaiterConfig={"Delay": 1})
        if visibility is not None:
            self.visibility(visibility)
        if most is not None:
            arn = self.attributes(self.dead)["QueueArn"]
            policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most})
            self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"RedrivePolicy": policy})

    def visibility(self, seconds: int) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": str(seconds)})

    def attributes(self, url: str) -> dict[str, str]:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def clock(self) -> int:
        """Milliseconds on Moln's clock."""
        with urllib.request.urlopen(f"{self.server.url}/_moln/clock", timeout=10) as answer:
            return json.load(answer)["nowMillis"]

    def send(self) -> None:
        self.begin = self.clock()
        self.sqs.send_message(QueueUrl=self.queue, MessageBody='{"input": 1}')
        self.received(1)

    def at(self, seconds: float) -> None:
        """Moves the clock to so many seconds after the message was sent."""
        behind = self.begin + round(seconds * 1000) - self.clock()
        assert behind > 0, f"{seconds} s have passed already: the machine is too slow for this experiment"
        self.server.advance(f"{behind}ms")

    def received(self, count: int) -> None:
        """Waits until the worker was started so often; it must not be more."""
        eventually(lambda: len(lines_of(self.logs, '"START RequestId"')) >= count)
        assert len(lines_of(self.logs, '"START RequestId"')) == count

    def done(self, count: int) -> None:
        """Waits until the work's side effect was seen so often; it must not be more."""
        eventually(lambda: len(lines_of(self.logs, '"Message Body:"')) >= count)
        assert len(lines_of(self.logs, '"Message Body:"')) == count

    def timed_out(self, count: int) -> None:
        eventually(lambda: len(lines_of(self.logs, '"Task timed out"')) >= count)

    def gone(self) -> None:
        """Waits until the message is in no queue."""
        eventually(lambda: left(self.sqs, self.queue) == 0)
        assert left(self.sqs, self.dead) == 0

    def dead_at(self, seconds: int) -> None:
        """The message comes to the dead-letter queue at this second, and not before."""
        self.at(seconds - 0.7)
        assert left(self.sqs, self.dead) == 0
        self.at(seconds + 1.5)
        eventually(lambda: left(self.sqs, self.dead) == 1)
        assert left(self.sqs, self.queue) == 0


@pytest.fixture
def experiment(fresh, tmp_path):
    return Experiment(fresh, tmp_path)


def test_the_defaults_kill_long_work_three_times(experiment):
    """Timeout 6 s, visibility 36 s, at most 3 receives: nothing is done, and the message is kept at 108 s."""
    experiment.settings()
    assert experiment.attributes(experiment.queue)["VisibilityTimeout"] == "36"
    experiment.send()
    experiment.timed_out(1)
    for receives in (2, 3):
        experiment.at(36 * (receives - 1) + 0.5)
        experiment.received(receives)
        experiment.timed_out(receives)
    experiment.dead_at(108)
    experiment.received(3)
    experiment.done(0)


def test_a_timeout_above_the_work_and_six_times_the_visibility(experiment):
    """Timeout 20 s, visibility 120 s: received once, done once, deleted at 15 s."""
    experiment.settings(timeout=20, visibility=120)
    experiment.send()
    experiment.at(14)
    assert left(experiment.sqs, experiment.queue) == 1
    experiment.at(15.5)
    experiment.done(1)
    experiment.gone()
    experiment.received(1)


def test_a_mapping_with_less_visibility_than_timeout_is_refused(experiment):
    experiment.settings(timeout=20, visibility=120)
    queue = experiment.sqs.create_queue(QueueName="short", Attributes={"VisibilityTimeout": "10"})["QueueUrl"]
    with pytest.raises(ClientError) as refused:
        arn = experiment.attributes(queue)["QueueArn"]
        experiment.functions.create_event_source_mapping(FunctionName=WORKER, EventSourceArn=arn)
    words = "Queue visibility timeout: 10 seconds is less than Function timeout: 20 seconds"
    assert words in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("visibility", [10, 14])
def test_visibility_below_the_work_does_it_three_times_and_keeps_the_message(experiment, visibility):
    """Nothing refuses to lower it afterwards. Each receive is worked on, and none of the workers may delete.

    Three workers overlap, and a clock that is moved waits for those who work: so nothing is moved here, and all is shorter
    by the same factor: the visibility timeout is 2 s, the work as much longer as 15 s are, and 6 s are the table's 30 and 42.
    """
    experiment.settings(timeout=20, visibility=2, WORK_MS=str(round(15_000 * 2 / visibility)))
    experiment.send()
    eventually(lambda: left(experiment.sqs, experiment.dead) == 1)
    moment = (experiment.clock() - experiment.begin) / 1000
    assert 5.9 < moment < 7.5, moment
    experiment.done(3)
    experiment.received(3)
    assert (left(experiment.sqs, experiment.dead), left(experiment.sqs, experiment.queue)) == (1, 0)


def test_visibility_just_above_the_work(experiment):
    experiment.settings(timeout=20, visibility=16)
    experiment.send()
    experiment.at(15.4)
    experiment.done(1)
    experiment.gone()
    experiment.at(40)
    experiment.received(1)
    experiment.done(1)


def test_work_that_always_fails_is_tried_five_times(experiment):
    """Visibility 36 s, at most 5 receives: the message is kept at 180 s."""
    experiment.settings(visibility=36, most=5, WORK_MS="0", ALWAYS_FAIL="1")
    experiment.send()
    for receives in (2, 3, 4, 5):
        experiment.at(36 * (receives - 1) + 0.3)
        experiment.received(receives)
    experiment.dead_at(180)
    experiment.done(0)
