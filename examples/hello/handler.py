"""A first function: greets who it is told of, one by an event of its own or several by messages of a queue."""


def handler(event, context):
    """Answers a greeting, and logs it."""
    names = [record["body"] for record in event.get("Records", [])] or [event.get("name", "world")]
    greetings = [f"Hello, {name}" for name in names]
    for greeting in greetings:
        print(greeting)
    return {"said": greetings, "milliseconds_left": context.get_remaining_time_in_millis()}
