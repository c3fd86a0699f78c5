"""W14, and W1, W4 and W15 as a cell sees them: inside a real kernel, timed by the kernel's own hooks."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.children import work_folder
from benchmarks.machine import Probe
from benchmarks.race import Settings
from benchmarks.results import Result, Row, Verdict

_HOOKS = """
import time as _time
_bench = []
def _before(info): _bench.append(_time.perf_counter())
def _after(result): _bench[-1] = (_time.perf_counter() - _bench[-1]) * 1000
get_ipython().events.register("pre_run_cell", _before)
get_ipython().events.register("post_run_cell", _after)
"""
_SCHEMA = """%%schema
messages = table({"channel": v.string(), "author": v.string(), "body": v.string(), "likes": v.number(),
                  "pinned": v.boolean()}).index("by_channel", ["channel"])
"""
_FUNCTIONS = """%%query
def newest(ctx, channel: str):
    return ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").take(10)
def get(ctx, id: Id["messages"]):
    return ctx.db.get(id)
def empty(ctx, salt: int):
    return None
"""
_MUTATION = """%%mutation
def send(ctx, channel: str, author: str, body: str, likes: int, pinned: bool):
    message = {"channel": channel, "author": author, "body": body, "likes": likes, "pinned": pinned}
    return ctx.db.insert("messages", message)
"""
_INSERT = """
for _i in range(20):
    api.main.send(channel="a", author="b", body="c" * 90, likes=_i, pinned=False)
"""
_LIVE = "%live main:newest channel=a"
_LOOPS = """
import time as _time
from statistics import median as _median
_now = _time.perf_counter_ns
def _each(call, many):
    samples = []
    for i in many:
        started = _now()
        call(i)
        samples.append(_now() - started)
    return _median(samples) / 1000
_send = lambda i: api.main.send(channel="a", author="user-001", body="c" * 90, likes=i, pinned=False)
_ids = [_send(i) for i in range(500)]
_calls = [_each(_send, range(300)), _each(lambda i: api.main.get(id=_ids[i]), range(500)),
          _each(lambda i: api.main.empty(salt=i), range(1000))]
"""
_STEPS = (("%load_ext nbconvex", 150.0, 100.0), ("first %%schema", 600.0, 400.0), ("first live view", 400.0, 250.0))
_CALLS = (("W1 insert, called from a cell, nobody watches", "µs"), ("W4 whole get, from a cell", "µs"),
          ("W15 empty query, from a cell", "µs"))  # fmt: skip


class _Kernel:
    """One fresh kernel in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        from jupyter_client.manager import start_new_kernel

        folder.mkdir(parents=True)
        self._manager, self._client = start_new_kernel(cwd=str(folder), startup_timeout=60, stderr=subprocess.DEVNULL)

    def run(self, code: str, expression: str = "None") -> Any:
        """Run a cell; the value of `expression` afterwards. Raises: RuntimeError with the cell's error."""
        reply = self._client.execute_interactive(
            code, user_expressions={"wanted": expression}, timeout=120, output_hook=lambda _: None
        )["content"]
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply.get('ename')}: {reply.get('evalue')}".splitlines()[0])
        return ast.literal_eval(reply["user_expressions"]["wanted"]["data"]["text/plain"])

    def stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def _one_round(folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of the three first steps, and the µs of the three calls."""
    kernel = _Kernel(folder)
    try:
        kernel.run(_HOOKS)
        steps = []
        for cell in ("%load_ext nbconvex", _SCHEMA, _FUNCTIONS, _MUTATION, _INSERT, _LIVE):
            kernel.run(cell)
            took = kernel.run("0", "_bench[-2]")
            if cell in {"%load_ext nbconvex", _SCHEMA, _LIVE}:
                steps.append(float(took))
        kernel.run("%reset_selective -f ^$")
        return steps, [float(figure) for figure in kernel.run(_LOOPS, "_calls")]
    finally:
        kernel.stop()


def first_steps(settings: Settings, probe: Probe) -> Result:
    """W14."""
    result = Result("W14", "first steps in a fresh kernel", "ms")
    rows = {text: Row(text, []) for text, _, _ in _STEPS}
    calls = {text: Row(f"{text} ({unit})", []) for text, unit in _CALLS}
    with work_folder() as work:
        for turn in range(settings.rounds + 1):
            probe.take()
            try:
                steps, called = _one_round(work / str(turn))
            except Exception as problem:
                result.missing["nbconvex in a kernel"] = f"failed: {type(problem).__name__}: {problem}"
                break
            if turn == 0:
                continue  # warms the page cache and the compiled modules
            for (text, _, _), took in zip(_STEPS, steps, strict=True):
                rows[text].figures.append(took)
            for (text, _), took in zip(_CALLS, called, strict=True):
                calls[text].figures.append(took)
    result.rows = [row for row in (*rows.values(), *calls.values()) if row.figures]
    for text, limit, goal in _STEPS:
        if rows[text].figures:
            result.verdicts.append(Verdict(f"ms: {text}", rows[text].spread, limit, goal))
    empty = calls[_CALLS[2][0]]
    if empty.figures:
        result.verdicts.append(Verdict("µs: W15 empty query, from a cell", empty.spread, 60.0, 15.0))
    return result
