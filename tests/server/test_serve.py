"""A server from beginning to end: nbconvex.server.serve."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

import nbconvex
from nbconvex.errors import CallerError
from nbconvex.server.serve import STOP_S, serve

FLAG: contextvars.ContextVar[str] = contextvars.ContextVar("flag", default="clean")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def our_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("nbconvex")]


def test_front_door_serves(backend) -> None:
    with nbconvex.serve(backend, port=0) as server:
        assert httpx.get(f"{server.url}/version").text == nbconvex.__version__
        assert repr(server) == f"<server of memory, at {server.url}, HTTP endpoints at {server.site_url}>"
    assert not server.is_running
    assert repr(server) == "<server of memory, stopped>"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/version")


def test_nobody_but_this_machine_reaches_it_unless_it_is_said(backend) -> None:
    with serve(backend, port=0) as server:
        pair = (server._pair.api, server._pair.site)
        assert {each.getsockname()[0] for each in pair} == {"127.0.0.1"}
    with serve(backend, host="0.0.0.0", port=0) as server:
        pair = (server._pair.api, server._pair.site)
        assert {each.getsockname()[0] for each in pair} == {"0.0.0.0"}


def test_starting_and_stopping_leaves_nothing_behind(backend) -> None:
    backend.query(name="m:q")(lambda ctx: 1)
    serve(backend, port=0).stop()
    files = open_files()
    for _ in range(20):
        with serve(backend, port=0) as server:
            assert httpx.post(f"{server.url}/api/query", json={"path": "m:q", "args": {}}).status_code == 200
        server.stop()
    assert open_files() <= files
    assert our_threads() == []


@pytest.mark.case("notebook/restart_port_reuse")
def test_port_can_be_had_again_at_once(backend) -> None:
    port, site_port = 0, None
    for _ in range(5):
        # Both ports are named: the one above a free port may be some other program's.
        with serve(backend, port=port, site_port=site_port) as server:
            assert port in {0, server.port}
            port, site_port = server.port, server.site_port
            # A connection that the server closes first is what keeps a port busy for a minute.
            with httpx.Client() as client:
                client.get(f"{server.url}/version")
                server.stop()


def test_busy_pair_moves_up(backend) -> None:
    with serve(backend, port=0) as first, serve(backend, port=first.port) as second:
        assert second.port != first.port
        assert httpx.get(f"{second.url}/version").status_code == 200


def test_stopping_takes_a_second_at_most_whatever_clients_do(backend) -> None:
    gate = threading.Event()
    backend.query(name="m:wait")(lambda ctx: gate.wait(20))
    server = serve(backend, port=0)
    idle = socket.create_connection(("127.0.0.1", server.port))
    halfway = socket.create_connection(("127.0.0.1", server.port))
    halfway.sendall(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    asking = socket.create_connection(("127.0.0.1", server.port))
    body = b'{"path":"m:wait","args":{}}'
    head = (
        f"POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    asking.sendall(head.encode() + b"\r\n\r\n" + body)
    while server.service.calls.in_flight < 1:
        time.sleep(0.005)
    try:
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < STOP_S + 0.5
        assert "nbconvex-server" not in our_threads()
    finally:
        gate.set()
        for each in (idle, halfway, asking):
            each.close()


def test_request_under_way_is_answered_before_the_end(backend) -> None:
    running = threading.Event()

    @backend.query(name="m:slow")
    def slow(ctx):
        running.set()
        threading.Event().wait(0.1)
        return "done"

    with serve(backend, port=0) as server:
        answers: list[httpx.Response] = []
        body = {"path": "m:slow", "args": {}}
        asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{server.url}/api/query", json=body)))
        asking.start()
        running.wait(5)
        server.stop()
        asking.join()
        assert answers[0].json()["value"] == "done"


def test_closing_backend_stops_its_servers(backend) -> None:
    first, second = serve(backend, port=0), serve(backend, port=0)
    backend.close()
    assert not first.is_running
    assert not second.is_running
    assert our_threads() == []
    with pytest.raises(CallerError, match="closed backend"):
        serve(backend)


def test_function_may_close_the_backend_that_it_runs_in(backend) -> None:
    closed = threading.Event()
    backend.action(name="m:end")(lambda ctx: (backend.close(), closed.set())[1])
    server = serve(backend, port=0)
    with contextlib.suppress(httpx.TransportError):
        httpx.post(f"{server.url}/api/action", json={"path": "m:end", "args": {}})
    server.wait()
    assert closed.wait(10)
    assert backend.is_closed
    assert "RuntimeError" not in str([record.error for record in backend.logs])


def test_server_can_be_waited_for(backend) -> None:
    server = serve(backend, port=0)
    threading.Timer(0.05, server.stop).start()
    server.wait()
    assert not server.is_running


def test_interrupt_ends_the_waiting_and_the_server(backend, monkeypatch) -> None:
    server = serve(backend, port=0)

    def interrupted(_timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(server._ended, "wait", interrupted)
    server.wait()
    assert not server.is_running


def test_server_keeps_nothing_of_the_cell_that_started_it(backend) -> None:
    backend.query(name="m:flag")(lambda ctx: FLAG.get())
    FLAG.set("of the cell")
    with serve(backend, port=0) as server:
        body = {"path": "m:flag", "args": {}}
        assert httpx.post(f"{server.url}/api/query", json=body).json()["value"] == "clean"


def test_settings_that_cannot_be_are_the_callers_error(backend) -> None:
    with pytest.raises(CallerError, match=r"allowed_hosts=\['a.example'\]"):
        serve(backend, allowed_hosts="a.example")
    with pytest.raises(CallerError, match="is no address of this machine"):
        serve(backend, host="no such host")


def test_failure_to_start_is_said_and_leaves_nothing(backend, monkeypatch) -> None:
    from nbconvex.server.listener import Listener

    async def broken(*_: object, **__: object) -> None:
        raise OSError("no loop today")

    monkeypatch.setattr(Listener, "startup", broken)
    with pytest.raises(CallerError, match="did not start"):
        serve(backend, port=0)
    assert our_threads() == []
    assert "no loop today" in str([record.error for record in backend.logs])


@pytest.mark.case("notebook/blocking_cell_does_not_block_server")
def test_requests_are_answered_while_this_thread_computes(backend) -> None:
    backend.mutation(name="m:add")(lambda ctx: ctx.db.insert("t", {}))
    with serve(backend, port=0) as server:
        done = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=server.url, verify=False) as client:
                for _ in range(20):
                    client.post("/api/mutation", json={"path": "m:add", "args": {}})
            done.set()

        asking = threading.Thread(target=ask)
        asking.start()
        until = time.monotonic() + 30
        while not done.is_set():
            assert sum(range(1_000)) == 499_500
            assert time.monotonic() < until
        asking.join()
    assert backend.database.snapshot.table("t") is not None


def test_many_clients_are_served_at_once(backend) -> None:
    @backend.mutation(name="m:add")
    def add(ctx, n: float) -> None:
        ctx.db.insert("t", {"n": n})

    @backend.query(name="m:sum")
    def total(ctx) -> float:
        return sum(each["n"] for each in ctx.db.query("t").collect())

    async def rush(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            bodies = [{"path": "m:add", "args": {"n": n}} for n in range(100)]
            answers = await asyncio.gather(*(client.post("/api/mutation", json=body) for body in bodies))
            assert {answer.json()["status"] for answer in answers} == {"success"}

    with serve(backend, port=0) as server:
        asyncio.run(rush(server.url))
        assert httpx.post(f"{server.url}/api/query", json={"path": "m:sum", "args": {}}).json()["value"] == 4950.0


def test_official_client_in_another_process_is_served(backend) -> None:
    backend.mutation(name="m:add")(lambda ctx, **what: ctx.db.insert("t", what))
    with serve(backend, port=0) as server:
        program = (
            "from convex.http_client import ConvexHttpClient\n"
            f"print(ConvexHttpClient({server.url!r}).mutation('m:add', {{'n': 1}}))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) in range(31, 38)


def test_program_that_has_patched_asyncio_is_served() -> None:
    program = (
        "import nest_asyncio2, nbconvex, httpx\n"
        "nest_asyncio2.apply()\n"
        "with nbconvex.open() as backend, nbconvex.serve(backend, port=0) as server:\n"
        "    print(httpx.get(server.url + '/instance_name').text)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (0, "memory\n"), done.stderr


def test_program_that_ends_without_closing_ends() -> None:
    program = (
        "import nbconvex, httpx, threading\n"
        "backend = nbconvex.open()\n"
        "backend.action(name='m:endless')(lambda ctx: threading.Event().wait())\n"
        "server = nbconvex.serve(backend, port=0)\n"
        "try: httpx.post(server.url + '/api/action', json={'path': 'm:endless', 'args': {}}, timeout=0.3)\n"
        "except httpx.ReadTimeout: print('still running')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (0, "still running\n"), done.stderr
