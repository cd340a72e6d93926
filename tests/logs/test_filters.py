"""Metric filters, destinations, policies, definitions, deliveries, and what is not built yet."""

import json

import pytest

from harness.logs import new_stream, put, refused

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:*"}]})


@pytest.fixture(scope="session")
def logs(moln):
    return moln.client("logs")


def test_metric_filters_are_kept_and_counted(logs, name):
    group, stream = new_stream(logs, name("metrics"))
    metric = {"metricName": "errors", "metricNamespace": "shop", "metricValue": "$.n", "unit": "Count"}
    logs.put_metric_filter(
        logGroupName=group, filterName="f", filterPattern="{ $.n = * }", metricTransformations=[metric]
    )
    (found,) = logs.describe_metric_filters(metricName="errors", metricNamespace="shop", logGroupName=group)[
        "metricFilters"
    ]
    assert found["metricTransformations"] == [metric]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 1
    put(logs, group, stream, '{"n": 5}', "no json")
    bad = {"metricName": "m", "metricNamespace": "n", "metricValue": "x"}
    code, _ = refused(
        logs.put_metric_filter, logGroupName=group, filterName="g", filterPattern="", metricTransformations=[bad]
    )
    assert code == "InvalidParameterException"
    logs.delete_metric_filter(logGroupName=group, filterName="f")
    code, words = refused(logs.delete_metric_filter, logGroupName=group, filterName="f")
    assert (code, words) == ("ResourceNotFoundException", "The specified metric filter does not exist.")


def test_patterns_are_tried_out(logs):
    line = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
    answer = logs.test_metric_filter(filterPattern="[ip, ..., status = 4*, size]", logEventMessages=["x", line])
    (match,) = answer["matches"]
    assert match["eventNumber"] == 2 and match["eventMessage"] == line
    values = match["extractedValues"]
    assert (values["$ip"], values["$status"], values["$size"]) == ("127.0.0.1", "404", "1534")
    answer = logs.test_metric_filter(filterPattern="{ $.a.b > 1 }", logEventMessages=['{"a":{"b":2}}', '{"a":{"b":1}}'])
    assert [match["extractedValues"] for match in answer["matches"]] == [{"$.a.b": "2"}]
    assert (
        refused(logs.test_metric_filter, filterPattern="[a", logEventMessages=["m"])[0] == "InvalidParameterException"
    )


def test_resource_policies(logs, name):
    for index in range(10):
        logs.put_resource_policy(policyName=f"p{index}", policyDocument=POLICY)
    code, words = refused(logs.put_resource_policy, policyName="p10", policyDocument=POLICY)
    assert (code, words) == ("LimitExceededException", "Resource limit exceeded.")
    assert len(logs.describe_resource_policies()["resourcePolicies"]) == 10
    assert refused(logs.put_resource_policy, policyName="p1", policyDocument="{")[0] == "InvalidParameterException"
    for index in range(10):
        logs.delete_resource_policy(policyName=f"p{index}")
    assert logs.describe_resource_policies()["resourcePolicies"] == []


def test_query_definitions(logs, name):
    stem = name("definition")
    made = logs.put_query_definition(name=stem, queryString="fields @message", logGroupNames=["a", "b"])
    made = made["queryDefinitionId"]
    logs.put_query_definition(queryDefinitionId=made, name=stem, queryString="stats count(*)")
    (found,) = logs.describe_query_definitions(queryDefinitionNamePrefix=stem)["queryDefinitions"]
    assert (found["queryDefinitionId"], found["queryString"]) == (made, "stats count(*)")
    assert logs.delete_query_definition(queryDefinitionId=made)["success"] is True
    assert refused(logs.delete_query_definition, queryDefinitionId=made)[0] == "ResourceNotFoundException"


def test_destinations(logs, name):
    destination = name("destination")
    target = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    role = "arn:aws:iam::000000000000:role/r"
    made = logs.put_destination(destinationName=destination, targetArn=target, roleArn=role)["destination"]
    assert made["arn"].endswith(f":destination:{destination}") and "accessPolicy" not in made
    logs.put_destination_policy(destinationName=destination, accessPolicy=POLICY)
    (found,) = logs.describe_destinations(DestinationNamePrefix=destination)["destinations"]
    assert found["accessPolicy"] == POLICY
    logs.delete_destination(destinationName=destination)
    assert logs.describe_destinations(DestinationNamePrefix=destination)["destinations"] == []
    assert refused(logs.delete_destination, destinationName=destination)[0] == "ResourceNotFoundException"


def test_deliveries(logs, name):
    source, destination = name("source"), name("destination")
    events = "arn:aws:events:us-east-1:000000000000:event-bus/b"
    made = logs.put_delivery_source(name=source, resourceArn=events, logType="ERROR_LOGS", tags={"a": "b"})
    assert made["deliverySource"]["service"] == "events"
    made = logs.put_delivery_destination(
        name=destination, deliveryDestinationConfiguration={"destinationResourceArn": "arn:aws:s3:::bucket"}
    )["deliveryDestination"]
    assert made["deliveryDestinationType"] == "S3" and "outputFormat" not in made
    policy = logs.put_delivery_destination_policy(deliveryDestinationName=destination, deliveryDestinationPolicy=POLICY)
    assert logs.get_delivery_destination_policy(deliveryDestinationName=destination)["policy"] == policy["policy"]
    delivery = logs.create_delivery(deliverySourceName=source, deliveryDestinationArn=made["arn"])["delivery"]
    assert logs.get_delivery(id=delivery["id"])["delivery"] == delivery
    assert refused(logs.delete_delivery_source, name=source)[0] == "ConflictException"
    assert refused(logs.delete_delivery_destination, name=destination)[0] == "ConflictException"
    logs.delete_delivery(id=delivery["id"])
    logs.delete_delivery_source(name=source)
    logs.delete_delivery_destination(name=destination)
    code, words = refused(logs.get_delivery_destination, name=destination)
    assert code == "ResourceNotFoundException"
    assert words == "Requested Delivery Destination does not exist in this account."


def test_what_is_not_built_says_so(logs, name):
    group, _ = new_stream(logs, name("unbuilt"))
    kinesis = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    code, _ = refused(
        logs.put_subscription_filter,
        logGroupName=group,
        filterName="f",
        filterPattern="",
        destinationArn=kinesis,
        roleArn="arn:aws:iam::000000000000:role/r",
    )
    assert code == "NotImplemented"
    code, _ = refused(logs.put_data_protection_policy, logGroupIdentifier=group, policyDocument=POLICY)
    assert code == "NotImplemented"
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


def test_filters_survive_a_kill(fresh, name):
    logs = fresh.client("logs")
    group, _ = new_stream(logs, name("kept"))
    metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
    logs.put_metric_filter(logGroupName=group, filterName="f", filterPattern="ERROR", metricTransformations=[metric])
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    definition = logs.put_query_definition(name="d", queryString="fields @message")["queryDefinitionId"]
    fresh.kill()
    logs = fresh.start().client("logs")
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"][0]["filterPattern"] == "ERROR"
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 7
    assert logs.describe_query_definitions()["queryDefinitions"][0]["queryDefinitionId"] == definition
