"""`%convex` and `%live` as lines: nbconvex.notebook.line_magics."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError


def test_answer_is_shown_wherever_the_line_stands(app) -> None:
    assert len(app.run("%convex status\nx = 1").html) == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%convex statsu", 'Did you mean "status"?'),
        ("%convex status --nope", "unrecognized arguments: --nope"),
        ("%convex run", "run what?"),
        ("%convex run messages:newest general", 'cannot read "general" as an argument'),
        ("%convex run messages:newset", 'Did you mean "messages:newest"?'),
        ("%convex run messages:newest chanel=a", "chanel"),
        ("%convex data --limit x", "invalid int value"),
        ("%live messages:send", "only a query can be followed"),
        ("%live messages:newset", 'Did you mean "messages:newest"?'),
        ("%live messages:newest chanel=a", "chanel"),
        ("%live", "the following arguments are required: function"),
        ("%convex open notes.txt/no.duckdb", "notes.txt"),
    ],
)
def test_wrong_line_is_refused_shortly(app, line, sentence, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("no folder")
    ran = app.fail(line)
    assert isinstance(ran.error, UsageError)
    assert sentence in str(ran.error)
    assert "Traceback" not in ran.stdout + ran.stderr
