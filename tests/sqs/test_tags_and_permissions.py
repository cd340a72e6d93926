"""Tags and permissions are stored, merged and taken away."""

import json

import pytest

from harness.sqs import arn_of, attributes, refused


def test_tags_are_set_merged_and_removed(sqs, make_queue):
    url = make_queue(tags={"team": "queues", "empty": ""})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "queues", "empty": ""}
    sqs.tag_queue(QueueUrl=url, Tags={"team": "clouds", "stage": "prod"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "clouds", "empty": "", "stage": "prod"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["stage", "never there"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "clouds", "empty": ""}
    assert not sqs.list_queue_tags(QueueUrl=make_queue()).get("Tags")


def test_fifty_tags_are_the_most(sqs, make_queue):
    url = make_queue(tags={f"k{n}": "v" for n in range(50)})
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.tag_queue(QueueUrl=url, Tags={"one": "more"})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert len(sqs.list_queue_tags(QueueUrl=url)["Tags"]) == 50


def test_permissions_become_policy_statements(sqs, make_queue):
    url = make_queue()
    sqs.add_permission(QueueUrl=url, Label="senders", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    (statement,) = json.loads(attributes(sqs, url, "Policy")["Policy"])["Statement"]
    assert statement == {
        "Sid": "senders",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SQS:SendMessage",
        "Resource": arn_of(sqs, url),
    }
    sqs.add_permission(
        QueueUrl=url,
        Label="many",
        AWSAccountIds=["111122223333", "444455556666"],
        Actions=["SendMessage", "ReceiveMessage"],
    )
    many = json.loads(attributes(sqs, url, "Policy")["Policy"])["Statement"][1]
    assert many["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"]
    assert many["Principal"]["AWS"] == ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"]
    for label in ("senders", "many"):
        sqs.remove_permission(QueueUrl=url, Label=label)
    assert "Policy" not in attributes(sqs, url)


def test_bad_permissions_are_refused(sqs, make_queue):
    url = make_queue()
    sqs.add_permission(QueueUrl=url, Label="taken", AWSAccountIds=["111122223333"], Actions=["*"])
    with refused("InvalidParameterValue", "Already exists"):
        sqs.add_permission(QueueUrl=url, Label="taken", AWSAccountIds=["111122223333"], Actions=["*"])
    with refused("InvalidParameterValue"):
        sqs.add_permission(QueueUrl=url, Label="sp ace", AWSAccountIds=["111122223333"], Actions=["*"])
    with refused("InvalidParameterValue", "can't find label"):
        sqs.remove_permission(QueueUrl=url, Label="absent")
    with refused("InvalidParameterValue"):
        sqs.add_permission(QueueUrl=url, Label="action", AWSAccountIds=["111122223333"], Actions=["FlyToTheMoon"])
