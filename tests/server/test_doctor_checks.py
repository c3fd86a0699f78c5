"""What is wrong with an endpoint: nbconvex.server.doctor_checks."""

from __future__ import annotations

import pytest

from nbconvex.server.doctor_checks import (
    Answered,
    Finding,
    answer_findings,
    preflight_findings,
    status_findings,
    url_findings,
)

A = "https://a.example"
GOOD = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "PUT, OPTIONS",
    "access-control-allow-headers": "content-type, authorization",
}


def problems(findings: list[Finding]) -> list[str]:
    return [each.sentence for each in findings if not each.is_fine]


def preflight(status: int = 204, **changes: str) -> list[str]:
    headers = {**GOOD, **{f"access-control-allow-{name}": text for name, text in changes.items()}}
    found = preflight_findings(
        Answered(status, headers), origin=A, method="PUT", headers=("Content-Type", "Authorization")
    )
    return problems(found)


@pytest.mark.parametrize(
    ("status", "changes", "words"),
    [
        (404, {}, ["expected a status from 200 to 299, found status 404. Leave --no-cors out"]),
        (500, {}, ["The browser stops here."]),
        (204, {"origin": ""}, ["Access-Control-Allow-Origin: nothing"]),
        (204, {"origin": "https://b.example"}, ["Add https://a.example to --origins"]),
        (204, {"origin": f"{A}/"}, ["without a slash"]),
        (204, {"origin": f"{A}, {A}"}, ["sent twice"]),
        (204, {"methods": "GET"}, ["Define %%http PUT"]),
        (204, {"headers": "*"}, ["header Authorization"]),
        (204, {"headers": "authorization"}, ["header Content-Type"]),
        (204, {"methods": "*", "origin": A}, []),
    ],
)
def test_preflight_that_fails_is_explained(status, changes, words) -> None:
    found = preflight(status, **changes)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_answer_that_a_page_cannot_read_is_explained() -> None:
    def found(**headers: str) -> list[str]:
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        return problems(answer_findings(Answered(200, told), origin=A))

    assert found(access_control_allow_origin="*") == []
    assert found(access_control_allow_origin=A, vary="Accept, Origin") == []
    assert "Add Vary: Origin." in found(access_control_allow_origin=A)[0]
    assert "refuse the two together" in found(
        access_control_allow_origin="*", access_control_allow_credentials="true"
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://x.convex.cloud/a", "https://x.convex.site/a"),
        ("ftp://x/a", "http:// or https://"),
        ("localhost:3211/a", "http:// or https://"),
    ],
)
def test_url_is_looked_at_first(url, words) -> None:
    assert words in problems(url_findings(url))[0]
    assert problems(url_findings("http://127.0.0.1:3211/a")) == []


def test_status_leads_to_a_cure() -> None:
    assert problems(status_findings(Answered(204, {}), method="GET")) == []
    for status in (400, 401, 403, 404, 405, 413, 500, 503):
        (sentence,) = problems(status_findings(Answered(status, {"allow": "POST"}, "why\nmore"), method="GET"))
        assert f"status {status}, why" in sentence
    assert "POST. Define %%http GET" in problems(status_findings(Answered(405, {"allow": "POST"}), method="GET"))[0]
