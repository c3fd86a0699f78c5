"""`%convex serve` and `%convex url`: nbconvex.notebook.server_commands."""

from __future__ import annotations

import re
import threading
import time

import httpx
import pytest
from IPython.core.error import UsageError

from tests.notebook.kernel_driver import Kernel

APP = "%%query\ndef hello(ctx): return 'hello'"


@pytest.fixture
def served(bare_shell, monkeypatch):
    """A shell with one query, whose server takes any two ports."""
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run(APP)
    return bare_shell


def server_of(shell):
    return shell.ipython.nbconvex_extension.session.server


def hello(url: str) -> str:
    return httpx.post(f"{url}/api/query", json={"path": "main:hello", "args": {}}).json()["value"]


def test_serve_starts_once_and_shows_both_addresses(served) -> None:
    assert server_of(served) is None
    plain = served.run("%convex serve").plain[0]
    server = server_of(served)
    assert server.url in plain
    assert server.site_url in plain
    assert hello(server.url) == "hello"
    assert served.run("%convex serve").plain == [plain]
    assert served.run("%convex url").plain == [plain]
    assert server_of(served) is server


def test_url_starts_the_server_and_shows_the_admin_key_only_when_asked(served) -> None:
    plain = served.run("%convex url").plain[0]
    assert hello(server_of(served).url) == "hello"
    assert "nbconvex|" not in plain
    shown = re.search(r"nbconvex\|[0-9a-f]{64}", served.run("%convex url --admin-key").plain[0])
    assert shown
    assert shown[0] == served.value("get_ipython().nbconvex_extension.session.backend.admin_key")


def test_url_binds_the_api_address_to_a_name(served) -> None:
    served.run("%convex url --into address")
    assert served.value("address") == server_of(served).url
    served.run("%convex url --into api_address --into-site site")
    assert served.value("[api_address, site]") == [server_of(served).url, server_of(served).site_url]
    with pytest.raises(UsageError, match="--into-site wants a name"):
        served.run("%convex url --into-site 1x")
    with pytest.raises(UsageError, match="--into wants a name"):
        served.run("%convex url --into 'a b'")


def test_server_moves_when_it_is_told_another_place_and_stops_when_told(served) -> None:
    served.run("%convex serve")
    first = server_of(served)
    served.run("%convex serve --port 0")
    second = server_of(served)
    assert not first.is_running
    assert hello(second.url) == "hello"
    served.run("%convex serve --host localhost --port 0")
    assert server_of(served).url.startswith("http://localhost:")
    assert "Stopped serving." in served.run("%convex serve --stop").plain[0]
    assert server_of(served) is None
    assert "not being served" in served.run("%convex serve --stop").plain[0]


def test_cards_have_a_line_about_the_server(served) -> None:
    assert (
        "server      starts with the first %%http, %convex url or %convex serve"
        in served.run("%convex status").plain[0]
    )
    served.run("%convex serve")
    assert f"server      {server_of(served).url} (HTTP endpoints" in served.run("%convex status").plain[0]
    served.run("%config NbConvex.serve = 'never'")
    served.run("%convex close")
    assert "none (NbConvex.serve is 'never')" in served.run("%convex status").plain[0]


@pytest.mark.parametrize(
    ("variable", "api"),
    [
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "/user/ada/proxy/{}"),
        (
            {"CODESPACE_NAME": "happy", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev"},
            "https://happy-{}.app.github.dev",
        ),
    ],
)
@pytest.mark.case("notebook/proxy_base_url")
def test_addresses_are_those_of_the_users_browser(served, monkeypatch, variable, api) -> None:
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    plain = served.run("%convex url").plain[0]
    server = server_of(served)
    assert api.format(server.port) in plain
    assert api.format(server.site_port) in plain
    assert f"on this machine  {server.url}, {server.site_url}" in plain


def test_closing_the_store_stops_the_server_and_unloading_too(served) -> None:
    served.run("%convex serve")
    first = server_of(served)
    served.run("%convex close")
    assert not first.is_running
    served.run(APP)
    assert server_of(served) is None
    served.run("%convex serve")
    second = server_of(served)
    served.run("%unload_ext nbconvex")
    assert not second.is_running
    assert not [each for each in threading.enumerate() if each.name.startswith("nbconvex")]


def test_reloading_keeps_serving(served) -> None:
    served.run("%convex serve")
    server = server_of(served)
    ran = served.run("%reload_ext nbconvex")
    assert server_of(served) is server
    assert server.url in ran.plain[0]
    assert hello(server.url) == "hello"


def test_other_store_is_served_where_the_old_one_was(served, tmp_path) -> None:
    served.run("%convex serve")
    first = server_of(served)
    served.run("%convex open other.duckdb")
    second = server_of(served)
    assert (second.url, second.site_url) == (first.url, first.site_url)
    assert httpx.get(f"{second.url}/instance_name").text == "other"


def test_serving_can_be_forbidden(served) -> None:
    served.run("%config NbConvex.serve = 'never'")
    ran = served.fail("%convex url")
    assert isinstance(ran.error, UsageError)
    assert "NbConvex.serve is 'never'" in str(ran.error)
    assert "%config NbConvex.serve = 'auto'" in str(ran.error)


def test_serving_can_begin_with_the_store(bare_shell, monkeypatch) -> None:
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    monkeypatch.setenv("NBCONVEX_SERVE", "always")
    bare_shell.run("%load_ext nbconvex")
    assert server_of(bare_shell) is None
    bare_shell.run(APP)
    assert hello(server_of(bare_shell).url) == "hello"
    bare_shell.run("%convex open other.duckdb")
    assert server_of(bare_shell) is not None
    bare_shell.run("%convex close")
    bare_shell.run("%config NbConvex.host = 'no such host'")
    assert "is no address of this machine" in bare_shell.run(APP).stderr


def test_allowed_names_are_a_setting(served) -> None:
    served.run("%config NbConvex.allowed_hosts = 'app.example.org, *.example.net'")
    served.run("%convex serve")
    url = server_of(served).url
    for host, status in (("app.example.org", 200), ("x.example.net", 200), ("evil.example", 403)):
        assert httpx.get(f"{url}/version", headers={"Host": host}).status_code == status


COUNTING = """%%mutation visits
def add(ctx):
    print("counted by a client")
    ctx.db.insert("visits", {})
    return ctx.db.query("visits").count()
"""
COMPUTE = """import time
until = time.monotonic() + 3
while time.monotonic() < until:
    sum(range(1_000))
"""


@pytest.mark.kernel
@pytest.mark.timeout(180)
@pytest.mark.case("notebook/blocking_cell_does_not_block_server")
def test_kernel_answers_clients_while_a_cell_computes_and_their_prints_stay_out_of_it(tmp_path) -> None:
    with Kernel(tmp_path, NBCONVEX_PORT="0") as kernel:
        kernel.run("%load_ext nbconvex")
        kernel.run(COUNTING)
        kernel.run("%convex serve")
        url = kernel.run("print(get_ipython().nbconvex_extension.session.server.url)").stdout.strip()
        computing = kernel.send(COMPUTE)
        began = time.monotonic()
        with httpx.Client(base_url=url, timeout=30) as client:
            answers = [client.post("/api/mutation", json={"path": "visits:add", "args": {}}).json() for _ in range(5)]
        took_s = time.monotonic() - began
        assert [answer["value"] for answer in answers] == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert answers[0]["logLines"] == ["[LOG] 'counted by a client'"]
        assert took_s < 2.5
        assert "counted" not in kernel.wait(computing).stdout
