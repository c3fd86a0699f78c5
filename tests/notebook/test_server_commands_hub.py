"""Addresses on a hub and on Binder, for real: a Jupyter server at a hub's path, its proxy, a kernel, a browser.

The notebook is that of the class's poll. What `%convex url` shows is what the browser opens.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS, code_cells

pytest.importorskip("jupyter_server_proxy")
pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(180)]

PREFIX = "/user/ada/"
TOKEN = "a-token-of-the-hub"
PATIENCE_S = 60.0


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The origin of a Jupyter server that stands where a hub puts the servers of its people."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ)
    for name in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{name}_DIR"] = str(tmp_path / name.lower())
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", f"--ServerApp.base_url={PREFIX}", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={tmp_path}", "--ServerApp.port_retries=0",
    ]  # fmt: skip
    if os.name == "posix" and os.geteuid() == 0:
        command.append("--allow-root")
    log = tmp_path / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    origin = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE_S
        while not answers(f"{origin}{PREFIX}api"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield origin
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def post(url: str, body: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, object] = json.load(answer)
        return told


@pytest.mark.node
def test_both_addresses_and_the_socket_are_reached_through_the_hubs_proxy(
    web, hub, browser, tmp_path, artefacts
) -> None:
    client = str(web / "node_modules/convex/dist/browser.bundle.js")
    with Kernel(tmp_path, JUPYTERHUB_SERVICE_PREFIX=PREFIX, NBCONVEX_CONVEX_JS=client) as kernel:
        code = code_cells(NOTEBOOKS / "10-live-poll.ipynb")
        last = next(at for at, source in code.items() if source.startswith("%%http"))
        for at in (each for each in code if each <= last):
            kernel.run(code[at])
        shown = kernel.run("%convex url").text
        api, site = re.findall(rf"{PREFIX}proxy/\d+", shown)
        assert "jupyter-server-proxy" not in shown, "nothing is missing, so nothing is said of it"
        assert answers(f"{hub}{api}/version?token={TOKEN}")
        now = {"path": "poll:now", "args": {"voter": "from-outside"}}
        assert "Which one lays eggs?" in str(post(f"{hub}{api}/api/query?token={TOKEN}", now))

        context = browser.new_context(viewport={"width": 390, "height": 640})
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda opened: sockets.append(opened.url))
        page.goto(f"{hub}{site}/poll?token={TOKEN}")
        page.get_by_role("button", name="The platypus").click()
        page.get_by_role("button", name="The platypus", pressed=True).wait_for()
        assert kernel.run("[each['votes'] for each in api.poll.standings()]").text == "[0, 1, 0, 0]"
        kernel.run("internal.teacher.ask(text='And now?', choices=['yes'])")
        page.get_by_text("And now?").wait_for()
        assert len(sockets) == 1
        assert re.fullmatch(rf"ws://[^/]+{api}/api/[^/]+/sync", sockets[0]), "the client followed over a WebSocket"
        (artefacts / "hub-poll.png").write_bytes(page.screenshot())
        context.close()
