"""What a saved notebook holds of a live view.

Owns:  the static HTML and the text that go beside a widget, or stand alone where there are none.
Must not know: IPython, widgets, queries.
Threads: pure.
"""

from __future__ import annotations

from typing import Final

from nbconvex.notebook.html import pairs_html, picture_html
from nbconvex.notebook.live_view import ViewState
from nbconvex.notebook.plain import table_text

#: Rows in the static form: a saved notebook is read and compared, not paged through.
SAVED_ROWS_MAX: Final = 100


def saved_form(state: ViewState, *, status: str = "") -> dict[str, str]:
    """The state as static HTML and as text."""
    title = f"{state.title} {state.arguments}".strip()
    problem = "" if state.problem is None else f"{state.problem[0]}: {state.problem[1]}"
    if state.picture is None:
        text = problem or "no result yet"
        return {"text/plain": f"{title}\n{text}", "text/html": pairs_html(title, [("", text)])}
    cut = state.picture.first(SAVED_ROWS_MAX)
    html = picture_html(cut, title=title, status=state.ended or status, problem=problem)
    plain = table_text(cut, title=title)
    return {"text/html": html, "text/plain": f"{plain}\n({problem})" if problem else plain}
