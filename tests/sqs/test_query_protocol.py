"""All 23 operations through the old query protocol: form posts in, XML out, as SDKs before 2023 speak."""

import base64
import hashlib
import json

import pytest

from harness.query import QueryClient, QueryError, pairs
from harness.raw import call_json
from harness.sqs import md5
from harness.waiting import eventually


@pytest.fixture
def queue(query, name):
    return query.call("CreateQueue", QueueName=name()).findtext("QueueUrl")


def arn(query, url):
    answer = query.call("GetQueueAttributes", QueueUrl=url, AttributeName_1="QueueArn")
    return pairs(answer, "Attribute")["QueueArn"]


def dead_letters(query, name, texts=()):
    """A source queue and its dead-letter queue holding these texts."""
    dead = query.call("CreateQueue", QueueName=name("dead")).findtext("QueueUrl")
    policy = json.dumps({"deadLetterTargetArn": arn(query, dead), "maxReceiveCount": "1"})
    live = query.call(
        "CreateQueue",
        QueueName=name("live"),
        Attribute_1_Name="RedrivePolicy",
        Attribute_1_Value=policy,
        Attribute_2_Name="VisibilityTimeout",
        Attribute_2_Value="0",
    ).findtext("QueueUrl")
    for text in texts:
        query.call("SendMessage", QueueUrl=live, MessageBody=text)
        query.call("ReceiveMessage", QueueUrl=live)
        assert query.call("ReceiveMessage", QueueUrl=live).find("Message") is None
    return live, dead


def test_create_describe_list_and_delete(moln, query, name):
    stem = name("old")
    url = query.call(
        "CreateQueue",
        QueueName=stem,
        Attribute_1_Name="VisibilityTimeout",
        Attribute_1_Value="7",
        Tag_1_Key="team",
        Tag_1_Value="old",
    ).findtext("QueueUrl")
    assert url == f"{moln.url}/000000000000/{stem}"
    assert query.call("GetQueueUrl", QueueName=stem).findtext("QueueUrl") == url
    assert [e.text for e in query.call("ListQueues", QueueNamePrefix=stem).findall("QueueUrl")] == [url]
    query.call(
        "SetQueueAttributes",
        QueueUrl=url,
        Attribute_1_Name="DelaySeconds",
        Attribute_1_Value="3",
        Attribute_2_Name="MaximumMessageSize",
        Attribute_2_Value="2048",
    )
    found = pairs(query.call("GetQueueAttributes", QueueUrl=url, AttributeName_1="All"), "Attribute")
    assert (found["VisibilityTimeout"], found["DelaySeconds"], found["MaximumMessageSize"]) == ("7", "3", "2048")
    assert pairs(query.call("ListQueueTags", QueueUrl=url), "Tag", "Key") == {"team": "old"}
    query.call("TagQueue", QueueUrl=url, Tag_1_Key="more", Tag_1_Value="tags")
    query.call("UntagQueue", QueueUrl=url, TagKey_1="team")
    assert pairs(query.call("ListQueueTags", QueueUrl=url), "Tag", "Key") == {"more": "tags"}
    query.call("DeleteQueue", QueueUrl=url)
    with pytest.raises(QueryError) as caught:
        query.call("GetQueueUrl", QueueName=stem)
    assert caught.value.code == "AWS.SimpleQueueService.NonExistentQueue"
    assert (caught.value.type, caught.value.status) == ("Sender", 400)
    assert caught.value.request_id


def test_lists_come_in_pages(query, name):
    stem = name("pages")
    for number in range(5):
        query.call("CreateQueue", QueueName=f"{stem}-{number}")
    first = query.call("ListQueues", QueueNamePrefix=stem, MaxResults=3)
    assert len(first.findall("QueueUrl")) == 3
    rest = query.call("ListQueues", QueueNamePrefix=stem, MaxResults=3, NextToken=first.findtext("NextToken"))
    assert len(rest.findall("QueueUrl")) == 2
    assert rest.findtext("NextToken") is None


def test_send_receive_change_and_delete(query, queue):
    body = 'ünïcode <xml/> & "quotes"\r\n'
    sent = query.call(
        "SendMessage",
        QueueUrl=queue,
        MessageBody=body,
        MessageAttribute_1_Name="text",
        MessageAttribute_1_Value_DataType="String",
        MessageAttribute_1_Value_StringValue="v",
        MessageAttribute_2_Name="raw",
        MessageAttribute_2_Value_DataType="Binary",
        MessageAttribute_2_Value_BinaryValue=base64.b64encode(b"\x00\xff").decode(),
    )
    assert sent.findtext("MD5OfMessageBody") == md5(body)
    message = query.call(
        "ReceiveMessage",
        QueueUrl=queue,
        AttributeName_1="All",
        MessageAttributeName_1="All",
        MaxNumberOfMessages=10,
    ).find("Message")
    assert message.findtext("Body") == body
    assert message.findtext("MessageId") == sent.findtext("MessageId")
    assert message.findtext("MD5OfMessageAttributes") == sent.findtext("MD5OfMessageAttributes") == attribute_md5()
    assert pairs(message, "Attribute")["ApproximateReceiveCount"] == "1"
    found = {a.findtext("Name"): a.find("Value") for a in message.findall("MessageAttribute")}
    assert found["text"].findtext("StringValue") == "v"
    assert base64.b64decode(found["raw"].findtext("BinaryValue")) == b"\x00\xff"
    handle = message.findtext("ReceiptHandle")
    query.call("ChangeMessageVisibility", QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=60)
    query.call("DeleteMessage", QueueUrl=queue, ReceiptHandle=handle)
    query.call("PurgeQueue", QueueUrl=queue)


def attribute_md5() -> str:
    """The documented digest over name, type and value of the two attributes above, in order of name."""

    def part(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    digest = part(b"raw") + part(b"Binary") + b"\x02" + part(b"\x00\xff")
    digest += part(b"text") + part(b"String") + b"\x01" + part(b"v")
    return hashlib.md5(digest).hexdigest()


def test_batches(query, queue):
    entries = {}
    for number in range(1, 4):
        entries[f"SendMessageBatchRequestEntry_{number}_Id"] = f"e{number}"
        entries[f"SendMessageBatchRequestEntry_{number}_MessageBody"] = "\x01" if number == 3 else f"m{number}"
    sent = query.call("SendMessageBatch", QueueUrl=queue, **entries)
    assert [e.findtext("Id") for e in sent.findall("SendMessageBatchResultEntry")] == ["e1", "e2"]
    (failed,) = sent.findall("BatchResultErrorEntry")
    assert [failed.findtext(tag) for tag in ("Id", "Code", "SenderFault")] == ["e3", "InvalidMessageContents", "true"]
    handles = []
    while len(handles) < 2:
        found = query.call("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10).findall("Message")
        assert found
        handles += [message.findtext("ReceiptHandle") for message in found]
    change, delete = "ChangeMessageVisibilityBatchRequestEntry", "DeleteMessageBatchRequestEntry"
    changed = query.call(
        "ChangeMessageVisibilityBatch",
        QueueUrl=queue,
        **{f"{change}_{n}_Id": f"e{n}" for n in (1, 2)},
        **{f"{change}_{n}_ReceiptHandle": handles[n - 1] for n in (1, 2)},
        **{f"{change}_{n}_VisibilityTimeout": 60 for n in (1, 2)},
    )
    assert [e.findtext("Id") for e in changed.findall("ChangeMessageVisibilityBatchResultEntry")] == ["e1", "e2"]
    deleted = query.call(
        "DeleteMessageBatch",
        QueueUrl=queue,
        **{f"{delete}_{n}_Id": f"e{n}" for n in (1, 2)},
        **{f"{delete}_{n}_ReceiptHandle": handles[n - 1] for n in (1, 2)},
    )
    assert [e.findtext("Id") for e in deleted.findall("DeleteMessageBatchResultEntry")] == ["e1", "e2"]


def test_permissions(query, queue):
    query.call("AddPermission", QueueUrl=queue, Label="l", AWSAccountId_1="111122223333", ActionName_1="SendMessage")
    found = pairs(query.call("GetQueueAttributes", QueueUrl=queue, AttributeName_1="Policy"), "Attribute")
    assert json.loads(found["Policy"])["Statement"][0]["Sid"] == "l"
    query.call("RemovePermission", QueueUrl=queue, Label="l")


def test_dead_letters_and_move_tasks(query, name):
    live, dead = dead_letters(query, name, ["m1", "m2"])
    sources = query.call("ListDeadLetterSourceQueues", QueueUrl=dead)
    assert [e.text for e in sources.findall("QueueUrl")] == [live]
    handle = query.call("StartMessageMoveTask", SourceArn=arn(query, dead)).findtext("TaskHandle")

    def finished():
        (task,) = query.call("ListMessageMoveTasks", SourceArn=arn(query, dead)).findall(
            "ListMessageMoveTasksResultEntry"
        )
        return task.findtext("Status") == "COMPLETED"

    eventually(finished)
    with pytest.raises(QueryError) as caught:
        query.call("CancelMessageMoveTask", TaskHandle=handle)
    assert caught.value.status in (400, 404)


def test_a_queues_own_url_needs_no_queue_url_parameter(query, queue):
    query.call("SendMessage", at=queue, MessageBody="posted")
    query.call("SendMessage", at=queue, method="GET", MessageBody="got")
    bodies = set()
    while (message := query.call("ReceiveMessage", at=queue).find("Message")) is not None:
        bodies.add(message.findtext("Body"))
    assert bodies == {"posted", "got"}


def test_get_on_the_endpoint_works_too(query, name):
    assert query.call("CreateQueue", method="GET", QueueName=name()).findtext("QueueUrl")


@pytest.mark.parametrize(
    "action, params, code",
    [
        ("FlyToTheMoon", {}, "InvalidAction"),
        ("SendMessage", {"MessageBody": "m"}, "MissingParameter"),
        ("SendMessage", {"QueueUrl": "queue"}, "MissingParameter"),
        ("SendMessage", {"QueueUrl": "queue", "MessageBody": "m", "DelaySeconds": "soon"}, None),
        ("ReceiveMessage", {"QueueUrl": "queue", "MaxNumberOfMessages": "11"}, "InvalidParameterValue"),
        ("ReceiveMessage", {"QueueUrl": "queue", "MaxNumberOfMessages": "99999999999999999999"}, None),
        ("DeleteMessage", {"QueueUrl": "queue"}, "MissingParameter"),
        ("DeleteMessage", {"QueueUrl": "queue", "ReceiptHandle": "forged"}, "ReceiptHandleIsInvalid"),
        ("SendMessageBatch", {"QueueUrl": "queue"}, None),
        (
            "SetQueueAttributes",
            {"QueueUrl": "queue", "Attribute_1_Name": "Colour", "Attribute_1_Value": "red"},
            "InvalidAttributeName",
        ),
    ],
)
def test_errors_have_the_old_codes(query, queue, action, params, code):
    params = {key: queue if value == "queue" else value for key, value in params.items()}
    with pytest.raises(QueryError) as caught:
        query.call(action, **params)
    assert (caught.value.type, caught.value.status) == ("Sender", 400)
    if code:
        assert caught.value.code == code, caught.value


def test_both_protocols_see_the_same_queue(moln, sqs, query, queue):
    query.call("SendMessage", QueueUrl=queue, MessageBody="old to new")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "old to new"
    query.call("DeleteMessage", QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


@pytest.mark.parametrize(
    "style",
    [
        "{port_url}/000000000000/{queue}",
        "http://sqs.us-east-1.localhost.localstack.cloud:{port}/000000000000/{queue}",
        "http://us-east-1.queue.localhost.localstack.cloud:{port}/000000000000/{queue}",
        "http://localhost:{port}/queue/us-east-1/000000000000/{queue}",
        "https://sqs.us-east-1.amazonaws.com/000000000000/{queue}",
        "https://us-east-1.queue.amazonaws.com/000000000000/{queue}",
        "{queue}",
    ],
)
def test_every_style_of_queue_url_names_the_queue(moln, sqs, query, queue, style):
    url = style.format(port_url=moln.url, port=moln.port, queue=queue.rsplit("/", 1)[1])
    assert query.call("SendMessage", QueueUrl=url, MessageBody="m").findtext("MessageId")
    reply = call_json(moln.url, "SendMessage", {"QueueUrl": url, "MessageBody": "m"})
    assert reply.status == 200, reply.text


def test_other_regions_by_scope(moln, query, name):
    stem = name()
    elsewhere = QueryClient(moln.url, region="eu-north-1")
    url = elsewhere.call("CreateQueue", QueueName=stem).findtext("QueueUrl")
    assert ":eu-north-1:" in arn(elsewhere, url)
    with pytest.raises(QueryError):
        query.call("GetQueueUrl", QueueName=stem)
