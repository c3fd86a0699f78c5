"""Showing a query that is followed: `live(...)` and `%live`.

Owns:  choosing how a view is shown, whatever it is of; `live`.
Must not know: how lines are read.
Invariant: what is asked for wrongly (no such function, wrong arguments) is an error in the cell, not on the page.
Threads: the kernel's main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nbconvex.errors import ArgumentsInvalidError, CallerError
from nbconvex.functions.acting import acting_identity, as_user
from nbconvex.functions.command_words import write_arguments
from nbconvex.notebook.session import ATTRIBUTE, Session
from nbconvex.notebook.tracebacks import describe

if TYPE_CHECKING:
    from nbconvex.notebook.chart import Chart, ChartOptions
    from nbconvex.notebook.live_view import Closable, Receiver, Subscribe


def show_live(
    session: Session,
    target: Any,
    args: Mapping[str, Any],
    *,
    as_json: bool = False,
    is_static: bool = False,
    chart: ChartOptions | None = None,
) -> Any:
    """A view of the query `target` that follows the data, ready to be displayed.

    Raises:  FunctionNotFoundError, ArgumentsInvalidError; CallerError for a function that is no query, and for a chart
             of fields that the result has not.
    """
    __tracebackhide__ = True
    backend = session.backend
    definition = backend.registry.find(target)
    if definition.kind != "query":
        raise CallerError(
            f"{definition.name} is {'an action' if definition.kind == 'action' else 'a mutation'}; only a query can be "
            "followed, for it reads and never writes.", hint=f"%convex run {definition.name}",
        )  # fmt: skip
    arguments = write_arguments(args)
    depict = None if chart is None else _depicting(chart)
    if not session.can_follow:
        from nbconvex.notebook.card import Result

        value = backend.run_query(definition.path, dict(args))
        said = "" if depict is None else f"{depict(value).said} "
        status = f"{said}as of now; live views need a notebook"
        return Result(value, title=definition.name, status=status, as_json=as_json)
    caller = acting_identity(backend.acting)

    def subscribe(receive: Receiver) -> Closable:
        # Also when it rests and resumes later, in another thread: a view goes on as whoever it was made for.
        with as_user(caller):
            return backend.subscribe(definition.path, dict(args), receive)

    return screen_of(
        session,
        subscribe,
        title=definition.name,
        arguments=arguments,
        as_json=as_json,
        is_static=is_static,
        depict=depict,
    )


def _depicting(options: ChartOptions) -> Chart:
    """What makes charts of results. Raises: CallerError where the drawing library is missing."""
    __tracebackhide__ = True
    # Not at the top: loading the extension is to stay quick.
    from nbconvex.notebook.chart import Chart
    from nbconvex.notebook.chart_drawing import compiled, library

    library()
    return Chart(options, compiled)


def screen_of(
    session: Session,
    subscribe: Subscribe,
    *,
    title: str,
    arguments: str,
    as_json: bool = False,
    is_static: bool = False,
    press: Callable[[str], None] | None = None,
    depict: Chart | None = None,
) -> Any:
    """A view of anything that tells of its changes. `press` is called with the row's key for a button in it.

    Raises:  ArgumentsInvalidError; CallerError for a chart that cannot be made of the result.
    """
    __tracebackhide__ = True
    from nbconvex.notebook.live_view import LiveView

    view = LiveView(
        subscribe,
        title=title,
        arguments=arguments,
        painter=session.painter,
        describe=describe,
        rows_max=session.options.live_rows,
        as_json=as_json,
        depict=depict,
    )
    view.press = press
    view.follow()
    problem = view.problem
    if isinstance(problem, ArgumentsInvalidError):
        # The page could only repeat it; a query that fails for other reasons may heal.
        view.stop("wrong arguments")
        raise problem
    if depict is not None:
        view.refresh()
        if view.unfit is not None:
            view.stop("no such chart")
            raise view.unfit
    session.add_view(view)
    if is_static or session.options.live == "html" or not session.has_widgets:
        from nbconvex.notebook.live_html import LiveHtml

        screen = LiveHtml(view, session.shell.display_pub)
        session.keep(view, screen)
        return screen
    if depict is not None:
        from nbconvex.notebook.live_chart import LiveChart

        return LiveChart(view, session.painter, session.drawing)
    from nbconvex.notebook.live_table import LiveTable

    return LiveTable(view, session.painter)


def live(target: Any, args: Mapping[str, Any] | None = None, /, *, chart: str | None = None, **named: Any) -> Any:
    """A table that follows a query, shown as the last line of a cell: `live(api.messages.newest, channel="general")`.

    `close()` ends it. Arguments are given by name, or as one dict. With `chart` it is a chart, and x, y and color name
    its fields: `live(api.weather.hours, {"city": "Oslo"}, chart="line", x="time", y=["low", "high"])`. Arguments of the
    query that have such a name stand in the dict.
    Raises:  FunctionNotFoundError, ArgumentsInvalidError; CallerError where the extension is not loaded, and for a
             chart that cannot be made.
    """
    __tracebackhide__ = True
    from IPython import get_ipython

    extension = getattr(get_ipython(), ATTRIBUTE, None)
    if extension is None:
        raise CallerError("live views need a notebook with the extension loaded.", hint="%load_ext nbconvex")
    if args is not None and not isinstance(args, Mapping):
        raise CallerError(
            f"arguments of a live view are given by name, or as one dict; got {args!r} by position.",
            hint="live(api.module.query, name=value)",
        )
    options = None
    if chart is not None:
        # Not at the top: loading the extension is to stay quick.
        from nbconvex.notebook.chart import ChartOptions

        options = ChartOptions.of(chart, *(named.pop(name, None) for name in ("x", "y", "color")))
    return show_live(extension.session, target, {**(args or {}), **named}, chart=options)
