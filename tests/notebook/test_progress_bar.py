"""The progress bar as a widget: nbconvex.notebook.progress_bar."""

from __future__ import annotations

import time

APP = """%%mutation m
def note(ctx, n: int = 0):
    ctx.db.insert('notes', {'n': n})

def plan(ctx, count: int, delay: float = 0):
    return [ctx.scheduler.run_after(delay, m.note, n=n) for n in range(count)]
"""


def test_widget_follows_a_batch_and_keeps_a_saved_form(shell):
    shell.run("%config NbConvex.live = 'widget'")
    shell.run(APP)
    bar = shell.value("import nbconvex\nids = plan(count=50)\nnbconvex.progress(ids, title='notes')")
    until = time.monotonic() + 10
    while bar.share < 1:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert (bar.title, bar.text) == ("notes", "50 of 50")
    assert bar.progress.is_stopped
    data, _ = bar._repr_mimebundle_()
    assert "50 of 50" in data["text/html"]
    assert "100% · 50 of 50" in data["text/plain"]
    bar.close()


def test_closed_bar_follows_no_more(shell):
    shell.run("%config NbConvex.live = 'widget'")
    shell.run(APP)
    bar = shell.value("import nbconvex\nnbconvex.progress(plan(count=2, delay=60_000)[0])")
    assert (bar.text, bar.progress.is_following) == ("0 of 1", True)
    bar.close()
    assert bar.progress.is_stopped
