"""The PyPI package's clients, unmodified, in a process of their own: a scenario and the server's address as arguments.

    python -m tests.server.pypi_driver SCENARIO URL

Says what it has seen as JSON on stdout, one value a line; tests/server/test_pypi_client.py judges.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from convex import ConvexClient, ConvexError, ConvexInt64
from convex.http_client import ConvexHttpClient

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "number": 0.1,
    "whole number": 5.0,
    "minus zero": -0.0,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "int64": ConvexInt64(7),
    "smallest int64": ConvexInt64(-(2**63)),
    "largest int64": ConvexInt64(2**63 - 1),
    "bytes": bytes(range(256)),
    "text": "grüß \N{PENGUIN}",
    "nested": {"list": [ConvexInt64(1), [b"", {"a": None}]], "object": {"x": -0.0}},
}
#: Below and above what a WebSocket frame may have for this client. Source: wire-protocol 3.9.
MIB = 1 << 20


def tell(value: Any) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def failure_of(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        call()
    except ConvexError as error:
        return {"is_convex_error": True, "data": error.data, "message": str(error)}
    except Exception as error:
        return {"is_convex_error": False, "message": str(error)}
    return {"message": "no error"}


def calls(url: str) -> None:
    told = {}
    for name, client in (("socket", ConvexClient(url)), ("http", ConvexHttpClient(url))):
        sent = client.mutation("messages:send", {"channel": name, "body": "hi"})
        told[name] = [
            isinstance(sent, str),
            client.query("messages:list", {"channel": name}),
            client.action("actions:send_all", {"bodies": ["a", "b"]}),
        ]
    tell(told)


def errors(url: str) -> None:
    told = {}
    for name, client in (("socket", ConvexClient(url)), ("http", ConvexHttpClient(url))):
        failures = {}
        for kind in ("query", "mutation", "action"):
            call = getattr(client, kind)
            for how in ("object", "string", "null", "plain"):
                failures[f"{kind} {how}"] = failure_of(lambda: call(f"errors:{kind}", {"how": how}))  # noqa: B023
        failures["unknown"] = failure_of(lambda: client.query("errors:nobody"))  # noqa: B023
        failures["wrong argument"] = failure_of(
            lambda: client.mutation("messages:send", {"channel": 5, "body": ""})  # noqa: B023
        )
        told[name] = failures
    tell(told)


def values(url: str) -> None:
    problems = []
    for door, client in (("socket", ConvexClient(url)), ("http", ConvexHttpClient(url))):
        for name, value in VALUES.items():
            for kind in ("query", "mutation", "action"):
                back = getattr(client, kind)(f"values:{kind}", {"value": value})
                if repr(back) != repr(value):
                    problems.append(f"{name} by {kind} over {door}: {back!r} for {value!r}")
    tell(problems)


def subscription(url: str) -> None:
    client, other = ConvexClient(url), ConvexClient(url)
    results = client.subscribe("messages:list", {"channel": "a"})
    seen = [next(results)]
    for body in ("one", "two"):
        other.mutation("messages:send", {"channel": "a", "body": body})
        seen.append(next(results))
    results.unsubscribe()
    tell({"seen": seen, "afterwards": client.query("messages:list", {"channel": "a"})})


def restart(url: str) -> None:
    """Says what it sees until the second message is there; the server goes away and comes back in between."""
    client = ConvexClient(url)
    results = client.subscribe("messages:list", {"channel": "a"})
    tell(next(results))
    tell(next(results))
    sys.stdin.readline()  # now the server is away or has just come back; the mutation is held until it is there
    client.mutation("messages:send", {"channel": "a", "body": "two"})
    bodies = next(results)
    while len(bodies) < 2:  # what is told again after a reconnect
        bodies = next(results)
    tell(bodies)


def large(url: str) -> None:
    """A result of nearly 16 MiB, then two of 12 MiB that change at once: one Transition of 24 MiB."""
    client = ConvexClient(url)
    size = 16 * MIB - 1_000
    one = client.query("values:text", {"letter": "x", "count": size})
    over_http = ConvexHttpClient(url).query("values:text", {"letter": "x", "count": size})
    args = [{"letter": letter, "count": 12 * MIB} for letter in "ab"]
    both = [client.subscribe("values:text", each) for each in args]
    before = [next(each)[:3] for each in both]
    client.mutation("messages:send", {"channel": "long", "body": ""})
    after = []
    for each in both:
        for text in each:
            if text.startswith("1:"):
                after.append([text[:3], len(text)])
                break
    tell({"one": [one[:3], len(one)], "http": one == over_http, "before": before, "after": after})


SCENARIOS = {each.__name__: each for each in (calls, errors, values, subscription, restart, large)}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](sys.argv[2])
