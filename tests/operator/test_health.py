"""What tools that watch a server read."""

import json
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from harness.raw import send
from harness.sqs import receive


def test_health_is_answered_without_a_signature(moln):
    reply = send("GET", f"{moln.url}/_moln/health")
    assert reply.status == 200
    assert send("HEAD", f"{moln.url}/_moln/health").status == 200


def test_tools_that_wait_for_localstack_find_their_answer(moln):
    with urllib.request.urlopen(f"{moln.url}/_localstack/health", timeout=5) as answer:
        health = json.load(answer)
    assert health["services"]["sqs"] in ("available", "running")
    assert health["version"]


def metrics(moln) -> dict:
    reply = send("GET", f"{moln.url}/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(reply.text)}


def counted(families: dict, operation: str) -> float:
    """Requests of an operation, over whichever counter carries an `operation` label."""
    return sum(
        sample.value
        for family in families.values()
        if family.type == "counter"
        for sample in family.samples
        if sample.labels.get("operation") == operation
    )


def test_metrics_parse_and_count_requests(moln, sqs, make_queue):
    url = make_queue()
    before = counted(metrics(moln), "SendMessage")
    for _ in range(5):
        sqs.send_message(QueueUrl=url, MessageBody="m")
    receive(sqs, url)
    after = metrics(moln)
    assert counted(after, "SendMessage") == before + 5
    assert all(name.startswith(("moln_", "process_")) for name in after), sorted(after)
    assert all(family.documentation for family in after.values()), "every metric says what it is"
    assert any(family.type == "histogram" for family in after.values())


def test_unknown_admin_paths_are_not_found(moln):
    for path in ("/_moln", "/_moln/", "/_moln/nothing", "/_moln/../metrics", "/_localstack/nothing"):
        assert send("GET", moln.url + path).status in (404, 400), path
