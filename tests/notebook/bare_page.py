"""A bare page that holds one live view, without any notebook around it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "nbconvex" / "notebook"

BARE = """<!doctype html><html lang="en"><head><title>bare</title><style>%(css)s
:root { color-scheme: light dark } body { margin: 12px; background: Canvas; color: CanvasText }</style></head>
<body><main id="here"></main><script type="text/plain" id="library">%(library)s</script><script type="module">
%(js)s
class Model {
  constructor(state) { this.state = state; this.sent = []; this.listeners = {}; }
  get(name) { return name === "library" ? "IPY_MODEL_drawing" : this.state; }
  widget_manager = { get_model: async () => ({ get: () => document.getElementById("library").textContent }) };
  set(state) { this.state = state; for (const f of this.listeners["change:state"] ?? []) f(); }
  on(name, f) { (this.listeners[name] ??= []).push(f); }
  off(name, f) { this.listeners[name] = (this.listeners[name] ?? []).filter((g) => g !== f); }
  receive(message) { for (const f of this.listeners["msg:custom"] ?? []) f(message); }
  send(message) { this.sent.push(message); }
}
window.model = new Model(%(state)s);
nbcWidget.initialize({ model });
window.stop = nbcWidget.render({ model, el: document.getElementById("here") });
window.ready = true;
</script></body></html>"""

# Source: the contrast formula of WCAG 2.
CONTRAST = """(selector) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const text = light(getComputedStyle(document.querySelector(selector)).color);
  const ground = light(getComputedStyle(document.querySelector(".nbc-live")).backgroundColor);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""


class BarePage:
    """One live view on an empty page: a table, or a chart if `library` is the source of what draws it."""

    def __init__(self, context: Any, state: dict[str, Any], *, library: str = "") -> None:
        script = "".join(
            (NOTEBOOK / name).read_text()
            for name in ("live_frame.js", *(("live_chart.js",) if library else ("live_grid.js", "live_table.js")))
        ).replace("export default", "const nbcWidget =")
        css = "".join((NOTEBOOK / name).read_text() for name in ("live_table.css", "live_chart.css"))
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        literal = json.dumps(json.dumps(state)).replace("</", "<\\/")
        library = library.replace("</script", "<\\/script")
        self.page.set_content(BARE % {"css": css, "js": script, "state": literal, "library": library})
        self.page.wait_for_function("window.ready === true")

    def update(self, state: dict[str, Any]) -> None:
        """Hand the table a new state and wait until it is drawn."""
        self.page.evaluate("state => model.set(state)", json.dumps(state))
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def column(self, at: int) -> list[str]:
        """The texts of one column as they stand on the page."""
        texts: list[str] = self.page.locator(f".nbc-table tbody tr td:nth-child({at + 1})").all_inner_texts()
        return texts

    def contrast(self, selector: str) -> float:
        """The contrast between an element's text and the table's ground."""
        ratio: float = self.page.evaluate(CONTRAST, selector)
        return ratio
