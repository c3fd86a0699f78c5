"""What browsers are told by endpoints that opted out of CORS, and how errors are answered."""

from __future__ import annotations

from nbconvex.checks.endpoints import cors_findings, error_findings, option_findings
from nbconvex.checks.source import codes_of


def all_findings(app):
    codes = codes_of(app.backend)
    table = app.backend.http.routes.table
    return [*cors_findings(codes)], [*option_findings(codes, table)], [*error_findings(codes)]


def test_an_endpoint_with_cors_has_nothing_to_change(app) -> None:
    app.http("GET /a", "def a(ctx, request):\n    return {'a': 1}")
    assert all_findings(app) == ([], [], [])


def test_without_cors_headers_or_options_or_try_each_is_told(app) -> None:
    app.http("GET /a", "def a(ctx, request):\n    return {'a': 1}", no_cors=True)
    cors, options, errors = all_findings(app)
    assert "its answer without CORS headers" in cors[0].problem
    assert "%%http OPTIONS /a --no-cors" in options[0].cure
    assert "lets errors through" in errors[0].problem


def test_cors_by_hand_on_every_answer_is_fine(app) -> None:
    text = (
        "def a(ctx, request):\n    try:\n        return Response({'a': 1}, headers=CORS_HEADERS)\n"
        "    except Exception:\n        return Response('sorry', status=500, headers=CORS_HEADERS)"
    )
    app.http("GET /a", text, no_cors=True)
    app.http("OPTIONS /a", "def o(ctx, request):\n    return Response(None, 204, CORS_HEADERS)", no_cors=True)
    assert all_findings(app) == ([], [], [])


def test_answers_that_lack_headers_are_counted(app) -> None:
    text = (
        "def a(ctx, request):\n    if request.method:\n        return Response(1, headers=CORS_HEADERS)\n    return 'b'"
    )
    app.http("GET /a", text, no_cors=True)
    assert "1 of 2 answers" in all_findings(app)[0][0].problem


def test_an_error_with_a_status_of_success_is_told_with_the_line_to_write(app) -> None:
    text = (
        "def a(ctx, request):\n    try:\n        return {'a': 1}\n    except ValueError as error:\n"
        "        return Response({'error': str(error)})\n    except KeyError:\n        return Response('x', status=400)"
    )
    app.http("GET /a", text)
    (found,) = all_findings(app)[2]
    assert found.cure == "return Response({'error': str(error)}, status=500)"
