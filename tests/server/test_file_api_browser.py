"""What a browser makes of stored files that would like to run: nbconvex.server.file_api."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from nbconvex.backend import Backend
from nbconvex.server.serve import Server, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SCRIPT = "fetch('/version?hacked')"
HTML = f'<!doctype html><title>x</title><script>{SCRIPT}</script><img src=x onerror="{SCRIPT}">'.encode()
SVG = (
    f"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40' onload=\"{SCRIPT}\"><script>{SCRIPT}</script>"
    "<rect width='40' height='40' fill='green'/></svg>"
).encode()
HOSTILE = [
    (HTML, "text/html"), (HTML, "image/png"), (HTML, "text/plain"), (HTML, "image/png;a=b, text/html"), (HTML, None),
    (HTML, "application/json"), (HTML, "video/mp4"), (SVG, "image/svg+xml"), (SVG, "text/xml"),
    (SVG, "application/xhtml+xml"), (SVG, "image/png"),
]  # fmt: skip


@pytest.fixture
def served() -> Iterator[tuple[Backend, Server]]:
    with Backend.open() as backend, serve(backend, port=0) as server:
        yield backend, server


def test_no_stored_file_runs_however_it_is_opened(served, browser) -> None:
    backend, server = served
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    for data, content_type in HOSTILE:
        url = backend.storage.get_url(backend.storage.store(data, content_type))
        with suppress(Exception):  # a download instead of a page is an error to Playwright
            page.goto(url)
        page.wait_for_timeout(50)
        # A page of the same origin, as the notebook's is behind a hub.
        page.goto(f"{server.url}/version")
        page.evaluate(
            """(url) => {
              const frames = `<iframe src="${url}"></iframe><object data="${url}"></object>`;
              document.body.innerHTML = frames + `<embed src="${url}"><img src="${url}">`;
            }""",
            url,
        )
        page.wait_for_timeout(150)
    assert not [each for each in asked if "hacked" in each]
    assert len([each for each in asked if "/api/storage/" in each]) > 2 * len(HOSTILE)
    context.close()


def test_pictures_are_shown_an_svg_too(served, browser) -> None:
    backend, server = served
    page = browser.new_page()
    page.goto(f"{server.url}/version")
    url = backend.storage.get_url(backend.storage.store(SVG, "image/svg+xml"))
    page.evaluate("(url) => { document.body.innerHTML = `<img src='${url}'>`; }", url)
    page.wait_for_function("document.querySelector('img').naturalWidth === 40")
    page.close()
