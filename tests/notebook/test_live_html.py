"""Live views without widgets: nbconvex.notebook.live_html."""

from __future__ import annotations

import gc
import time

from nbconvex.notebook.live_html import LiveHtml


def test_static_view_is_redrawn_by_the_publisher_it_began_with(app, monkeypatch) -> None:
    published = []
    publisher = app.ipython.display_pub
    app.run("%config NbConvex.live = 'html'")
    view = app.value("live(api.messages.newest)")
    assert isinstance(view, LiveHtml)
    view._publisher = type("Recorder", (), {"publish": lambda self, data, **rest: published.append((data, rest))})()
    view._ipython_display_()
    app.run("messages.send(channel='a', body='two')")
    until = time.monotonic() + 5
    # A busy painter may come to the first rows only now.
    while "two" not in published[-1][0]["text/html"] and time.monotonic() < until:
        time.sleep(0.01)
    assert published[0][1]["update"] is False
    assert published[-1][1] == {"transient": published[0][1]["transient"], "update": True}
    assert "two" in published[-1][0]["text/html"]
    view.close()
    assert publisher is app.ipython.display_pub


def test_view_goes_on_though_nobody_holds_its_object(app) -> None:
    app.run("%config NbConvex.live = 'html'")
    app.run("%live messages:newest")
    gc.collect()
    assert "1 following" in app.run("%convex status").plain[0]


def test_text_form_shows_the_rows(app) -> None:
    app.run("%config NbConvex.live = 'html'")
    assert "text 1" in repr(app.value("live(api.messages.newest)"))
