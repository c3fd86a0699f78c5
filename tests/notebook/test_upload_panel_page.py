"""The page's side of an upload panel, in a real browser, on a bare page and in JupyterLab."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbconvex.backend import Backend
from nbconvex.clock import ManualClock
from nbconvex.notebook.file_commands import SNIPPETS
from nbconvex.server.serve import serve
from tests.notebook.bare_page import CONTRAST
from tests.server.pages import served_folder

NOTEBOOK = Path(__file__).parents[2] / "nbconvex" / "notebook"
MEGABYTE = 1_000_000

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BARE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>upload</title>
<link rel="icon" href="data:,"><style>CSS
:root { color-scheme: light dark } body { margin: 12px; background: Canvas; color: CanvasText }</style></head>
<body><main id="here"></main><script type="module">
JS
class Model {
  constructor(state) { this.state = state; this.sent = []; this.listeners = {}; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; for (const f of this.listeners["change:" + name] ?? []) f(); }
  on(name, f) { (this.listeners[name] ??= []).push(f); }
  off(name, f) { this.listeners[name] = (this.listeners[name] ?? []).filter((g) => g !== f); }
  receive(message) { for (const f of this.listeners["msg:custom"] ?? []) f(message); }
  send(message) { this.sent.push(message); }
}
window.model = new Model(STATE);
window.stop = nbcWidget.render({ model, el: document.getElementById("here") });
window.seen = [];
new MutationObserver(() => {
  const shown = [...document.querySelectorAll(".nbc-up-bar")].map((bar) => bar.value);
  if (shown.length === 1 && shown[0] !== seen.at(-1)) seen.push(shown[0]);
}).observe(document.getElementById("here"), { subtree: true, childList: true, attributes: true, characterData: true });
window.ready = true;
</script></body></html>"""


class PanelPage:
    """An upload panel on an empty page."""

    def __init__(self, context: Any, address: str) -> None:
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        self.page.goto(address)
        self.page.wait_for_function("window.ready === true")
        self.files = self.page.locator(".nbc-up-file")

    def throttle(self, bytes_a_second: int) -> None:
        """Let the network take no more than that."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second},
        )

    def choose(self, *files: tuple[str, str, bytes]) -> None:
        """Choose files in the dialogue."""
        self.page.locator(".nbc-up-input").set_input_files(
            [{"name": name, "mimeType": kind, "buffer": data} for name, kind, data in files]
        )

    def wait(self, state: str, count: int = 1) -> None:
        """Wait until so many files are in a state."""
        self.page.wait_for_function(
            f"document.querySelectorAll('.nbc-up-file[data-state={state}]').length === {count}", timeout=60_000
        )


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend.open(clock=ManualClock()) as backend, serve(backend, port=0):
        yield backend


@pytest.fixture(params=["light", "dark"])
def scheme(request) -> str:
    return request.param


@pytest.fixture
def panel(browser, backend, tmp_path, scheme) -> Iterator[PanelPage]:
    script = (NOTEBOOK / "upload_panel.js").read_text().replace("export default", "const nbcWidget =")
    state = {"url": backend.storage.generate_upload_url(), "accept": "", "multiple": True}
    text = BARE.replace("CSS", (NOTEBOOK / "upload_panel.css").read_text()).replace("JS", script)
    (tmp_path / "index.html").write_text(text.replace("STATE", json.dumps(state)))
    context = browser.new_context(color_scheme=scheme, viewport={"width": 720, "height": 420})
    with served_folder(tmp_path) as address:
        panel = PanelPage(context, address)
        yield panel
        assert not panel.problems
        context.close()


def test_progress_is_seen_while_a_slow_upload_goes_on(panel, backend, artefacts, scheme) -> None:
    panel.throttle(MEGABYTE)
    panel.choose(("photo.png", "image/png", bytes(4 * MEGABYTE)))
    panel.page.wait_for_function("seen.some((each) => each > 30 && each < 90)", timeout=60_000)
    words = panel.files.locator(".nbc-up-told").inner_text()
    assert re.fullmatch(r"\d+ % · [\d.]+ (kB|MB) of 4.0 MB · [\d.]+ (kB|MB)/s · \d+ s left", words), words
    (artefacts / f"upload-{scheme}.png").write_bytes(panel.page.screenshot())
    panel.wait("done")
    seen = panel.page.evaluate("seen")
    before_the_end = [each for each in seen if 0 < each < 100]
    assert before_the_end == sorted(before_the_end)
    assert len(set(before_the_end)) >= 5, seen
    assert seen[-1] == 100
    (told,) = panel.page.evaluate("model.sent")
    assert told["uploaded"].items() >= {"name": "photo.png", "size": 4 * MEGABYTE, "type": "image/png"}.items()
    metadata = backend.storage.get_metadata(told["uploaded"]["storageId"])
    assert (metadata["size"], metadata["contentType"]) == (4 * MEGABYTE, "image/png")


def test_a_cancelled_upload_leaves_nothing_and_the_others_go_on(panel, backend, artefacts, scheme) -> None:
    panel.throttle(MEGABYTE)
    panel.choose(*((f"{at}.bin", "", bytes([at]) * MEGABYTE) for at in range(5)))
    panel.wait("sending", 3)
    panel.wait("waiting", 2)
    panel.files.nth(0).get_by_role("button", name="Cancel the upload of 0.bin").click()
    panel.files.nth(4).get_by_role("button", name="Cancel the upload of 4.bin").click()
    panel.wait("cancelled", 2)
    panel.wait("done", 3)
    (artefacts / f"upload-several-{scheme}.png").write_bytes(panel.page.screenshot())
    assert sorted(each["size"] for each in backend.storage.list()) == [MEGABYTE] * 3
    panel.files.nth(0).get_by_role("button", name="Remove 0.bin from this list").click()
    assert panel.files.count() == 4
    assert panel.page.evaluate("document.activeElement.className").endswith("nbc-up-choose")


def test_files_are_dropped_and_names_never_become_markup(panel, backend) -> None:
    name = "<img src=x onerror=window.hacked=1>"
    panel.page.evaluate(
        """(name) => {
          const data = new DataTransfer();
          data.items.add(new File(["hello"], name, { type: "text/plain" }));
          const zone = document.querySelector(".nbc-up-zone");
          for (const type of ["dragenter", "dragover", "drop"])
            zone.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        name,
    )
    panel.wait("done")
    assert panel.files.locator(".nbc-up-name").inner_text() == name
    assert panel.page.evaluate("window.hacked") is None
    assert backend.storage.list()[0]["size"] == 5
    assert panel.page.locator(".nbc-up-over").count() == 0


def test_the_keyboard_reaches_everything(panel) -> None:
    # Listened for before anything else: the browser is told so in its own time, and opens a real dialogue until then.
    choosers: list[Any] = []
    panel.page.on("filechooser", lambda chooser: choosers.append(chooser))
    panel.page.keyboard.press("Tab")
    assert panel.page.evaluate("document.activeElement.textContent") == "Choose files"
    panel.page.keyboard.press("Enter")
    until = time.monotonic() + 30
    while not choosers and time.monotonic() < until:
        panel.page.wait_for_timeout(20)
    (chooser,) = choosers
    chooser.set_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"})
    panel.wait("done")
    panel.page.keyboard.press("Tab")
    assert panel.page.evaluate("document.activeElement.ariaLabel") == "Remove a.txt from this list"
    assert panel.page.locator("[role=status]").inner_text() == "a.txt: uploaded"


def test_an_address_that_has_expired_is_renewed(panel, backend) -> None:
    backend.clock.advance(2 * 3600)
    panel.choose(("a.txt", "text/plain", b"hello"))
    panel.page.wait_for_function("model.sent.length === 1")
    assert panel.page.evaluate("model.sent") == [{"ask": "url"}]
    panel.page.evaluate("(url) => model.set('url', url)", backend.storage.generate_upload_url())
    panel.wait("done")


def test_what_goes_wrong_is_said_where_the_file_stands(panel, backend) -> None:
    panel.page.evaluate("model.set('url', 'http://127.0.0.1:9/api/storage/upload?token=x')")
    panel.choose(("a.txt", "text/plain", b"hello"))
    panel.page.wait_for_function("model.sent.length === 1")
    panel.page.evaluate("model.set('url', 'http://127.0.0.1:9/api/storage/upload?token=y')")
    panel.wait("failed")
    assert panel.files.locator(".nbc-up-told").inner_text() == "The server cannot be reached."


def test_what_a_callback_had_to_say_is_shown(panel) -> None:
    panel.choose(("a.txt", "text/plain", b"hello"))
    panel.wait("done")
    panel.page.evaluate("model.receive({ said: 'ValueError: no', about: model.sent[0].uploaded.storageId })")
    assert panel.files.locator(".nbc-up-told").inner_text() == "stored, but: ValueError: no"


def test_texts_stand_out_from_their_ground(panel) -> None:
    panel.choose(("a.txt", "text/plain", b"hello"))
    panel.wait("done")
    contrast = CONTRAST.replace(".nbc-live", ".nbc-up")
    for selector in (".nbc-up-name", ".nbc-up-told", ".nbc-up-hint", ".nbc-up-button"):
        assert panel.page.evaluate(contrast, selector) >= 4.5, selector


@pytest.mark.case("guide/wf4_progress")
def test_the_snippet_for_web_pages_tells_of_progress(panel, backend) -> None:
    panel.throttle(2 * MEGABYTE)
    told = panel.page.evaluate(
        SNIPPETS["upload"]
        + """;(async (url) => {
          const seen = [];
          const file = new File([new Uint8Array(5_000_000)], "a.bin");
          const id = await uploadFile(url, file, (sent, all) => seen.push([sent, all]));
          const failed = await uploadFile(url + "x", file).catch((error) => error.message);
          const controller = new AbortController();
          const cancel = () => controller.abort();
          const stopped = await uploadFile(url, file, cancel, controller.signal).catch((error) => error.name);
          return { id, seen, failed, stopped };
        })("""
        + json.dumps(backend.storage.generate_upload_url())
        + ")"
    )
    assert len(told["seen"]) >= 5
    assert told["seen"][-1] == [5_000_000, 5_000_000]
    assert told["id"] == backend.storage.list()[0]["storageId"]
    assert "upload address" in told["failed"]
    assert told["stopped"] == "AbortError"


CELLS = [
    "%load_ext nbconvex",
    "import nbconvex\narrived = []\nnbconvex.upload(arrived.append)",
    "import time; time.sleep(6)",
    "[each.name for each in arrived], files.list()[0]['size']",
    "%convex files",
]


@pytest.mark.kernel
def test_a_file_is_uploaded_in_jupyterlab_while_a_cell_runs(browser, lab, artefacts) -> None:
    lab.write("upload.ipynb", CELLS)
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    notebook = lab.open(context.new_page(), "upload.ipynb")
    notebook.run(0)
    notebook.run(1)
    notebook.page.wait_for_selector(".nbc-up-choose")
    notebook.start(2)
    notebook.page.locator(".nbc-up-input").set_input_files(
        [{"name": "photo.png", "mimeType": "image/png", "buffer": bytes(3 * MEGABYTE)}]
    )
    notebook.page.wait_for_selector(".nbc-up-file[data-state=done]")
    assert notebook.is_running(2), "it arrived while the cell ran"
    notebook.wait(2)
    notebook.run(3)
    notebook.run(4)
    assert "(['photo.png'], 3000000)" in notebook.output(3).inner_text()
    notebook.picture(artefacts, "lab-upload")
    context.close()
