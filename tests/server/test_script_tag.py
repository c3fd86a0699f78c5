"""The npm package's script-tag bundle, unmodified, in a real browser, on a page that comes from another origin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.pages import served_folder

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.timeout(120)]

PAGE = """<!doctype html><html lang="en"><head><title>a page</title><link rel="icon" href="data:,">
<script src="URL/_nbconvex/convex.js"></script></head><body><script>
window.seen = [];
const client = new convex.ConvexClient("URL", { unsavedChangesWarning: false });
client.onUpdate("messages:list", { channel: "a" }, (bodies) => seen.push(bodies));
const http = new convex.ConvexHttpClient("URL");
const api = convex.anyApi;
</script></body></html>"""


@pytest.fixture
def page(served, web, browser, tmp_path, monkeypatch) -> Any:
    """The page, once it shows the first result."""
    monkeypatch.setenv("NBCONVEX_CONVEX_JS", str(web / "node_modules/convex/dist/browser.bundle.js"))
    (tmp_path / "index.html").write_text(PAGE.replace("URL", served.url))
    with served_folder(tmp_path) as address:
        page = browser.new_context().new_page()
        page.goto(address)
        page.wait_for_function("seen.length === 1")
        yield page
        page.context.close()


def test_the_page_follows_and_writes_over_the_socket_and_over_http(page, served) -> None:
    served.backend.run_mutation("messages:send", {"channel": "a", "body": "from Python"})
    page.wait_for_function("seen.length === 2")
    page.evaluate("() => client.mutation(api.messages.send, { channel: 'a', body: 'from the page' })")
    page.evaluate("() => http.mutation('messages:send', { channel: 'a', body: 'over HTTP' })")
    page.wait_for_function("seen.at(-1).length === 3")
    assert page.evaluate("seen.at(-1)") == ["from Python", "from the page", "over HTTP"]
    assert page.evaluate("() => http.query(api.messages.count, {})") == 3


def test_errors_reach_the_page_with_their_data(page) -> None:
    fail = "(how) => SENDER.mutation('errors:mutation', { how }).catch((error) => [error.data, error.message])"
    for sender in ("client", "http"):
        data, _ = page.evaluate(fail.replace("SENDER", sender), "object")
        assert data == {"code": 7, "why": ["a", None]}
        data, message = page.evaluate(fail.replace("SENDER", sender), "plain")
        assert data is None
        assert "boom" in message
