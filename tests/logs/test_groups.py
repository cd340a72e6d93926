"""Groups, streams, tags, retention."""

import pytest

from harness.logs import filtered, new_stream, now_ms, put, refused


@pytest.fixture(scope="session")
def logs(moln):
    return moln.client("logs")


def group_named(logs, group):
    return logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]


def test_groups_are_listed_by_prefix_pattern_class_and_page(logs, name):
    stem = name("many")
    names = [f"{stem}/{n:02}" for n in range(12)]
    for index, group in enumerate(names):
        logs.create_log_group(logGroupName=group, logGroupClass="INFREQUENT_ACCESS" if index == 3 else "STANDARD")

    def listed(**how):
        pages = logs.get_paginator("describe_log_groups").paginate(**how, PaginationConfig={"PageSize": 5})
        return [group["logGroupName"] for page in pages for group in page["logGroups"]]

    assert listed(logGroupNamePrefix=stem) == names
    assert listed(logGroupNamePattern=stem.upper()) == names, "patterns ignore case"
    assert listed(logGroupNamePrefix=stem, logGroupClass="INFREQUENT_ACCESS") == [names[3]]
    answer = logs.list_log_groups(logGroupNamePattern=f"^{stem}/01|{stem[-12:]}/02")
    assert [group["logGroupName"] for group in answer["logGroups"]] == names[1:3]
    arn = group_named(logs, names[0])["logGroupArn"]
    answer = logs.describe_log_groups(logGroupIdentifiers=[arn])
    assert [group["logGroupName"] for group in answer["logGroups"]] == [names[0]]


def test_a_deleted_group_leaves_nothing_behind(logs, name):
    group, stream = new_stream(logs, name("gone"))
    put(logs, group, stream, "old")
    assert group_named(logs, group)["storedBytes"] == len("old") + 26
    logs.delete_log_group(logGroupName=group)
    assert refused(logs.filter_log_events, logGroupName=group)[0] == "ResourceNotFoundException"
    new_stream(logs, group, stream)
    assert filtered(logs, group) == []
    assert group_named(logs, group)["storedBytes"] == 0


def test_a_protected_group_stays(logs, name):
    group = name("protected")
    logs.create_log_group(logGroupName=group, deletionProtectionEnabled=True)
    assert refused(logs.delete_log_group, logGroupName=group)[0] == "InvalidOperationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName=group)


def test_streams_are_listed_by_name_and_by_last_event(logs, name):
    group = name("order")
    logs.create_log_group(logGroupName=group)
    now = now_ms()
    for index, stream in enumerate(["b", "a", "d", "c"]):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        if stream != "d":
            put(logs, group, stream, "first", "last", at=now - 1000 * index)

    def listed(**how):
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, **how, PaginationConfig={"PageSize": 2}
        )
        return [stream for page in pages for stream in page["logStreams"]]

    def names(**how):
        return [stream["logStreamName"] for stream in listed(**how)]

    assert names() == ["a", "b", "c", "d"]
    assert names(descending=True) == ["d", "c", "b", "a"]
    assert names(orderBy="LastEventTime", descending=True) == ["b", "a", "c", "d"]
    assert names(orderBy="LastEventTime") == ["d", "c", "a", "b"]
    assert names(logStreamNamePrefix="c") == ["c"]
    by_name = {stream["logStreamName"]: stream for stream in listed()}
    assert (by_name["b"]["firstEventTimestamp"], by_name["b"]["lastEventTimestamp"]) == (now, now + 1)
    assert "lastEventTimestamp" not in by_name["d"]
    code, _ = refused(logs.describe_log_streams, logGroupName=group, orderBy="LastEventTime", logStreamNamePrefix="a")
    assert code == "InvalidParameterException"


def test_a_deleted_stream_takes_its_events_and_bytes_along(logs, name):
    group, stream = new_stream(logs, name("cut"))
    logs.create_log_stream(logGroupName=group, logStreamName="other")
    put(logs, group, stream, "one")
    put(logs, group, "other", "two")
    logs.delete_log_stream(logGroupName=group, logStreamName=stream)
    assert filtered(logs, group) == ["two"]
    assert group_named(logs, group)["storedBytes"] == 3 + 26
    code, _ = refused(logs.delete_log_stream, logGroupName=group, logStreamName=stream)
    assert code == "ResourceNotFoundException"


def test_tags_by_both_apis(logs, name):
    group = name("tags")
    logs.create_log_group(logGroupName=group, tags={"a": "1"})
    arn = group_named(logs, group)["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.untag_log_group(logGroupName=group, tags=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    many = {f"k{n}": "v" for n in range(50)}
    assert refused(logs.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTagsException"
    gone = arn + "-gone"
    assert refused(logs.list_tags_for_resource, resourceArn=gone)[0] == "ResourceNotFoundException"


def test_retention_hides_at_once_and_deletes_by_the_clock(movable, name):
    logs = movable.client("logs")
    group, stream = new_stream(logs, name("retention"))
    logs.create_log_stream(logGroupName=group, logStreamName="young")
    assert refused(logs.put_retention_policy, logGroupName=group, retentionInDays=2)[0] == "InvalidParameterException"
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    # The server's time: other tests have moved its clock.
    logs.create_log_group(logGroupName=name("clock"))
    now = group_named(logs, group)["creationTime"]
    put(logs, group, stream, *["x" * 1000] * 100, at=now - 1000)
    movable.advance("2d")
    put(logs, group, "young", "kept", at=now + 2 * 86_400_000)
    assert len(filtered(logs, group)) == 101
    movable.advance("25h")
    assert filtered(logs, group) == ["kept"]
    assert group_named(logs, group)["storedBytes"] == 4 + 26, "the space is given back"
    described = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert "firstEventTimestamp" not in described[0]
    logs.delete_retention_policy(logGroupName=group)
    movable.advance("30d")
    assert filtered(logs, group) == ["kept"], "without a policy events stay for ever"


def test_groups_of_regions_and_accounts_are_apart(moln, name):
    group = name("apart")
    moln.client("logs").create_log_group(logGroupName=group)
    for other in (moln.client("logs", region="eu-west-1"), moln.client("logs", key="111122223333")):
        assert other.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
        other.create_log_group(logGroupName=group)
