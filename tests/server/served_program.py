"""A program that serves the clients' backend until its stdin ends, or until it is killed.

    python -m tests.server.served_program PATH PORT [STOP ...]

Says on stdout, one JSON value a line: where it is served, then each stop that `numbers:add` has reached and stays at,
until a line on stdin names that stop.
"""

from __future__ import annotations

import json
import os
import sys

import nbconvex
from tests.server.clients_app import Gate, declare


def say(value: object) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def main(path: str, port: str, *stops: str) -> None:
    with nbconvex.open(path) as backend:
        gate = Gate(*map(int, stops), on_reached=say)
        declare(backend, gate)
        server = nbconvex.serve(backend, port=int(port), site_port=0)
        say({"url": server.url, "port": server.port})
        for line in sys.stdin:
            gate.open(int(line))
        server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
