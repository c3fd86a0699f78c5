"""Large, slow, many and broken uploads: nbconvex.server.file_api."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from nbconvex.backend import Backend
from nbconvex.errors import StorageFailedError
from nbconvex.limits import MIB, Limits
from nbconvex.server.serve import serve
from tests.server.uploads import generated, most_resident_bytes, raw_upload, resident_bytes

ROOT = Path(__file__).parents[2]
HELLO = b"hello" * 100_000


def left_in(backend: Backend) -> list[Path]:
    """The files on disk."""
    folder = backend.files._blobs.path
    return [] if folder is None else [each for each in folder.rglob("*") if each.is_file()]


def wait_until_idle(server) -> None:
    until = time.monotonic() + 10
    while server.service.uploads and time.monotonic() < until:
        time.sleep(0.01)
    assert server.service.uploads == 0


def require_nothing_stored(backend: Backend, server) -> None:
    wait_until_idle(server)
    assert backend.storage.list() == []
    assert left_in(backend) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_file(tmp_path, is_long, record_property) -> None:
    size = 2048 * MIB if is_long else 64 * MIB
    command = [sys.executable, "-m", "tests.server.file_program", str(tmp_path / "app.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        told = json.loads(process.stdout.readline())
        httpx.post(told["upload"], content=b"warm").raise_for_status()
        before = resident_bytes(process.pid)
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        digest = hashlib.sha256()

        def pieces():
            for piece in generated(size):
                digest.update(piece)
                yield piece

        began = time.monotonic()
        answer = httpx.post(told["upload"], content=pieces(), headers={"Content-Length": str(size)}, timeout=600)
        sent_s = time.monotonic() - began
        assert answer.status_code == 200
        process.stdin.write("list\n")
        process.stdin.flush()
        file = next(each for each in json.loads(process.stdout.readline()) if each["size"] == size)
        got = hashlib.sha256()
        with httpx.stream("GET", file["url"], timeout=600) as response:
            for piece in response.iter_bytes():
                got.update(piece)
        grown = most_resident_bytes(process.pid) - before
        process.communicate(timeout=60)
    print(f"{size / MIB:,.0f} MiB up in {sent_s:.1f} s; memory grew by {grown / MIB:.1f} MiB")
    assert got.digest() == digest.digest()
    assert grown < 64 * MIB


def test_many_small_uploads_at_once(backend, server, is_long) -> None:
    count = 1_000 if is_long else 200
    address = backend.storage.generate_upload_url()

    async def post_all() -> list[int]:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(timeout=120, limits=limits) as client:
            answers = await asyncio.gather(*(client.post(address, content=b"%d" % (at // 2)) for at in range(count)))
        return [each.status_code for each in answers]

    assert asyncio.run(post_all()) == [200] * count
    files = backend.storage.list()
    assert len({each["storageId"] for each in files}) == count
    assert len(left_in(backend)) == count // 2, "the same bytes lie there once"


def test_the_same_file_at_the_same_time_is_one_blob(backend, server) -> None:
    address = backend.storage.generate_upload_url()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: httpx.post(address, content=HELLO).json()["storageId"], range(16)))
    assert len(set(ids)) == 16
    assert len(left_in(backend)) == 1
    for each in ids[1:]:
        backend.storage.delete(each)
    backend.files._sweeper.look()
    assert backend.storage.get(ids[0]).read() == HELLO


@pytest.mark.parametrize("sent", [0, 1, 1000, len(HELLO) - 1])
def test_an_upload_that_is_cut_off_leaves_nothing(backend, server, sent) -> None:
    assert raw_upload(backend.storage.generate_upload_url(), HELLO[:sent], length=len(HELLO)) is None
    require_nothing_stored(backend, server)


@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"zz\r\nhello\r\n0\r\n\r\n"])
def test_chunks_without_their_end_leave_nothing(backend, server, body) -> None:
    answer = raw_upload(backend.storage.generate_upload_url(), body, head="Transfer-Encoding: chunked\r\n")
    assert answer is None or answer[0] == 400
    require_nothing_stored(backend, server)


def test_chunks_with_their_end_are_a_file(backend, server) -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    head = "Transfer-Encoding: chunked\r\nConnection: close\r\n"
    answer = raw_upload(backend.storage.generate_upload_url(), body, head=head, hangs_up=False)
    assert answer is not None
    assert answer[0] == 200
    assert backend.storage.get(backend.storage.list()[0]["storageId"]).read() == b"hello world"


def test_more_than_was_announced_is_not_part_of_the_file(backend, server) -> None:
    raw_upload(backend.storage.generate_upload_url(), b"hello and more", length=5)
    wait_until_idle(server)
    assert [each["size"] for each in backend.storage.list()] == [5]


@pytest.mark.parametrize(("limits", "word"), [({"upload_pause_s": 0.3}, "pause"), ({"upload_time_s": 0.3}, "time")])
def test_a_client_that_stops_sending_is_hung_up_on(limits, word) -> None:
    with Backend.open(limits=Limits(**limits)) as backend, serve(backend, port=0) as server:

        def slowly():
            yield HELLO
            time.sleep(1.5)
            yield HELLO

        answer = httpx.post(backend.storage.generate_upload_url(), content=slowly(), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (408, "RequestTimeout")
        assert f"limit upload_{word}_s" in answer.json()["message"]
        require_nothing_stored(backend, server)


def test_too_large_is_refused_whether_announced_or_not() -> None:
    with Backend.open(limits=Limits(file_bytes=1000)) as backend, serve(backend, port=0) as server:
        address = backend.storage.generate_upload_url()
        assert httpx.post(address, content=b"a" * 1000).status_code == 200
        for body in (HELLO, iter([HELLO])):
            answer = httpx.post(address, content=body)
            assert (answer.status_code, answer.json()["code"]) == (413, "FileTooLarge")
        wait_until_idle(server)
        assert len(left_in(backend)) == 1


def test_too_many_at_once_are_told_to_come_again() -> None:
    with Backend.open(limits=replace(Limits(), uploads=0)) as backend, serve(backend, port=0):
        answer = httpx.post(backend.storage.generate_upload_url(), content=b"a")
        assert (answer.status_code, answer.json()["code"]) == (503, "TooManyConcurrentRequests")


def test_a_disk_that_is_full_is_an_error_and_the_next_upload_works(backend, server, monkeypatch) -> None:
    address = backend.storage.generate_upload_url()

    def fail(_writer, _data):
        raise StorageFailedError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("nbconvex.storage.blobs._FileWriter.write", fail)
        assert httpx.post(address, content=HELLO).status_code == 500
    require_nothing_stored(backend, server)
    assert httpx.post(address, content=HELLO).status_code == 200


def test_stopping_the_server_ends_uploads_and_leaves_nothing(backend) -> None:
    server = serve(backend, port=0)
    address = backend.storage.generate_upload_url()

    def slowly():
        yield HELLO
        while not server.service.uploads:
            time.sleep(0.01)
        server.stop()
        yield HELLO

    with pytest.raises(httpx.TransportError):
        httpx.post(address, content=slowly())
    require_nothing_stored(backend, server)


def test_functions_are_answered_while_files_are_on_their_way(backend, server, http) -> None:
    backend.query(name="m:hello")(lambda ctx: "hello")
    address = backend.storage.generate_upload_url()
    seen = []

    def with_calls():
        for piece in generated(4 * MIB):
            seen.append(http.post("/api/query", json={"path": "m:hello", "args": {}}).json()["value"])
            yield piece

    assert httpx.post(address, content=with_calls()).status_code == 200
    assert seen == ["hello"] * 16


def test_a_reader_that_goes_away_leaves_no_file_open(backend, server) -> None:
    url = backend.storage.get_url(backend.storage.store(b"".join(generated(8 * MIB))))
    for _ in range(3):
        with httpx.stream("GET", url) as response:
            next(response.iter_bytes())
    assert hashlib.sha256(httpx.get(url).content).digest() == hashlib.sha256(b"".join(generated(8 * MIB))).digest()
