"""Stacks as tests make them and look at them."""

import json
import time


def template(resources: dict, outputs: dict | None = None, **sections) -> str:
    """A template's text."""
    body = {"Resources": resources} | sections
    return json.dumps(body | ({"Outputs": outputs} if outputs else {}))


def at_rest(client, name: str, within: float = 60) -> dict:
    """The stack, once no operation is under way."""
    until = time.monotonic() + within
    while True:
        stack = client.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS"):
            return stack
        assert time.monotonic() < until, f"{name} is still {status}"
        time.sleep(0.02)


def create(client, name: str, body: str, **options) -> dict:
    """Makes a stack and waits for it."""
    made = client.create_stack(StackName=name, TemplateBody=body, **options)
    return at_rest(client, made["StackId"])


def update(client, name: str, body: str, **options) -> dict:
    """Changes a stack and waits for it."""
    changed = client.update_stack(StackName=name, TemplateBody=body, **options)
    return at_rest(client, changed["StackId"])


def delete(client, name: str, **options) -> dict:
    """Removes a stack and waits for it."""
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    client.delete_stack(StackName=name, **options)
    return at_rest(client, stack["StackId"])


def events(client, name: str) -> list[tuple[str, str, str]]:
    """Logical id, state and reason of each event, oldest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    found = [event for page in pages for event in page["StackEvents"]]
    return [
        (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
        for event in reversed(found)
    ]


def outputs(stack: dict) -> dict[str, str]:
    """Outputs by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
