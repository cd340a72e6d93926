"""Batches: each entry stands for itself; the batch's own form is checked first."""

import pytest

from harness.sqs import bodies, depth, md5, receive, refused

PREFIX = "AWS.SimpleQueueService"


def entries(count: int, **extra) -> list[dict]:
    return [{"Id": f"id-{n}", "MessageBody": f"m{n}"} | extra for n in range(count)]


def test_ten_messages_go_in_and_out_in_three_calls(sqs, make_queue):
    url = make_queue()
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries(10))
    assert [(e["Id"], e["MD5OfMessageBody"]) for e in sent["Successful"]] == [
        (f"id-{n}", md5(f"m{n}")) for n in range(10)
    ]
    assert not sent.get("Failed")
    messages = []
    while len(messages) < 10:
        batch = receive(sqs, url)
        assert batch, "ten messages were acknowledged"
        messages += batch
    assert {m["MessageId"] for m in messages} == {e["MessageId"] for e in sent["Successful"]}
    changed = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 60} for n, m in enumerate(messages)
        ],
    )
    assert len(changed["Successful"]) == 10
    gone = sqs.delete_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    )
    assert len(gone["Successful"]) == 10
    assert depth(sqs, url) == (0, 0, 0)


def test_one_bad_entry_fails_alone(sqs, make_queue):
    url = make_queue()
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "MessageBody": "good"},
            {"Id": "control", "MessageBody": "\x01"},
            {"Id": "late", "MessageBody": "late", "DelaySeconds": 901},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    failed = {entry["Id"]: entry for entry in answer["Failed"]}
    assert failed["control"]["Code"] == "InvalidMessageContents"
    assert failed["late"]["Code"] == "InvalidParameterValue"
    assert all(entry["SenderFault"] is True for entry in failed.values())
    assert bodies(receive(sqs, url)) == ["good"]


def test_a_forged_handle_in_a_batch_fails_alone(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    answer = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "true", "ReceiptHandle": message["ReceiptHandle"]},
            {"Id": "forged", "ReceiptHandle": "forged"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["true"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("forged", "ReceiptHandleIsInvalid")]


@pytest.mark.parametrize(
    "bad, code",
    [
        ([], "EmptyBatchRequest"),
        (entries(11), "TooManyEntriesInBatchRequest"),
        (entries(1) + entries(1), "BatchEntryIdsNotDistinct"),
        ([{"Id": "sp ace", "MessageBody": "m"}], "InvalidBatchEntryId"),
        ([{"Id": "", "MessageBody": "m"}], "InvalidBatchEntryId"),
        ([{"Id": "i" * 81, "MessageBody": "m"}], "InvalidBatchEntryId"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_batch_is_refused_as_a_whole(sqs, make_queue, bad, code):
    url = make_queue()
    with refused(f"{PREFIX}.{code}"):
        sqs.send_message_batch(QueueUrl=url, Entries=bad)
    assert depth(sqs, url) == (0, 0, 0)


def test_the_sum_of_a_batch_is_limited(sqs, make_queue):
    url = make_queue()
    half = "x" * 524_288
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half}])
    with refused(f"{PREFIX}.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes"):
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": half + "x"}]
        )
    assert depth(sqs, url) == (2, 0, 0)


@pytest.mark.parametrize(
    "operation, entry",
    [
        ("delete_message_batch", {"ReceiptHandle": "h"}),
        ("change_message_visibility_batch", {"ReceiptHandle": "h", "VisibilityTimeout": 1}),
    ],
)
def test_every_batch_operation_checks_its_form(sqs, make_queue, operation, entry):
    url = make_queue()
    call = getattr(sqs, operation)
    with refused(f"{PREFIX}.EmptyBatchRequest"):
        call(QueueUrl=url, Entries=[])
    with refused(f"{PREFIX}.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10"):
        call(QueueUrl=url, Entries=[entry | {"Id": str(n)} for n in range(11)])
    with refused(f"{PREFIX}.BatchEntryIdsNotDistinct"):
        call(QueueUrl=url, Entries=[entry | {"Id": "same"}, entry | {"Id": "same"}])
    with refused(f"{PREFIX}.InvalidBatchEntryId"):
        call(QueueUrl=url, Entries=[entry | {"Id": "?"}])
