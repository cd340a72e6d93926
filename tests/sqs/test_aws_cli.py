"""All 23 operations through the AWS CLI, as people type them."""

import json
import pathlib
import subprocess
import sys

import pytest

from harness.waiting import eventually

AWS = pathlib.Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(moln):
    """`aws("send-message", "--queue-url", url, …)` → the JSON it prints.

    Version 1 of the AWS CLI gives SQS its own host in most regions whatever AWS_ENDPOINT_URL says; the option it heeds.
    """

    def run(*arguments: str, fails: bool = False):
        done = aws_cli(moln.env, "--endpoint-url", moln.url, "sqs", *arguments)
        if fails:
            assert done.returncode != 0, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def aws_cli(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    environment = env | {"AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
    return subprocess.run([AWS, *arguments], capture_output=True, text=True, timeout=60, env=environment)


def test_the_first_page_of_the_manual(aws, name):
    queue = name("orders")
    url = aws("create-queue", "--queue-name", queue, "--attributes", "VisibilityTimeout=5", "--tags", "team=cli")[
        "QueueUrl"
    ]
    assert aws("get-queue-url", "--queue-name", queue)["QueueUrl"] == url
    assert aws("list-queues", "--queue-name-prefix", queue)["QueueUrls"] == [url]
    sent = aws(
        "send-message",
        "--queue-url",
        url,
        "--message-body",
        "hällo",
        "--message-attributes",
        json.dumps({"kind": {"DataType": "String", "StringValue": "greeting"}}),
    )
    (message,) = aws(
        "receive-message",
        "--queue-url",
        url,
        "--attribute-names",
        "All",
        "--message-attribute-names",
        "All",
        "--wait-time-seconds",
        "2",
    )["Messages"]
    assert (message["Body"], message["MessageId"]) == ("hällo", sent["MessageId"])
    assert message["MessageAttributes"]["kind"]["StringValue"] == "greeting"
    handle = message["ReceiptHandle"]
    aws("change-message-visibility", "--queue-url", url, "--receipt-handle", handle, "--visibility-timeout", "60")
    aws("delete-message", "--queue-url", url, "--receipt-handle", handle)
    aws("set-queue-attributes", "--queue-url", url, "--attributes", json.dumps({"DelaySeconds": "1"}))
    found = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert (found["DelaySeconds"], found["VisibilityTimeout"]) == ("1", "5")
    aws("purge-queue", "--queue-url", url)
    aws("delete-queue", "--queue-url", url)
    assert "NonExistentQueue" in aws("get-queue-url", "--queue-name", queue, fails=True)


def test_batches(aws, name):
    url = aws("create-queue", "--queue-name", name())["QueueUrl"]
    sent = aws(
        "send-message-batch",
        "--queue-url",
        url,
        "--entries",
        json.dumps([{"Id": f"e{n}", "MessageBody": f"m{n}"} for n in range(3)]),
    )
    assert len(sent["Successful"]) == 3
    messages = aws("receive-message", "--queue-url", url, "--max-number-of-messages", "10")["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    changed = aws(
        "change-message-visibility-batch",
        "--queue-url",
        url,
        "--entries",
        json.dumps([entry | {"VisibilityTimeout": 60} for entry in handles]),
    )
    assert len(changed["Successful"]) == len(messages)
    gone = aws("delete-message-batch", "--queue-url", url, "--entries", json.dumps(handles))
    assert len(gone["Successful"]) == len(messages)


def test_tags_and_permissions(aws, name):
    url = aws("create-queue", "--queue-name", name())["QueueUrl"]
    aws("tag-queue", "--queue-url", url, "--tags", "a=1,b=2")
    aws("untag-queue", "--queue-url", url, "--tag-keys", "a")
    assert aws("list-queue-tags", "--queue-url", url)["Tags"] == {"b": "2"}
    aws(
        "add-permission",
        "--queue-url",
        url,
        "--label",
        "l",
        "--aws-account-ids",
        "111122223333",
        "--actions",
        "SendMessage",
    )
    policy = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "Policy")["Attributes"]["Policy"]
    assert json.loads(policy)["Statement"][0]["Sid"] == "l"
    aws("remove-permission", "--queue-url", url, "--label", "l")


def test_dead_letters_and_move_tasks(aws, name):
    def arn(url):
        return aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")["Attributes"][
            "QueueArn"
        ]

    dead = aws("create-queue", "--queue-name", name("dead"))["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": "1"})
    live = aws(
        "create-queue",
        "--queue-name",
        name("live"),
        "--attributes",
        json.dumps({"RedrivePolicy": policy, "VisibilityTimeout": "0"}),
    )["QueueUrl"]
    assert aws("list-dead-letter-source-queues", "--queue-url", dead)["queueUrls"] == [live]
    # So many that at one a second the task outlasts the clients that ask for it.
    entries = json.dumps([{"Id": str(number), "MessageBody": str(number)} for number in range(10)])
    for _ in range(4):
        aws("send-message-batch", "--queue-url", live, "--entries", entries)
    while aws("receive-message", "--queue-url", live, "--max-number-of-messages", "10"):
        pass
    source = arn(dead)
    slow = aws("start-message-move-task", "--source-arn", source, "--max-number-of-messages-per-second", "1")[
        "TaskHandle"
    ]

    def status():
        return aws("list-message-move-tasks", "--source-arn", source)["Results"][0]["Status"]

    assert status() == "RUNNING"
    aws("cancel-message-move-task", "--task-handle", slow)
    eventually(lambda: status() == "CANCELLED")


def test_the_endpoint_comes_from_the_environment_where_the_cli_lets_it(moln, name):
    done = aws_cli(moln.env | {"AWS_DEFAULT_REGION": "eu-central-2"}, "sqs", "create-queue", "--queue-name", name())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["QueueUrl"].startswith(moln.url)
