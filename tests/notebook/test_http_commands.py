"""`%convex routes`, and what the doctor says of endpoints: nbconvex.notebook.http_commands."""

from __future__ import annotations

import pytest


@pytest.fixture
def shell(bare_shell, monkeypatch):
    monkeypatch.setenv("NBCONVEX_DATABASE", ":memory:")
    monkeypatch.setenv("NBCONVEX_PORT", "0")
    bare_shell.run("%load_ext nbconvex")
    bare_shell.run("%%http GET /open/*\ndef handler(ctx, request): return 'x'")
    bare_shell.run("%%http POST /closed --no-cors --auth\nasync def handler(ctx, request): return 'x'")
    return bare_shell


def test_routes_are_listed_with_what_matters(shell) -> None:
    lines = shell.run("%convex routes").plain[0].splitlines()
    assert lines[0].startswith("endpoints at http://")
    rows = [" ".join(line.split()) for line in lines[3:]]
    assert rows == [
        "POST /closed async off wanted the %%http POST /closed cell",
        "GET /open/* plain any page the %%http GET /open/* cell",
    ]
    assert shell.run("%http").plain[0] == "\n".join(lines)


def test_doctor_says_what_is_wrong_a_check_a_line(shell) -> None:
    fine = shell.run("%convex doctor cors /open/x").plain[0]
    assert "✗" not in fine
    assert "✓ preflight: header Authorization: allowed" in fine
    wrong = shell.run("%convex doctor cors /closed --origin https://a.example").plain[0]
    assert "✗ preflight: expected a status from 200 to 299, found status 404. Leave --no-cors out" in wrong
    assert "✓ answer: status 200" in shell.run("%convex doctor http /open/x").plain[0]
    url = shell.ipython.nbconvex_extension.session.server.url
    assert "status 404" in shell.run(f"%convex doctor http {url}/open/x").plain[0]
    assert "Define %%http PUT" in shell.run("%convex doctor http /closed --method put").plain[0]


def test_doctor_claims_nothing_of_what_it_did_not_try(shell) -> None:
    shell.run("%%http POST /paid\ndef handler(ctx, request):\n    return {}")
    assert "· answer: not tried, because POST may change something" in shell.run("%convex doctor cors /paid").plain[0]


def test_openapi_document_is_written(shell, tmp_path) -> None:
    assert "openapi.json describes" in shell.run("%convex codegen . --openapi").plain[0]
    assert '"/open/{rest}"' in (tmp_path / "openapi.json").read_text()
