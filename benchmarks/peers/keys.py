"""How the ordered key-value peers (LMDB, RocksDB) spell a document: its key, its index entry, its bytes."""

from __future__ import annotations

import struct
import time
from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
decode_value = msgspec.msgpack.Decoder().decode
INDEX_KEY_TAIL = 16


def document_key(number: int) -> bytes:
    return b"d" + number.to_bytes(8, "big")


def counter_key(number: int) -> bytes:
    return b"c" + number.to_bytes(8, "big")


def channel_prefix(channel: str) -> bytes:
    return b"i" + channel.encode() + b"\0"


def index_key(channel: str, number: int) -> bytes:
    return channel_prefix(channel) + struct.pack(">dQ", time.time(), number)


def encode_value(value: Any) -> bytes:
    return _encode(value)
