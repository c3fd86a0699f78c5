"""The ready-made validators of pagination."""

import pytest

from nbconvex.values.page_validators import pagination_opts_validator, pagination_result_validator
from nbconvex.values.validator_report import ValidationProblem
from nbconvex.values.validators import v


@pytest.mark.parametrize(
    "options",
    [
        {"numItems": 5, "cursor": None},
        {"numItems": 5.0, "cursor": "x", "endCursor": None, "id": 1, "maximumRowsRead": 10, "maximumBytesRead": 10},
    ],
)
def test_options_of_clients_pass(options):
    assert pagination_opts_validator.check(options) == options


@pytest.mark.parametrize("options", [{}, {"numItems": 5}, {"numItems": "5", "cursor": None}])
def test_other_options_are_refused(options):
    with pytest.raises(ValidationProblem):
        pagination_opts_validator.check(options)


def test_pages_hold_items_that_match():
    validator = pagination_result_validator(v.string())
    page = {"page": ["a"], "isDone": False, "continueCursor": "x", "splitCursor": None, "pageStatus": "SplitRequired"}
    assert validator.check(page) == page
    with pytest.raises(ValidationProblem, match=r"Path: \.page\[0\]"):
        validator.check({**page, "page": [1]})
