"""The progress bar as static HTML: nbconvex.notebook.progress_html."""

from __future__ import annotations

import time
from typing import Any

from nbconvex.notebook.progress_html import ProgressHtml
from tests.notebook.test_progress_bar import APP


class Publisher:
    def __init__(self) -> None:
        self.published: list[tuple[dict[str, str], bool]] = []

    def publish(self, data: dict[str, str], *, transient: Any, update: bool) -> None:
        self.published.append((data, update))


def test_bar_is_shown_once_and_drawn_again_until_the_batch_is_done(shell):
    shell.run("%config NbConvex.live = 'html'")
    shell.run(APP)
    shell.run("%convex pause")
    screen = shell.value("import nbconvex\nnbconvex.progress(plan(count=20), title='notes')")
    assert isinstance(screen, ProgressHtml)
    publisher = screen._publisher = Publisher()
    screen._ipython_display_()
    assert [(data["text/plain"][-7:], update) for data, update in publisher.published] == [("0 of 20", False)]
    shell.run("%convex resume")
    until = time.monotonic() + 10
    while "20 of 20" not in publisher.published[-1][0]["text/html"]:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert publisher.published[-1][1]
    assert repr(screen).endswith("100% · 20 of 20")
