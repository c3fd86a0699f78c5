"""A JupyterLab server of its own, and a notebook in it, driven through a browser.

Owns:  `Lab`, `LabFolder` and `LabNotebook`.
Threads: none; the server is a child process.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

PATIENCE_S = 90.0
SETTLE_MS = 1_000
THEME_MS = 250
READY = """() => {
  const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return context?.isReady && kernel?.status === "idle" && kernel.connectionStatus === "connected";
}"""
_RAN = re.compile(r"\[\d+\]")
THEMES = ("light", "dark")
SHOW_THEME = """async (theme) => {
  await window.jupyterapp.commands.execute("apputils:change-theme", { theme });
}"""
IS_THEME = "(theme) => document.body.dataset.jpThemeName === theme"
IDLE = '.jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator[data-status="idle"]'


class Lab:
    """A server with folders of its own, so that nothing of the user's configuration leaks in."""

    def __init__(self, folder: Path, *, theme: str = "JupyterLab Light") -> None:
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        self._token = secrets.token_hex(16)
        self._log = folder / "lab.log"
        self._environment = dict(os.environ)
        for name in ("CONFIG", "DATA", "RUNTIME"):
            self._environment[f"JUPYTER_{name}_DIR"] = str(folder / name.lower())
        self._environment["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
        self._environment["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "workspaces")
        self._environment["IPYTHONDIR"] = str(folder / "ipython")
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.root}", "--LabApp.news_url=None",
            "--LabApp.expose_app_in_browser=True",
            "--ServerApp.ip=127.0.0.1",
        ]  # fmt: skip
        if os.name == "posix" and os.geteuid() == 0:
            command.append("--allow-root")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        self._wait_until_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_up(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(self._log.read_text())
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise TimeoutError(self._log.read_text())

    def end_kernels(self) -> None:
        """Shut down every kernel that still runs."""
        for session in self._ask("GET", "sessions"):
            self._ask("DELETE", f"sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> Any:
        address = f"http://127.0.0.1:{self._port}/api/{path}"
        headers = {"Authorization": f"token {self._token}"}
        with urllib.request.urlopen(urllib.request.Request(address, method=method, headers=headers), timeout=30) as got:
            return json.loads(got.read() or b"null")

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Put a notebook into the server's folder."""
        body = {
            "cells": [
                {"cell_type": "code", "id": f"cell-{at}", "metadata": {}, "source": text, "outputs": [],
                 "execution_count": None}
                for at, text in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4, "nbformat_minor": 5,
        }  # fmt: skip
        (self.root / name).write_text(json.dumps(body))

    def open(self, page: Any, name: str) -> LabNotebook:
        """The notebook in a browser's page, ready to run."""
        until = time.monotonic() + PATIENCE_S
        while not self._is_ready(page, name):
            # Now and then Lab misses what a new kernel says of itself, though it is connected, and shows it as
            # starting for ever. People load the page again.
            if time.monotonic() > until:
                raise TimeoutError(self._log.read_text())
        page.wait_for_timeout(SETTLE_MS)
        return LabNotebook(page)

    def _is_ready(self, page: Any, name: str) -> bool:
        page.goto(f"http://127.0.0.1:{self._port}/lab/tree/{name}?token={self._token}&reset")
        try:
            page.wait_for_selector(IDLE, timeout=PATIENCE_S / 2 * 1e3)
            # The indicator says idle before the notebook has its kernel: a cell that is run then waits for ever.
            page.wait_for_function(READY, timeout=PATIENCE_S / 2 * 1e3)
        except PlaywrightTimeoutError:
            return False
        return True


class LabFolder:
    """A folder of a server that several tests share."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab, self._name = lab, name
        self.root = lab.root / name
        self.root.mkdir()

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Put a notebook into the folder."""
        self._lab.write(f"{self._name}/{name}", cells)

    def open(self, page: Any, name: str) -> LabNotebook:
        """The notebook in a browser's page, ready to run."""
        return self._lab.open(page, f"{self._name}/{name}")


class LabNotebook:
    """An open notebook."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def cell(self, at: int) -> Any:
        """The cell at a position."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(at)

    def output(self, at: int) -> Any:
        """What stands under a cell."""
        return self.cell(at).locator(".jp-OutputArea").first

    def picture(self, folder: Path, name: str, *, part: Any = None) -> None:
        """Save the page, or a part of it, as `name-light.png` and `name-dark.png`; light it is then."""
        for theme in (*THEMES[::-1], THEMES[0]):
            full = f"JupyterLab {theme.title()}"
            self.page.evaluate(SHOW_THEME, full)
            self.page.wait_for_function(IS_THEME, arg=full)
            self.page.wait_for_timeout(THEME_MS)
            (folder / f"{name}-{theme}.png").write_bytes((part or self.page).screenshot())

    def start(self, at: int) -> None:
        """Run a cell without waiting for its end."""
        # The prompt, not the editor: a click there would put the cursor into the text.
        self.cell(at).locator(".jp-InputArea-prompt").click()
        self.page.keyboard.press("Control+Enter")

    def run(self, at: int) -> None:
        """Run a cell and wait for its end."""
        self.start(at)
        self.wait(at)

    def wait(self, at: int) -> None:
        """Wait until a cell has run."""
        until = time.monotonic() + PATIENCE_S
        # Polled from here: Lab may put another element in the prompt's place.
        while not _RAN.search(self._prompt(at)):
            if time.monotonic() > until:
                raise TimeoutError(self.cell(at).inner_text())
            self.page.wait_for_timeout(50)

    def is_running(self, at: int) -> bool:
        """Whether a cell is running or waiting to run."""
        return "*" in self._prompt(at)

    def _prompt(self, at: int) -> str:
        text: str = self.cell(at).locator(".jp-InputArea-prompt").inner_text()
        return text
