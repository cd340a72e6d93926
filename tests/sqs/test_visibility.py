"""Visibility: who received a message last has it, until the time-out or the delete."""

from harness.sqs import bodies, depth, receive, refused

INVALID_HANDLE = ("ReceiptHandleIsInvalid", "The input receipt handle")


def test_a_message_comes_back_after_its_timeout(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(VisibilityTimeout=60)
    client.send_message(QueueUrl=url, MessageBody="m")
    (first,) = receive(client, url)
    movable.advance("55s")
    assert receive(client, url) == []
    movable.advance("6s")
    (second,) = receive(client, url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert second["MessageId"] == first["MessageId"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_the_receives_own_timeout_beats_the_queues(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(VisibilityTimeout=600)
    client.send_message(QueueUrl=url, MessageBody="m")
    receive(client, url, VisibilityTimeout=20)
    movable.advance("21s")
    assert bodies(receive(client, url)) == ["m"]


def test_a_consumer_extends_and_shortens_its_time(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(VisibilityTimeout=20)
    client.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(client, url)
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=120)
    movable.advance("90s")
    assert receive(client, url) == []
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(receive(client, url)) == ["m"]


def test_visibility_cannot_be_changed_once_the_message_is_back(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(VisibilityTimeout=20)
    client.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(client, url)
    movable.advance("21s")
    with refused("AWS.SimpleQueueService.MessageNotInflight"):
        client.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5)


def test_a_message_is_deleted_by_the_handle_of_an_expired_receive(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue(VisibilityTimeout=20)
    client.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(client, url)
    movable.advance("21s")
    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert receive(client, url) == []
    assert depth(client, url) == (0, 0, 0)


def test_deleting_twice_is_a_success(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    for _ in range(2):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_changing_a_deleted_message_is_refused(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    with refused("InvalidParameterValue", "Message does not exist or is not available for visibility timeout change"):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5)


def test_timeouts_out_of_range_are_refused(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    for seconds in (-1, 43201):
        with refused("InvalidParameterValue", "VisibilityTimeout"):
            sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
            )


def test_forged_handles_are_refused(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="m")
    (message,) = receive(sqs, url)
    handle = message["ReceiptHandle"]
    forged = ["forged", handle[:-4], handle + "AAAA", handle[::-1], "A" * len(handle), "ünïcode", "x" * 2000]
    for text in forged:
        with refused(*INVALID_HANDLE):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=text)
        with refused(*INVALID_HANDLE):
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=text, VisibilityTimeout=5)
    assert depth(sqs, url) == (0, 1, 0)


def test_a_handle_fits_its_own_queue_only(sqs, make_queue):
    mine, other = make_queue(), make_queue()
    sqs.send_message(QueueUrl=mine, MessageBody="m")
    (message,) = receive(sqs, mine)
    with refused("ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=other, ReceiptHandle=message["ReceiptHandle"])
    assert depth(sqs, mine) == (0, 1, 0)
