"""What the tests of events for functions share: a function that tells a queue what it gets, and how to read that."""

import io
import json
import zipfile

from .waiting import eventually

# Answers, fails or sends as the event (or its first record) says, and tells the queue in RESULTS of every call.
SOURCE = """
import json, os, time, urllib.request

def sqs(operation, **parameters):
    head = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS." + operation,
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "
        "SignedHeaders=host, Signature=00",
        # What every AWS SDK sends along from within a function.
        "X-Amzn-Trace-Id": os.environ.get("_X_AMZN_TRACE_ID", ""),
    }
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(parameters).encode(), head)
    return json.load(urllib.request.urlopen(request))

def handler(event, context):
    told = {"id": context.aws_request_id, "arn": context.invoked_function_arn, "event": event, "at": time.time()}
    if "RESULTS" in os.environ:
        sqs("SendMessage", QueueUrl=os.environ["RESULTS"], MessageBody=json.dumps(told))
    commands = event
    if isinstance(event, dict) and "Records" in event:
        body = event["Records"][0]["body"]
        commands = json.loads(body) if body.startswith("{") else {}
    if not isinstance(commands, dict):
        return commands
    if "sleep" in commands:
        time.sleep(commands["sleep"])
    if "send" in commands:
        sqs("SendMessage", QueueUrl=commands["send"], MessageBody=json.dumps(commands))
    if "raise" in commands:
        raise Exception(commands["raise"])
    if "fail" in commands:
        failed = [r["messageId"] for r in event["Records"] if "fail" in json.loads(r["body"])]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
    return commands.get("answer")
"""


def archive(source: str) -> bytes:
    """A zip with the source as its one module."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("main.py", source)
    return packed.getvalue()


class Events:
    """Functions and queues of one server."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.functions, self.sqs = server.client("lambda"), server.client("sqs")

    def queue(self, fifo: bool = False, **attributes) -> str:
        attributes = {key: str(value) for key, value in attributes.items()} | ({"FifoQueue": "true"} if fifo else {})
        return self.sqs.create_queue(QueueName=self.name(fifo=fifo), Attributes=attributes)["QueueUrl"]

    def arn(self, url: str) -> str:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def function(self, results: str | None = None, source: str = SOURCE, **settings) -> str:
        """Makes a function that is ready to be called; returns its name."""
        name = self.name("f")
        environment = {"Variables": {"RESULTS": results} if results else {}}
        self.functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/lambda",
            Handler="main.handler",
            Code={"ZipFile": archive(source)},
            Environment=environment,
            **({"Timeout": 10} | settings),
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return name

    def send(self, function: str, event) -> None:
        answer = self.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
        assert answer["StatusCode"] == 202

    def map(self, function: str, url: str, **settings) -> str:
        """Maps a queue to a function and waits until it is read; returns the mapping's id."""
        made = self.functions.create_event_source_mapping(
            FunctionName=function, EventSourceArn=self.arn(url), **settings
        )
        assert made["State"] == "Creating", made
        self.state(made["UUID"], "Enabled")
        return made["UUID"]

    def state(self, mapping: str, state: str) -> dict:
        """Waits until a mapping stands so."""

        def stands():
            told = self.functions.get_event_source_mapping(UUID=mapping)
            return told if told["State"] == state else None

        return eventually(stands)

    def put(self, url: str, *bodies, **more) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body), **more)

    def take(self, url: str, count: int = 1, limit: float = 20.0) -> list[dict]:
        """Takes so many messages out of a queue, waiting for them."""
        taken: list[dict] = []

        def more():
            answer = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)
            return len(taken) >= count

        eventually(more, limit)
        return taken

    def results(self, url: str, count: int = 1, limit: float = 20.0) -> list[dict]:
        """What calls of the function told."""
        return [json.loads(message["Body"]) for message in self.take(url, count, limit)]

    def left(self, url: str) -> int:
        """Messages in a queue, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(told[name]) for name in names)
