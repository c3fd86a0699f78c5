"""Pages that come from somewhere else than the server under test, as an app's pages do.

Owns:  `served_folder`, `ServedFolder`; the React app of tests/web/app, built.
Threads: a web server's, until the end of the block.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

APP = Path(__file__).parents[1] / "web" / "app"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The address of a folder's files: another origin than the backend's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="pages")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def tool(web: Path, name: str, *arguments: str, folder: Path) -> None:
    """Run a program that npm has installed."""
    node = shutil.which("node")
    assert node is not None
    ran = subprocess.run(
        [node, str(web / "node_modules" / name), *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, f"{name}:\n{ran.stdout}\n{ran.stderr}"


def copied_app(web: Path) -> Path:
    """The React app's sources where Node finds what they import; without the types that a notebook writes for it."""
    folder = web / "app"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(APP, folder)
    return folder


def built_app(web: Path, folder: Path) -> Path:
    """The React app, checked by TypeScript and built by Vite: a folder of files for browsers."""
    built = web / "app-dist"
    tool(web, "typescript/bin/tsc", "-p", ".", folder=folder)
    tool(
        web, "vite/bin/vite.js", "build", "--outDir", str(built), "--emptyOutDir", "--logLevel", "warn", folder=folder
    )  # fmt: skip
    return built
