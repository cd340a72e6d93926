"""Waiting for what a background worker does, no longer than needed."""

import time


def eventually(probe, limit: float = 15.0, pause: float = 0.05):
    """Asks until the answer is true and returns it; fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {limit} s: {answer!r}")
        time.sleep(pause)
    return answer
