"""Uploads as no well-behaved client sends them: piece by piece, too short, too long, cut off.

Owns:  `raw_upload`, `generated`, `resident_bytes`.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

PIECE_BYTES = 256 * 1024


def generated(size: int, seed: int = 0) -> Iterator[bytes]:
    """That many bytes, in pieces that are not alike, made as they are needed."""
    block = random.Random(seed).randbytes(PIECE_BYTES)
    for at in range(0, size, PIECE_BYTES):
        stamp = at.to_bytes(8, "big")
        yield (stamp + block[8:])[: size - at]


def raw_upload(
    address: str, body: bytes, *, length: int | None = None, head: str = "", hangs_up: bool = True
) -> tuple[int, bytes] | None:
    """Post `body`, announce `length`, then hang up, or wait: the answer's status and body, or None."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        announced = f"Content-Length: {len(body) if length is None else length}\r\n" if "chunked" not in head else ""
        request = f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n{announced}{head}\r\n"
        connection.sendall(request.encode() + body)
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if not answer:
        return None
    first, _, rest = answer.partition(b"\r\n\r\n")
    return int(first.split()[1]), rest


def resident_bytes(pid: int | str) -> int:
    """What a process has in memory now. Linux only."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def most_resident_bytes(pid: int | str) -> int:
    """The most that a process has had in memory. Linux only."""
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
