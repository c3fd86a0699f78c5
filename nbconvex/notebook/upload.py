"""Uploading from the page: `nbconvex.upload(...)` and `%convex upload`.

Owns:  choosing how an upload is offered; `upload`.
Must not know: how lines are read, how a panel works.
Threads: the kernel's main thread.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbconvex.errors import CallerError
from nbconvex.notebook.card import Card
from nbconvex.notebook.session import ATTRIBUTE, Session

if TYPE_CHECKING:
    from nbconvex.notebook.upload_panel import Uploaded


def offer_upload(
    session: Session, then: Callable[[Uploaded], Any] | None = None, *, accept: str = "", multiple: bool = True
) -> Any:
    """A panel that takes files from the user's browser, ready to be displayed; an address where there are no widgets.

    Raises:  StorageError; CallerError if there is to be no server.
    """
    storage = session.backend.storage
    if not all(importlib.util.find_spec(name) is not None for name in ("anywidget", "ipywidgets")):
        url = storage.generate_upload_url()
        example = f"curl --data-binary @photo.png -H 'Content-Type: image/png' '{url}'"
        note = "Holds for an hour. The answer is the file's storageId."
        return Card("upload", [("address", url), ("for example", example)], note=note, code=["for example"])
    # Not at the top: widgets take a quarter of a second to import.
    from nbconvex.notebook.upload_panel import UploadPanel

    return UploadPanel(storage.generate_upload_url, then, accept=accept, multiple=multiple)


def upload(then: Callable[[Uploaded], Any] | None = None, /, *, accept: str = "", multiple: bool = True) -> Any:
    """A panel for uploading files into the notebook's backend, shown as the last line of a cell.

    `then` is called with each file that has arrived: its `storage_id`, `name`, `size` and `content_type`. `accept` is
    what the browser's dialogue offers: "image/*,.pdf". The files that came are in the panel's `files`.
    Raises:  CallerError where the extension is not loaded.
    """
    __tracebackhide__ = True
    from IPython import get_ipython

    extension = getattr(get_ipython(), ATTRIBUTE, None)
    if extension is None:
        raise CallerError("uploads from the page need a notebook with the extension loaded.", hint="%load_ext nbconvex")
    return offer_upload(extension.session, then, accept=accept, multiple=multiple)
