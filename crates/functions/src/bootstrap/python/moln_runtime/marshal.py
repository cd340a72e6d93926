"""Events and answers as JSON, with the numbers of `decimal` as they are."""

import json
import os
import sys

# From 3.12 on answers hold characters as they are, before as escapes.
_ASCII = sys.version_info < (3, 12)
# Stands around a number of `decimal` until the whole is text; no string of a user's can hold it.
_MARK = os.urandom(12).hex()


class _Encoder(json.JSONEncoder):
    decimals = False

    def default(self, o):
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(o, decimal.Decimal):
            return super().default(o)
        if o.is_nan():
            return float("nan")
        self.decimals = True
        return f"{_MARK}{o}{_MARK}"


_scan = json.JSONDecoder().scan_once


def from_json(text):
    """Value of a text; raises what `json` raises."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    # Space around it, or what is none: `json` knows, and takes as long again for a short event.
    return value if end == len(text) else json.loads(text)


def to_json(value):
    """Text of a value; raises what `json` raises."""
    if value is None:
        return "null"
    encoder = _Encoder(ensure_ascii=_ASCII)
    text = encoder.encode(value)
    if encoder.decimals:
        text = text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "")
    return text
