"""What came of a call, and what strangers are told."""

from __future__ import annotations

import pytest

from nbconvex import Int64
from nbconvex.errors import ConvexError
from nbconvex.testing import convex_test


def test_outcome_of_a_call_has_everything_about_it() -> None:
    with convex_test() as t:
        t.backend.mutation(name="m:add")(lambda ctx: (print("hi"), ctx.db.insert("t", {}))[1])
        outcome = t.backend.run_outcome("m:add")
        assert outcome.error is None
        assert outcome.log_lines == ("hi",)
        assert outcome.ts == t.backend.database.head
        assert outcome.request_id == list(t.backend.logs)[-1].request_id
        assert outcome.public_error(production=True) == {}


def failing(ctx):
    raise ValueError("secret")


@pytest.mark.case("errors/plain_error_prod")
def test_plain_error_is_hidden_in_production_and_shown_in_development() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(failing)
        outcome = t.backend.run_outcome("m:f")
        assert isinstance(outcome.error, ValueError)
        told = f"[Request ID: {outcome.request_id}] Server Error"
        assert outcome.public_error(production=True) == {"errorMessage": told}
        shown = outcome.public_error(production=False)["errorMessage"]
        assert shown.startswith(f"{told}\nUncaught ValueError: secret\n")
        assert "in failing" in shown
        assert "runner.py" not in shown


@pytest.mark.case("errors/convexerror_prod", "errors/convexerror_typed_values")
def test_data_of_an_application_error_is_delivered_everywhere() -> None:
    data = {"code": Int64(7), "raw": b"\x00\x01", "list": [[1, None], {"a": "ü"}]}

    def refuse(ctx):
        raise ConvexError(data)

    with convex_test() as t:
        t.backend.mutation(name="m:f")(refuse)
        outcome = t.backend.run_outcome("m:f")
        told = outcome.public_error(production=True)
        assert told == {"errorMessage": f"[Request ID: {outcome.request_id}] Server Error", "errorData": data}
        assert outcome.public_error(production=False)["errorData"] == data
        with pytest.raises(ConvexError) as caught:
            t.mutation("m:f")
        assert caught.value.data == data


def test_callers_fault_is_told_with_its_sentence_in_development() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f", args={})(lambda ctx: None)
        outcome = t.backend.run_outcome("m:f", {"x": 1})
        assert "ArgumentValidationError in m:f" in outcome.public_error(production=False)["errorMessage"]
