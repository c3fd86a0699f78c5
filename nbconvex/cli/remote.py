"""`nbconvex run module:function --url http://...`: a function of an app that is served, by a notebook too.

Owns:  the call over HTTP; asking again for `--watch`.
Must not know: how a server answers, beyond the protocol.
Invariants: a result is a line of JSON on standard output, as without `--url`. The admin key comes from the environment,
never from the line, which shells keep.
Threads: the main thread.
Source: wire-protocol 1.3.
"""

from __future__ import annotations

import argparse
import json
import os
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from nbconvex.cli.ending import ending_by_signals
from nbconvex.cli.printed import tell
from nbconvex.errors import CallerError
from nbconvex.values.codec import json_dumps

#: Where the admin key of the store stands, which opens internal functions.
KEY_VARIABLE: Final = "NBCONVEX_ADMIN_KEY"
#: How often a followed query is asked for again.
_AGAIN_S: Final = 1.0
_TIMEOUT_S: Final = 600.0


def run_remote(options: argparse.Namespace, arguments: dict[str, Any]) -> int:
    """Call a function and print its value; with `--watch` each value that differs from the one before.

    Raises:  CallerError where nobody answers, or the function cannot be called or fails.
    """
    if options.app or options.database or options.identity or options.inline_query is not None:
        raise CallerError(
            "--url calls an app that is served, as nobody: it goes without --app, --as and --inline-query."
        )
    if urlsplit(options.url).scheme not in {"http", "https"}:
        raise CallerError(f"{options.url} is no address.", hint="--url http://127.0.0.1:3210")
    kind = "query" if options.watch else "function"
    body = f'{{"path":{json_dumps(options.function)},"format":"convex_encoded_json","args":{json_dumps(arguments)}}}'
    if not options.watch:
        print(_value(options.url, kind, body), flush=True)  # noqa: T201 - it is the result
        return 0
    before = None
    with ending_by_signals() as ending:
        while not ending.is_set():
            value = _value(options.url, kind, body)
            if value != before:
                print(value, flush=True)  # noqa: T201 - it is the result
                before = value
            ending.wait(_AGAIN_S)
    return 0


def _value(url: str, kind: str, body: str) -> str:
    """The function's value, as JSON."""
    answer = _answer(url, kind, body)
    for line in answer.get("logLines", ()):
        tell(str(line))
    if answer.get("status") == "error":
        raise CallerError(str(answer.get("errorMessage", "the function failed")))
    if "value" not in answer:
        raise CallerError(f"{url} does not answer as nbconvex does: is it the API address? %convex url shows it.")
    return json.dumps(answer["value"], ensure_ascii=False, separators=(",", ":"))


def _answer(url: str, kind: str, body: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "User-Agent": "nbconvex"}
    key = os.environ.get(KEY_VARIABLE)
    if key:
        headers["Authorization"] = f"Convex {key}"
    request = urllib.request.Request(f"{url.rstrip('/')}/api/{kind}", body.encode(), headers)  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - checked
            return _tree(response.read())
    except urllib.error.HTTPError as error:
        answer = _tree(error.read())
        if answer.get("status") == "error":
            return answer
        raise CallerError(f"{url} refuses: {answer.get('message') or error.reason}") from None
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise CallerError(
            f"nobody answers at {url} ({reason}). %convex url shows the address, and nbconvex serve tells it."
        ) from None


def _tree(raw: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(raw)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
