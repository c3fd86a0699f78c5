"""The one document that every peer stores: five small fields.

As JSON it is about 125 bytes, and about 200 with the `_id` and `_creationTime` that nbconvex adds to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

CHANNELS = 100
FIELDS = ("channel", "author", "body", "likes", "pinned")
_TEXT = "a message of some words"


def channel_name(number: int) -> str:
    return f"channel-{number:06d}"


def make_document(number: int, channels: int = CHANNELS) -> dict[str, Any]:
    """Document number `number`; its channel is `number` modulo `channels`."""
    return {
        "channel": channel_name(number % channels),
        "author": f"user-{number * 7919 % 1000:03d}",
        "body": f"{number:09d} {_TEXT}",
        "likes": number % 50,
        "pinned": number % 10 == 0,
    }


def make_documents(count: int, start: int = 0, channels: int = CHANNELS) -> Iterator[dict[str, Any]]:
    return (make_document(number, channels) for number in range(start, start + count))
