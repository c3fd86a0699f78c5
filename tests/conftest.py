"""What every test may ask for, and what no test may leave behind."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from nbconvex.clock import ManualClock
from tests.pictures import FOLDER, Pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The suites live outside of test files; without this their bare asserts would fail with no values in the message.
pytest.register_assert_rewrite("tests.storage.persistence_suite", "tests.storage.blobs_suite")

# The same examples on every machine and in every run: a red test is red for everybody. --long looks further.
hypothesis.settings.register_profile("short", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("long", deadline=None, max_examples=1_000, database=None, print_blob=True)

THREAD_GRACE_S = 5.0
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
ROOT = Path(__file__).parents[1]
#: Where `make` puts the official JavaScript clients.
WEB = ROOT / ".build" / "web"
HAS_NODE = shutil.which("node") is not None and (WEB / "node_modules" / "convex").is_dir()
NO_NODE = "the official JavaScript clients are not installed: install Node 20 with npm, then run `make test`"
NO_CHROMIUM = "there is no Chromium on this machine: install it (Debian: apt-get install chromium) and run again"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="also run the long forms: more seeds, more rounds, more crashes"
    )
    parser.addoption("--pictures", action="store_true", help="keep the pictures that the pages show, in docs/pictures/")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_long = config.getoption("--long")
    for item in items:
        if item.get_closest_marker("long") and not is_long:
            item.add_marker(pytest.mark.skip(reason="long form: run with --long"))
        if item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))
        if item.get_closest_marker("node") and not HAS_NODE:
            item.add_marker(pytest.mark.skip(reason=NO_NODE))


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether this run has time: `rounds = 200 if is_long else 10`."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where a test keeps what a person may want to look at afterwards: screenshots, logs. Never committed."""
    folder = ROOT / ".build" / "artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Pictures:
    """Where a browser test puts the pictures that the pages show."""
    return Pictures(FOLDER if request.config.getoption("--pictures") else None)


@pytest.fixture(scope="session")
def web() -> Path:
    """The folder whose `node_modules` has the official JavaScript clients."""
    if not HAS_NODE:
        pytest.skip(NO_NODE)
    return WEB


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system's own.

    For one test file only: while Playwright is open its event loop counts as running in this thread, so that
    `asyncio.run` fails in every test that follows.
    """
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    from playwright.sync_api import sync_playwright

    flags = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]
    if os.name == "posix" and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's sandbox refuses to run for root, as in a container
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=flags)
        yield chromium
        chromium.close()


def _leaked(before: set[threading.Thread]) -> list[threading.Thread]:
    new = [thread for thread in threading.enumerate() if thread not in before]
    return [thread for thread in new if not thread.daemon or thread.name.startswith("nbconvex")]


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Fails a test that leaves a thread behind: one of ours, or any that would keep the process from ending."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + THREAD_GRACE_S
    while (leaked := _leaked(before)) and time.monotonic() < until:
        leaked[0].join(0.02)
    if leaked:
        names = ", ".join(sorted(thread.name for thread in leaked))
        pytest.fail(f"threads left running: {names}. Close what the test opened (a backend, a pool, a client).")


def pytest_report_header(config: pytest.Config) -> list[str]:
    if config.getoption("--long"):
        return ["nbconvex: long form"]
    return []


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Cases that are dataclasses with a `name` are shown by it."""
    name = getattr(val, "name", None)
    return name if isinstance(name, str) and name else None


def pytest_collection_finish() -> None:
    """Leave what is there by now out of garbage collections.

    IPython collects twice for every shell that a test asks for. Beside all modules, tests and their parameters that is
    half a second each, which was most of the time that tests of notebooks took.
    """
    # Before that, for Hypothesis asks the collector who knows its generator, and of what is frozen it is not told.
    hypothesis.given(hypothesis.strategies.none())(lambda _: None)()
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end everything is put away in order; DuckDB's bindings complain about what is not."""
    gc.unfreeze()


def pytest_sessionstart() -> None:
    """Take interrupts even where whoever started us ignores them, as `nohup` and background shells do."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
