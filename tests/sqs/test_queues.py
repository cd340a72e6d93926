"""Queues: made, found, described, changed, deleted."""

import json
import re

from harness.sqs import arn_of, attributes, receive, refused


def test_a_queue_is_created_found_by_name_and_listed(moln, sqs, name):
    queue = name("orders")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    assert url == f"{moln.url}/000000000000/{queue}"
    assert sqs.get_queue_url(QueueName=queue)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=queue, QueueOwnerAWSAccountId="000000000000")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix=queue)["QueueUrls"] == [url]


def test_a_new_queue_has_the_documented_defaults(sqs, make_queue):
    found = attributes(sqs, make_queue("defaults"))
    assert re.fullmatch(r"arn:aws:sqs:us-east-1:000000000000:defaults-\w+", found["QueueArn"])
    assert {key: value for key, value in found.items() if "Timestamp" not in key and key != "QueueArn"} == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert int(found["CreatedTimestamp"]) == int(found["LastModifiedTimestamp"])


def test_creating_again_with_the_same_attributes_gives_the_same_queue(sqs, name):
    queue = name()
    first = sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "5", "DelaySeconds": "1"})
    assert sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "5"})["QueueUrl"] == first["QueueUrl"]
    assert sqs.create_queue(QueueName=queue)["QueueUrl"] == first["QueueUrl"]


def test_creating_again_with_other_attributes_is_refused(sqs, name):
    queue = name()
    sqs.create_queue(QueueName=queue)
    words = "A queue already exists with the same name and a different value for attribute VisibilityTimeout"
    with refused("QueueAlreadyExists", words):
        sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "7"})


def test_bad_names_are_refused(sqs, name):
    for bad in ("with space", "sla/sh", "dot.ted", "x" * 81, "ünïcode"):
        with refused("InvalidParameterValue"):
            sqs.create_queue(QueueName=bad)
    with refused("InvalidParameterValue", ".fifo"):
        sqs.create_queue(QueueName=name(), Attributes={"FifoQueue": "true"})
    with refused("InvalidParameterValue"):
        sqs.create_queue(QueueName=name(fifo=True))


def test_unknown_and_out_of_range_attributes_are_refused(sqs, make_queue):
    url = make_queue()
    with refused("InvalidAttributeName", "Unknown Attribute Colour."):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Colour": "red"})
    with refused("InvalidAttributeName", "Unknown Attribute Colour."):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Colour"])
    for attribute, low, high in (
        ("VisibilityTimeout", 0, 43200),
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1024, 1048576),
        ("MessageRetentionPeriod", 60, 1209600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ):
        for value in (low, high):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: str(value)})
            assert attributes(sqs, url, attribute)[attribute] == str(value)
        for value in (low - 1, high + 1, "soon", "", "1e3", "99999999999999999999"):
            with refused("InvalidAttributeValue", f"Invalid value for the parameter {attribute}"):
                sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: str(value)})


def test_a_refused_change_changes_nothing(sqs, make_queue):
    url = make_queue(VisibilityTimeout=11)
    with refused("InvalidAttributeValue"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "12", "DelaySeconds": "901"})
    assert attributes(sqs, url, "VisibilityTimeout", "DelaySeconds") == {"VisibilityTimeout": "11", "DelaySeconds": "0"}


def test_fifo_attributes_do_not_fit_a_standard_queue(sqs, make_queue):
    url = make_queue()
    for attribute in ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"):
        value = {"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}.get(attribute, "true")
        with refused("InvalidAttributeName", f"Unknown Attribute {attribute}."):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: value})


def test_a_policy_is_kept_as_json_and_a_broken_one_is_refused(sqs, make_queue):
    url = make_queue()
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn_of(sqs, url)}
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert json.loads(attributes(sqs, url, "Policy")["Policy"]) == policy
    with refused("InvalidAttributeValue", "Invalid value for the parameter Policy"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": "{not json"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in attributes(sqs, url)


def test_encryption_attributes_exclude_each_other(sqs, make_queue):
    url = make_queue()
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/mine", "KmsDataKeyReusePeriodSeconds": "600"}
    )
    found = attributes(sqs, url)
    assert (found["KmsMasterKeyId"], found["KmsDataKeyReusePeriodSeconds"]) == ("alias/mine", "600")
    assert found.get("SqsManagedSseEnabled", "false") == "false"


def test_a_deleted_queue_is_gone(sqs, make_queue):
    url = make_queue()
    sqs.send_message(QueueUrl=url, MessageBody="left behind")
    sqs.delete_queue(QueueUrl=url)
    gone = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist")
    with refused(*gone):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    with refused(*gone):
        receive(sqs, url)
    with refused(*gone):
        sqs.get_queue_url(QueueName=url.rsplit("/", 1)[1])
    with refused(*gone):
        sqs.delete_queue(QueueUrl=url)
    assert url not in sqs.list_queues(QueueNamePrefix=url.rsplit("/", 1)[1]).get("QueueUrls", [])


def test_a_name_is_free_again_sixty_seconds_after_deletion_and_the_queue_is_empty(movable, make_movable_queue):
    client = movable.client()
    url = make_movable_queue()
    queue = url.rsplit("/", 1)[1]
    client.send_message(QueueUrl=url, MessageBody="old")
    client.delete_queue(QueueUrl=url)
    with refused("AWS.SimpleQueueService.QueueDeletedRecently", "60 seconds"):
        client.create_queue(QueueName=queue)
    movable.advance("61s")
    assert client.create_queue(QueueName=queue)["QueueUrl"] == url
    assert receive(client, url) == []


def test_listing_pages_through_many_queues(sqs, name):
    stem = name("many")
    made = {sqs.create_queue(QueueName=f"{stem}-{number:02}")["QueueUrl"] for number in range(25)}
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix=stem, PaginationConfig={"PageSize": 10}))
    assert [len(page["QueueUrls"]) for page in pages] == [10, 10, 5]
    assert {url for page in pages for url in page["QueueUrls"]} == made
    assert not sqs.list_queues(QueueNamePrefix=f"{stem}-nothing").get("QueueUrls")


def test_accounts_and_regions_do_not_see_each_other(moln, sqs, name):
    queue = name("isolated")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="mine")
    other_account = moln.client(key="111122223333")
    other_region = moln.client(region="eu-central-1")
    for client in (other_account, other_region):
        with refused("AWS.SimpleQueueService.NonExistentQueue"):
            client.get_queue_url(QueueName=queue)
    made = other_account.create_queue(QueueName=queue)["QueueUrl"]
    assert made == f"{moln.url}/111122223333/{queue}"
    assert receive(other_account, made) == []
    assert arn_of(other_region, other_region.create_queue(QueueName=queue)["QueueUrl"]) == (
        f"arn:aws:sqs:eu-central-1:000000000000:{queue}"
    )
