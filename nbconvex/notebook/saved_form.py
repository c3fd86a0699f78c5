"""What a saved notebook holds of a live view.

Owns:  the static HTML and the text that go beside a widget, or stand alone where there are none.
Must not know: IPython, how widgets are made, queries.
Threads: pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nbconvex.notebook.chart import ChartPicture
from nbconvex.notebook.html import chart_html, pairs_html, picture_html
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
    if isinstance(cut, ChartPicture):
        return _saved_chart(cut, title, status=state.ended or status, problem=problem)
    html = picture_html(cut, title=title, status=state.ended or status, problem=problem)
    plain = table_text(cut, title=title)
    return {"text/html": html, "text/plain": f"{plain}\n({problem})" if problem else plain}


def beside_widget(bundle: Any, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a widget shows and, for wherever there are none, `form`: data and metadata.

    Shapes:  `bundle` is what anywidget gave: a dict or a pair, depending on its version.
    """
    data, metadata = bundle if isinstance(bundle, tuple) else (dict(bundle or {}), {})
    return {**data, **form}, metadata


def _saved_chart(picture: ChartPicture, title: str, *, status: str, problem: str) -> dict[str, str]:
    """A drawn picture, what it shows in words, and its first rows."""
    plain = "\n".join([table_text(picture, title=title), picture.said, *([f"({problem})"] if problem else [])])
    if not picture.points["y"]:
        return {"text/html": picture_html(picture, title=title, status=status, problem=problem), "text/plain": plain}
    # Not at the top: tables need no drawing library.
    from nbconvex.notebook.chart_drawing import picture_src

    html = chart_html(
        picture_src(picture.spec, picture.point_rows(), picture.signals),
        title=title,
        said=picture.said,
        note=picture.chart_note,
        status=status,
        problem=problem,
        table=picture_html(picture),
    )
    return {"text/html": html, "text/plain": plain}
