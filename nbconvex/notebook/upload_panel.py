"""A panel for uploads as a widget.

Owns:  `UploadPanel` and `Uploaded`, and what a saved notebook holds of it.
Must not know: how a file is stored: the page sends it to the server itself, so that it arrives while a cell runs.
Invariants: whatever the page says is checked. A callback that fails fails neither the upload nor other callbacks.
Threads: messages from the page arrive in the kernel's main thread, between cells.
Imports ipywidgets and anywidget: import this module when the first panel is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anywidget
from traitlets import Bool, Unicode

from nbconvex.notebook.card import Listing
from nbconvex.notebook.saved_form import beside_widget
from nbconvex.notebook.sizes import shown_size

_HERE: Final = Path(__file__).parent
_CHARACTERS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Uploaded:
    """One file that has arrived."""

    storage_id: str
    name: str
    size: int
    content_type: str


class UploadPanel(anywidget.AnyWidget):
    """Takes files by drag and drop or a dialogue, and shows how far each has come. `files` are those that arrived."""

    _esm = (_HERE / "upload_panel.js").read_text(encoding="utf-8")
    _css = (_HERE / "upload_panel.css").read_text(encoding="utf-8")
    url = Unicode("").tag(sync=True)
    accept = Unicode("").tag(sync=True)
    multiple = Bool(True).tag(sync=True)

    def __init__(
        self, new_url: Callable[[], str], then: Callable[[Uploaded], Any] | None, *, accept: str, multiple: bool
    ) -> None:
        self._new_url = new_url
        self._then = then
        self.files: list[Uploaded] = []
        super().__init__(url=new_url(), accept=accept, multiple=multiple)
        self.on_msg(self._heard)

    def _heard(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict):
            return
        if message.get("ask") == "url":
            # The old one has expired, or the server has another port by now.
            self.url = self._new_url()
            return
        told = message.get("uploaded")
        if isinstance(told, dict):
            self._arrived(told)

    def _arrived(self, told: dict[str, Any]) -> None:
        texts = [str(told.get(name, ""))[:_CHARACTERS_MAX] for name in ("storageId", "name", "type")]
        size = told.get("size")
        file = Uploaded(texts[0], texts[1], int(size) if isinstance(size, int | float) else 0, texts[2])
        self.files.append(file)
        if self._then is None:
            return
        try:
            self._then(file)
        except Exception as error:  # the user's own code: said where the file stands
            self.send({"said": f"{type(error).__name__}: {error}"[:_CHARACTERS_MAX], "about": file.storage_id})

    def _saved(self) -> Listing:
        rows = [[each.name, shown_size(each.size), each.content_type, each.storage_id] for each in self.files]
        return Listing(
            "uploaded", ["file", "size", "type", "storageId"], rows,
            empty="A panel for uploading files: run this cell in an open notebook to use it.",
            numeric=[False, True],
        )  # fmt: skip

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        saved = self._saved()
        form = {"text/html": saved._repr_html_(), "text/plain": repr(saved)}
        return beside_widget(super()._repr_mimebundle_(**kwargs), form)

    def __repr__(self) -> str:
        return repr(self._saved())
