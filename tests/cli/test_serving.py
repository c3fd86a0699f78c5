"""`nbconvex serve`, as a process of its own, without IPython, asked by the official Python client."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from nbconvex.cli.serving import store_of
from tests.cli.files import HELPERS, NEWEST, SEND, notebook

ROOT = Path(__file__).parents[2]
#: Importing any of these fails, as where they are not installed.
WITHOUT_JUPYTER = (
    "import sys\n"
    "for name in ('IPython', 'ipywidgets', 'anywidget', 'traitlets', 'comm', 'ipykernel', 'jupyter_client'):\n"
    "    sys.modules[name] = None\n"
    "from nbconvex.cli.main import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


class Served:
    """A process that serves; its standard error, line by line."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_JUPYTER, "serve", *words, "--port", "0"], cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.lines: list[str] = []
        self._arrived = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._arrived:
                self.lines.append(line)
                self._arrived.notify_all()

    def told(self, pattern: str) -> re.Match[str]:
        """Wait until something was said."""
        with self._arrived:
            self._arrived.wait_for(lambda: re.search(pattern, "".join(self.lines)), 30)
            found = re.search(pattern, "".join(self.lines))
        assert found is not None, "".join(self.lines)
        return found

    @property
    def url(self) -> str:
        return self.told(r"clients\s+(\S+)\n")[1]

    @property
    def site_url(self) -> str:
        return self.told(r"endpoints\s+(\S+)\n")[1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status


@pytest.fixture
def serve(tmp_path):
    running: list[Served] = []

    def start(*words: str) -> Served:
        running.append(Served(*words, folder=tmp_path))
        return running[-1]

    yield start
    for each in running:
        each.stop(signal.SIGKILL)


HELLO = "%%http GET /hello\ndef handler(ctx, request):\n    return {'hello': 1}"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_notebook_is_served_without_jupyter_followed_and_stopped_cleanly(serve, tmp_path):
    convex = pytest.importorskip("convex")
    talking = SEND.replace("    return", "    print('sending')\n    return")
    app = notebook(tmp_path / "app.ipynb", "%load_ext nbconvex", HELPERS, talking, "send(body='trial')", NEWEST, HELLO)
    served = serve("app.ipynb", "--watch", "--logs")
    client = convex.ConvexClient(served.url)
    client.mutation("messages:send", {"body": "good evening"})
    assert client.query("messages:newest") == ["Good Evening!"]
    assert httpx.get(f"{served.url}/healthz").text == "ok\n"
    assert httpx.get(f"{served.site_url}/hello").json() == {"hello": 1}
    assert "2 cells that only try things were not run" in "".join(served.lines)
    served.told(r"mutation messages:send  \d+\.\d ms  ok  \[[0-9a-f]{16}\]\n  sending")
    notebook(app, HELPERS, SEND, NEWEST.replace('each["body"]', 'each["body"].upper()'))
    served.told("has changed: loaded again")
    assert client.query("messages:newest") == ["GOOD EVENING!"]
    # The route is gone with its cell; the query that cannot be read will be as it was.
    assert httpx.get(f"{served.site_url}/hello").status_code == 404
    app.write_text("half a notebook {")
    served.told("cannot be read as a notebook")
    notebook(app, HELPERS, SEND, "%%query messages\ndef newest(ctx)")
    served.told("SyntaxError")
    assert client.query("messages:newest") == ["GOOD EVENING!"]
    assert served.stop() == 0
    assert "Stopped." in "".join(served.lines)
    assert sorted(each.name for each in tmp_path.glob("app.duckdb*")) == ["app.duckdb"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_stops_it_too_and_a_store_in_use_is_named(serve, tmp_path):
    (tmp_path / "app.py").write_text("from nbconvex import query\n\n@query\ndef one(ctx):\n    return 1\n")
    served = serve("app.py", "--production", "--database", "data.duckdb")
    assert httpx.post(f"{served.url}/api/query", json={"path": "app:one", "args": {}}).json()["value"] == 1
    second = serve("app.py", "--database", "data.duckdb")
    second.told("data.duckdb")
    assert second.process.wait(30) == 1
    assert f"pid {served.process.pid}" in "".join(second.lines)
    second.told("nbconvex run module:function --url")
    assert served.stop(signal.SIGINT) == 0


def test_an_app_with_an_error_is_not_served(serve, tmp_path):
    notebook(tmp_path / "app.ipynb", "%%query m\ndef newest(ctx)\n    ...")
    served = serve("app.ipynb")
    assert served.process.wait(30) == 1
    served.told("app.ipynb, cell 1")
    assert "clients" not in "".join(served.lines)


def test_the_store_lies_beside_the_app_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("NBCONVEX_DATABASE", raising=False)
    assert store_of(Path("shop/app.ipynb"), None) == str(Path("shop/app.duckdb"))
    assert store_of(Path("app.py"), "x.duckdb") == "x.duckdb"
    monkeypatch.setenv("NBCONVEX_DATABASE", "env.duckdb")
    assert store_of(Path("app.py"), None) == "env.duckdb"
