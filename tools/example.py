"""What `make run` shows: a queue, a function, the function behind the queue. It leaves nothing behind."""

import io
import json
import pathlib
import secrets
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "examples" / "hello"
# Another one each time: a queue that was deleted keeps its name for a minute.
NAME = f"hello-{secrets.token_hex(2)}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
WAIT = {"Delay": 1, "MaxAttempts": 30}


class Example:
    """The steps, over one server."""

    def __init__(self, url: str):
        # The first invocation may have to fetch the Python SDK: that is waited for.
        patient = Config(read_timeout=300, retries={"total_max_attempts": 1})

        def client(service: str):
            return boto3.client(
                service,
                endpoint_url=url,
                config=patient,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        self.sqs, self.iam, self.functions, self.logs = map(client, ("sqs", "iam", "lambda", "logs"))

    def queue(self) -> str:
        """A message in, a message out."""
        print("A queue: a message in, a message out.")
        url = self.sqs.create_queue(QueueName=NAME)["QueueUrl"]
        self.sqs.send_message(QueueUrl=url, MessageBody="Hello from your own cloud")
        (message,) = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        print(f"  {message['Body']}")
        return url

    def function(self) -> None:
        """Deployed from its folder, invoked."""
        print(
            f"A function, examples/{FOLDER.name}/handler.py, in a sandbox of its own. (The first time it may fetch boto3.)"
        )
        role = self.iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        self.functions.create_function(
            FunctionName=NAME, Runtime="python3.11", Handler="handler.handler", Role=role, Code={"ZipFile": packed()}
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig=WAIT)
        answer = self.functions.invoke(FunctionName=NAME, Payload=json.dumps({"name": "Moln"}))
        print(f"  {answer['Payload'].read().decode()}")

    def mapping(self, url: str) -> None:
        """The queue feeds the function; its log tells."""
        print("The same function behind the queue. Its log:")
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        made = self.functions.create_event_source_mapping(FunctionName=NAME, EventSourceArn=attributes["QueueArn"])
        self.sqs.send_message(QueueUrl=url, MessageBody="message from a queue")
        for line in self.lines("Hello, message from a queue"):
            print(f"  {line}")
        self.functions.delete_event_source_mapping(UUID=made["UUID"])

    def lines(self, last: str) -> list[str]:
        """The function's log, once it has this line."""
        deadline = time.monotonic() + 30
        lines = []
        while last not in lines[:-2] and time.monotonic() < deadline:  # END and REPORT follow
            time.sleep(0.1)
            try:
                events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{NAME}")["events"]
            except self.logs.exceptions.ResourceNotFoundException:
                continue  # lines are on their way
            lines = [event["message"].rstrip() for event in events]
        return lines

    def forget(self) -> None:
        """Removes all of it, as far as it is there."""
        self.quietly(self.forget_mappings)
        self.quietly(lambda: self.functions.delete_function(FunctionName=NAME))
        self.quietly(lambda: self.iam.delete_role(RoleName=NAME))
        self.quietly(lambda: self.logs.delete_log_group(logGroupName=f"/aws/lambda/{NAME}"))
        self.quietly(lambda: self.sqs.delete_queue(QueueUrl=self.sqs.get_queue_url(QueueName=NAME)["QueueUrl"]))

    def forget_mappings(self) -> None:
        """Those of the function."""
        for mapping in self.functions.list_event_source_mappings(FunctionName=NAME)["EventSourceMappings"]:
            self.quietly(lambda uuid=mapping["UUID"]: self.functions.delete_event_source_mapping(UUID=uuid))

    @staticmethod
    def quietly(step) -> None:
        """What is not there needs no removal."""
        try:
            step()
        except (ClientError, BotoCoreError):
            pass


def packed() -> bytes:
    """The folder as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(FOLDER.glob("*.py")):
            archive.write(path, path.name)
    return out.getvalue()


def main(url: str) -> None:
    example = Example(url)
    try:
        queue = example.queue()
        example.function()
        example.mapping(queue)
    except (ClientError, BotoCoreError) as error:
        # Such as a runtime that cannot be fetched now: the server says what to do, and runs all the same.
        print(f"  {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        example.forget()


if __name__ == "__main__":
    main(sys.argv[1])
