"""A shell in this process, and a kernel in another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.testing import globalipapp
from IPython.utils.capture import capture_output

from tests.notebook.kernel_driver import Kernel
from tests.notebook.lab_driver import Lab, LabFolder
from tests.notebook.messages_app import APP


@dataclass
class Ran:
    """What one cell did."""

    html: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    error: BaseException | None = None
    result: Any = None


class Shell:
    """An IPython shell of this process."""

    def __init__(self, ipython: Any) -> None:
        self.ipython = ipython

    def run(self, code: str) -> Ran:
        """Run a cell that must not fail."""
        ran = self.fail(code)
        if ran.error is not None:
            raise ran.error
        return ran

    def fail(self, code: str) -> Ran:
        """Run a cell; its error, if it has one, is in the answer."""
        with capture_output() as captured:
            result = self.ipython.run_cell(code, store_history=True)
        data = [output.data for output in captured.outputs]
        return Ran(
            html=[each["text/html"] for each in data if "text/html" in each],
            plain=[each["text/plain"] for each in data if "text/plain" in each],
            stdout=captured.stdout,
            stderr=captured.stderr,
            error=result.error_before_exec or result.error_in_exec,
            result=result.result,
        )

    def value(self, code: str) -> Any:
        """The value of an expression in the notebook."""
        return self.run(code).result

    def complete(self, text: str) -> list[str]:
        """What Tab offers at the end of `text`."""
        with provisionalcompleter():
            return [text[: each.start] + each.text for each in self.ipython.Completer.completions(text, len(text))]


@pytest.fixture(scope="session")
def ipython() -> Any:
    """The one shell that IPython allows a process."""
    ipython = globalipapp.start_ipython() or globalipapp.get_ipython()
    # A terminal's shell has text only; a notebook's has every form.
    ipython.display_formatter.active_types = ipython.display_formatter.format_types
    return ipython


@pytest.fixture
def bare_shell(ipython, tmp_path, monkeypatch) -> Iterator[Shell]:
    """A shell without the extension, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("JPY_SESSION_NAME", "NBCONVEX_DATABASE", "NBCONVEX_LIVE"):
        monkeypatch.delenv(name, raising=False)
    ipython.reset()
    ipython.config.pop("NbConvex", None)
    yield Shell(ipython)
    with capture_output():
        ipython.extension_manager.unload_extension("nbconvex")
    ipython.reset()


@pytest.fixture
def shell(bare_shell, monkeypatch) -> Shell:
    """A shell with the extension, its store in memory."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


@pytest.fixture
def stored_shell(bare_shell) -> Shell:
    """A shell with the extension, its store in a file."""
    bare_shell.run("%load_ext nbconvex")
    return bare_shell


def _with_messages(shell: Shell) -> Shell:
    for cell in APP:
        shell.run(cell)
    for n in range(3):
        shell.run(f"messages.send(channel='a', body='text {n}')")
    return shell


@pytest.fixture
def app(shell) -> Shell:
    """A shell with the messages application and three messages, in memory."""
    return _with_messages(shell)


@pytest.fixture
def stored_app(stored_shell) -> Shell:
    """The same in a file."""
    return _with_messages(stored_shell)


@pytest.fixture
def kernel(tmp_path) -> Iterator[Kernel]:
    """A kernel of its own process, in an empty folder."""
    with Kernel(tmp_path) as kernel:
        yield kernel


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory) -> Iterator[Lab]:
    """One JupyterLab for all tests that need nothing special of it: it takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBCONVEX_PORT", "0")
        with Lab(tmp_path_factory.mktemp("lab")) as lab:
            yield lab


@pytest.fixture
def lab(shared_lab, tmp_path) -> Iterator[LabFolder]:
    """A folder of it; the kernels that were started there are ended."""
    yield LabFolder(shared_lab, tmp_path.name)
    shared_lab.end_kernels()
