"""A bare page with the dashboard of a backend in it: what a kernel and a notebook would carry is carried by hand."""

from __future__ import annotations

import json
import queue
import time
from typing import Any

from nbconvex.backend import Backend
from nbconvex.dashboard.desk import Desk
from nbconvex.dashboard.panels import panels_of
from nbconvex.notebook.dashboard import SCRIPTED, script, style, surroundings

PATIENCE_S = 60.0

BARE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>dashboard</title><style>%(css)s
:root { color-scheme: light dark } body { margin: 12px; background: Canvas; color: CanvasText }</style></head>
<body><main id="here"></main><script type="module">
%(js)s
class Model {
  constructor(state) { this.state = state; this.sent = []; this.listeners = {}; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; }
  save_changes() {}
  on(name, f) { (this.listeners[name] ??= []).push(f); }
  off(name, f) { this.listeners[name] = (this.listeners[name] ?? []).filter((g) => g !== f); }
  receive(message) { for (const f of this.listeners["msg:custom"] ?? []) f(message); }
  send(message) { this.sent.push(message); }
  take() { return this.sent.splice(0); }
}
window.model = new Model(%(state)s);
window.draw = () => { window.stop = nbcWidget.render({ model, el: document.getElementById("here") }); };
window.draw();
window.ready = true;
</script></body></html>"""


class DashboardPage:
    """The dashboard of `backend` on an empty page."""

    def __init__(self, context: Any, backend: Backend, *, panel: str = "", place: Any = None) -> None:
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        panels = [each for each in panels_of(backend, surroundings(lambda: None)) if each.name in SCRIPTED]
        self.desk = Desk(backend, panels, self._answers.put)
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        state = {
            "title": "app.duckdb",
            "panels": json.dumps([{"name": each.name, "title": each.title} for each in panels]),
            "place": json.dumps({"panel": panel, "of": {panel: place or {}}} if panel else {}),
        }
        literal = json.dumps(state).replace("</", "<\\/")
        js = script().replace("export default", "const nbcWidget =")
        self.page.set_content(BARE % {"css": style(), "js": js, "state": literal})
        self.page.wait_for_function("window.ready === true")

    def close(self) -> None:
        """Take the dashboard off the page and end what is behind it."""
        self.page.evaluate("window.stop()")
        self._carry()
        self.desk.close("closed")

    def _carry(self) -> bool:
        """Hand on what is waiting, both ways; whether there was anything."""
        sent = self.page.evaluate("model.take()")
        for message in sent:
            self.desk.hear(message)
        has_answers = False
        while True:
            try:
                answer = self._answers.get(timeout=0.01)
            except queue.Empty:
                return bool(sent) or has_answers
            has_answers = True
            self.page.evaluate("message => model.receive(message)", json.loads(json.dumps(answer)))

    def wait(self, condition: str, argument: Any = None) -> None:
        """Carry messages until an expression of the page is true."""
        until = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(condition, argument):
            if time.monotonic() > until:
                raise TimeoutError(f"{condition}\n{self.page.locator('main').inner_text()}\n{self.problems}")
            self._carry()

    def wait_text(self, selector: str, text: str) -> None:
        """Carry messages until some element has that text in it."""
        self.wait(
            "([selector, text]) => [...document.querySelectorAll(selector)].some(each => "
            "!each.closest('[hidden]') && each.textContent.includes(text))",
            [selector, text],
        )

    def settle(self) -> None:
        """Carry messages until nothing moves for a moment."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 0.4:
            if self._carry():
                quiet_since = time.monotonic()

    def column(self, at: int) -> list[str]:
        """The texts of one column of the grid as they stand on the page."""
        texts: list[str] = self.page.locator(
            f".nbc-main > .nbc-scroll tbody tr td:nth-child({at + 1})"
        ).all_inner_texts()
        return texts
