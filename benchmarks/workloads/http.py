"""W10: an HTTP endpoint that says hello, and one that stores a note."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.catalogue import ROOT
from benchmarks.children import work_folder
from benchmarks.machine import Probe
from benchmarks.race import Settings
from benchmarks.results import Result, Row
from benchmarks.workloads.commits import verdict_of

CONNECTIONS = 32
_BODY = json.dumps({"body": "c" * 90, "likes": 1})
_LUA = f"""wrk.method = "POST"
wrk.body = [[{_BODY}]]
wrk.headers["Content-Type"] = "application/json"
"""
_TITLES = {
    "nbconvex-async": "nbconvex, async def", "nbconvex-plain": "nbconvex, def", "starlette": "bare Starlette, uvicorn",
    "flask": "Flask, threaded server",
}  # fmt: skip


class Served:
    """One server's process."""

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.http_server", name, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            raise RuntimeError((self._process.stderr.read().strip().splitlines() or ["it ended"])[-1])
        self.port = int(line)

    def close(self) -> None:
        self._process.communicate(timeout=10)


def _with_wrk(port: int, path: str, seconds: float, folder: Path) -> tuple[float, int]:
    """Answers a second, and how many requests failed."""
    script = folder / "post.lua"
    script.write_text(_LUA)
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    words += ["-s", str(script)] if path == "/notes" else []
    told = subprocess.run(
        [*words, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert per_second is not None, told
    failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", told)))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    return float(per_second[1]), failed + (int(refused[1]) if refused else 0)


def _with_python(port: int, path: str, seconds: float) -> tuple[float, int]:
    """The same from coroutines of this process, where wrk is not installed: it costs both sides the same."""
    if path == "/notes":
        sent = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        sent += f"Content-Length: {len(_BODY)}\r\n\r\n{_BODY}"
    else:
        sent = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    done = failed = 0

    async def ask(deadline: float) -> None:
        nonlocal done, failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < deadline:
            writer.write(sent.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            done, failed = done + 1, failed + (b" 200 " not in head.split(b"\r\n")[0])
        writer.close()

    async def ask_all() -> float:
        started = time.perf_counter()
        await asyncio.gather(*(ask(started + seconds) for _ in range(CONNECTIONS)))
        return time.perf_counter() - started

    took = asyncio.run(ask_all())
    return done / took, failed


def endpoints(settings: Settings, probe: Probe) -> Result:
    """W10."""
    result = Result("W10", f"an HTTP endpoint, {CONNECTIONS} connections", "ops/s")
    names = [name for name in _TITLES if name.startswith("nbconvex") or not settings.only_ours]
    rows = {(name, what): Row(f"{_TITLES[name]}: {what}", []) for what in ("hello", "insert") for name in names}
    seconds = 1.0 if settings.quick else 5.0
    has_wrk = shutil.which("wrk") is not None
    result.notes.append("asked by wrk" if has_wrk else "asked by Python coroutines: wrk is not installed")
    failed = 0
    with work_folder() as work:
        servers: dict[str, Served] = {}
        for name in names:
            try:
                servers[name] = Served(name, work / name)
            except (RuntimeError, OSError) as problem:
                result.missing[_TITLES[name]] = str(problem)
        try:
            for turn in range(settings.rounds + 1):
                for what, path in (("hello", "/hello"), ("insert", "/notes")):
                    for name, server in servers.items():
                        probe.take()
                        figure, wrong = (
                            _with_wrk(server.port, path, seconds, work)
                            if has_wrk
                            else _with_python(server.port, path, seconds)
                        )
                        failed += wrong if name.startswith("nbconvex") else 0
                        if turn:  # the first round warms up
                            rows[name, what].figures.append(figure)
        finally:
            for server in servers.values():
                server.close()
    result.rows += [row for row in rows.values() if row.figures]
    result.notes.append(f"{failed:,} requests to nbconvex failed")
    for title in (_TITLES["nbconvex-async"], _TITLES["nbconvex-plain"]):
        verdict_of(
            result, f"{title}: hello × bare Starlette", result.row(f"{title}: hello"),
            result.row(f"{_TITLES['starlette']}: hello"), limit=0.6, goal=0.85, at_least=True,
        )  # fmt: skip
        verdict_of(
            result, f"{title}: insert × Flask + SQLite FULL", result.row(f"{title}: insert"),
            result.row(f"{_TITLES['flask']}: insert"), limit=1.0, goal=3.0, at_least=True,
        )  # fmt: skip
    return result
