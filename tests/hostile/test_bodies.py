"""Bodies no SDK would send: each gets AWS's kind of error, tells nothing of the inside, and hurts nobody else."""

import json
import re

import pytest

from harness.raw import JSON10, call_json, exchange, send, send_signed

# Words that only the inside knows: paths, Rust, libraries.
INSIDE = re.compile(
    r"/(home|root|tmp|usr|var|crates|src)/|\.rs\b|panick|unwrap|serde|hyper|tokio|fjall|RUST|backtrace|0x[0-9a-f]{6,}"
)


@pytest.fixture
def refuse(moln, sqs, make_queue):
    """Checks a reply: a clean 4xx. Afterwards the same server still takes a message."""

    def check(reply, *codes: str, status=(400,)):
        assert reply.status in status, (reply.status, reply.text[:500])
        assert not INSIDE.search(reply.text), reply.text[:500]
        assert reply.headers.get("x-amzn-requestid"), reply.headers
        if codes:
            assert reply.error_code in codes, reply.text[:500]
        return reply

    yield check
    assert moln.is_healthy()
    sqs.send_message(QueueUrl=make_queue(), MessageBody="alive")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"QueueUrl"',
        b'{"QueueUrl":',
        b'{"QueueUrl":"',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"{}}",
        b"{} {}",
        b"\xff\xfe{}",
        b'{"QueueUrl":"\xff\xfe"}',
        b'{"QueueUrl":"\\ud800"}',
        b'{"QueueUrl":"\\u12"}',
        b"{'QueueUrl':1}",
        b'{"QueueUrl":NaN}',
        b'{"QueueUrl":1e999}',
        b"\x00" * 100,
        b"Action=SendMessage",
        b"<xml/>",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_broken_json_is_refused(moln, refuse, body):
    reply = refuse(call_json(moln.url, "SendMessage", body))
    assert reply.headers["content-type"].startswith(JSON10)
    assert reply.json()["__type"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"QueueUrl": 7, "MessageBody": "m"},
        {"QueueUrl": ["u"], "MessageBody": "m"},
        {"QueueUrl": {}, "MessageBody": "m"},
        {"QueueUrl": "URL", "MessageBody": 7},
        {"QueueUrl": "URL", "MessageBody": "m", "DelaySeconds": "soon"},
        {"QueueUrl": "URL", "MessageBody": "m", "DelaySeconds": 1.5},
        {"QueueUrl": "URL", "MessageBody": "m", "DelaySeconds": 10**30},
        {"QueueUrl": "URL", "MessageBody": "m", "DelaySeconds": -(10**30)},
        {"QueueUrl": "URL", "MessageBody": "m", "DelaySeconds": {}},
        {"QueueUrl": "URL", "MessageBody": "m", "MessageAttributes": []},
        {"QueueUrl": "URL", "MessageBody": "m", "MessageAttributes": {"a": 1}},
        {
            "QueueUrl": "URL",
            "MessageBody": "m",
            "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "!not base64!"}},
        },
        {
            "QueueUrl": "URL",
            "MessageBody": "m",
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": None}},
        },
    ],
    ids=lambda value: json.dumps(value)[:48],
)
def test_wrong_types_and_numbers_out_of_range_are_refused(moln, refuse, make_queue, parameters):
    if parameters["QueueUrl"] == "URL":
        parameters = parameters | {"QueueUrl": make_queue()}
    refuse(call_json(moln.url, "SendMessage", parameters))


@pytest.mark.parametrize(
    "operation, parameters, code",
    [
        ("SendMessage", {}, None),
        ("SendMessage", {"QueueUrl": "URL"}, None),
        ("ReceiveMessage", {"QueueUrl": "URL", "MaxNumberOfMessages": 2**31}, None),
        ("ReceiveMessage", {"QueueUrl": "URL", "MaxNumberOfMessages": -1}, "InvalidParameterValueException"),
        ("SendMessageBatch", {"QueueUrl": "URL", "Entries": [{"MessageBody": "no id"}]}, None),
        ("SendMessageBatch", {"QueueUrl": "URL", "Entries": [None]}, None),
        ("SendMessageBatch", {"QueueUrl": "URL", "Entries": "text"}, None),
        ("SetQueueAttributes", {"QueueUrl": "URL", "Attributes": {"DelaySeconds": 5}}, None),
        ("CreateQueue", {"QueueName": None}, None),
    ],
)
def test_missing_and_misshapen_parameters_are_refused(moln, refuse, make_queue, operation, parameters, code):
    if parameters.get("QueueUrl") == "URL":
        parameters = parameters | {"QueueUrl": make_queue()}
    refuse(call_json(moln.url, operation, parameters), *([code] if code else []))


def test_unknown_parameters_are_ignored_as_aws_does(moln, make_queue):
    parameters = {"QueueUrl": make_queue(), "MessageBody": "m", "Colour": "red", "Deep": {"er": [1, {"still": None}]}}
    assert call_json(moln.url, "SendMessage", parameters).status == 200


@pytest.mark.parametrize("depth", [200, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_json_is_refused(moln, refuse, depth, opening):
    refuse(call_json(moln.url, "SendMessage", b'{"QueueUrl":"u","MessageBody":"m","X":' + opening.encode() * depth))
    closed = {"[": "]", '{"a":': "}"}[opening]
    whole = '{"X":' + opening * depth + "1" * (opening != "[") + closed * depth + "}"
    refuse(call_json(moln.url, "SendMessage", whole.encode()))


def test_unknown_operations_and_services_are_refused(moln, refuse):
    refuse(call_json(moln.url, "FlyToTheMoon", {}), "UnknownOperationException", status=(400, 404))
    for target in (
        "NoSuchService.SendMessage",
        "AmazonSQS",
        "AmazonSQS.",
        ".SendMessage",
        "",
        "AmazonSQS.SendMessage.x",
        "\u00ff",
    ):
        headers = {"Content-Type": JSON10, "X-Amz-Target": target}
        reply = send("POST", f"{moln.url}/", b"{}", headers)
        assert 400 <= reply.status <= 501 and reply.status != 500, (target, reply.status)
        assert not INSIDE.search(reply.text)


def test_an_operation_of_another_service_says_it_is_not_there(moln, refuse):
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSCognitoIdentityProviderService.ListUserPools",
    }
    reply = send_signed("POST", f"{moln.url}/", b"{}", headers, service="cognito-idp")
    assert reply.status in (400, 404, 501), reply.text
    assert not INSIDE.search(reply.text)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/json", "multipart/form-data", "", "application/x-amz-json-9.9", "\u00ff/\u00fe"],
)
def test_other_content_types_do_no_harm(moln, make_queue, content_type):
    body = json.dumps({"QueueUrl": make_queue(), "MessageBody": "m"}).encode()
    reply = send("POST", f"{moln.url}/", body, {"Content-Type": content_type, "X-Amz-Target": "AmazonSQS.SendMessage"})
    assert reply.status in (200, 400, 404, 415), reply.text
    assert not INSIDE.search(reply.text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Action",
        b"Action=",
        b"Action=SendMessage&QueueUrl=%",
        b"Action=SendMessage&QueueUrl=%zz",
        b"Action=SendMessage&%ff=%fe",
        b"Action=SendMessage&Action=ReceiveMessage",
        b"&&&&=&=&",
        b"Action=SendMessageBatch&SendMessageBatchRequestEntry.99999999999.Id=a",
        b"Action=SendMessageBatch&SendMessageBatchRequestEntry.-1.Id=a",
        b"Action=SendMessageBatch&SendMessageBatchRequestEntry..Id=a",
        b"Action=SetQueueAttributes&Attribute.1=" + b"a.b.c" * 1000,
        b"Action=TagQueue&" + b"Tag.1.Key." * 5000 + b"=x",
        b"\xff\xfe\x00",
        b"Action=ReceiveMessage&MaxNumberOfMessages=999999999999999999999999",
    ],
    ids=lambda body: repr(body[:32]),
)
def test_broken_forms_are_refused(moln, refuse, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = refuse(send_signed("POST", f"{moln.url}/", body, headers), status=(400, 404))
    assert reply.headers["content-type"].startswith(
        ("text/xml", "application/x-amz-json", "application/xml", "text/plain")
    )


def test_a_body_over_the_limit_is_refused_before_it_is_read(moln, refuse):
    length = 10 * 2**30
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{moln.port}\r\nContent-Type: {JSON10}\r\n"
        f"X-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: {length}\r\n\r\n"
    )
    answer = exchange(moln.port, head.encode() + b"{" * 1000, timeout=10)
    assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), answer[:200]
    assert moln.rss_bytes() < 1 << 30


def test_a_body_that_ends_early_is_dropped(moln, refuse):
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{moln.port}\r\nContent-Type: {JSON10}\r\n"
        'X-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: 1000\r\n\r\n{"QueueUrl":'
    )
    answer = exchange(moln.port, head.encode(), timeout=5, half_close=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert moln.is_healthy()


def test_a_bare_get_has_an_answer(moln):
    reply = send("GET", f"{moln.url}/")
    assert reply.status in (200, 400, 404), reply.text
    assert not INSIDE.search(reply.text)
