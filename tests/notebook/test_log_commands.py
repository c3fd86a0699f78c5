"""What `%convex logs` shows, once and as it comes: nbconvex.notebook.log_commands."""

from __future__ import annotations

import threading
from queue import Queue

import pytest
from IPython.utils.capture import capture_output

from nbconvex.functions import log_reading
from nbconvex.functions.log_reading import Wanted
from nbconvex.notebook.log_commands import LogWatch, log_picture
from tests.notebook.kernel_driver import Kernel
from tests.notebook.messages_app import APP

SESSION = "get_ipython().nbconvex_extension.session"


@pytest.mark.case("tooling/logs_filter_errors")
def test_logs_show_calls_prints_and_errors(app) -> None:
    app.fail("messages.fail()")
    plain = app.run("%convex logs").plain[0]
    assert "sending text 1" in plain
    assert "ConvexError: no" in plain
    errors = app.run("%convex logs --errors --fn messages").plain[0]
    assert "messages:fail" in errors
    assert "messages:send" not in errors
    assert app.run("%convex logs --fn other").plain == ["No such calls in the log."]


def test_logs_stand_in_the_order_of_the_times_they_show_and_mark_live_runs(app) -> None:
    app.run("%%action outer\ndef call(ctx):\n    ctx.run_query('messages:newest')\n    raise ValueError('x' * 300)")
    app.run("backend = get_ipython().nbconvex_extension.session.backend")
    app.run("s = backend.subscribe('messages:newest', {}, None); s.close()")
    app.fail("outer.call()")
    ran = app.run("%convex logs --limit 3")
    rows = ran.plain[0].splitlines()[-3:]
    assert ["messages:newest (live)" in rows[0], "outer:call" in rows[1], "messages:newest " in rows[2]] == [True] * 3
    assert f"ValueError: {'x' * 87}…<" in ran.html[0]


@pytest.mark.case("tooling/logs_follow")
@pytest.mark.kernel
@pytest.mark.timeout(120)
def test_following_shows_each_call_with_function_kind_duration_and_request_id(kernel: Kernel) -> None:
    kernel.run("%load_ext nbconvex")
    for cell in APP:
        kernel.run(cell)
    kernel.run("messages.send(channel='a', body='before')")
    kernel.run("%convex logs -f --fn messages --static", cell_id="following")

    def shown() -> str:
        return kernel.display_updates[-1]["text/plain"] if kernel.display_updates else ""

    # While another cell is under way, and from one that fails.
    kernel.send(
        "import time, threading\nthreading.Thread(target=lambda: messages.send(channel='a', body='meanwhile'))"
        ".start()\ntime.sleep(1)"
    )
    kernel.wait_for(lambda: "sending meanwhile" in shown())
    kernel.run("hidden_count = internal.hidden.count()")
    kernel.fail("messages.fail()")
    kernel.wait_for(lambda: "ConvexError: no" in shown())
    title, columns, _, newest, *older = shown().splitlines()
    assert title == "calls, the newest first --fn messages"
    assert columns.split() == ["time", "function", "kind", "ended", "ms", "printed", "request"]
    assert newest.split()[1:5] == ["messages:fail", "mutation", "ConvexError:", "no"]
    assert [line.split()[1:4] for line in older] == [["messages:send", "mutation", "ok"]] * 2
    time, *_, ms = older[0].partition("sending")[0].split()
    assert time.count(":") == 2
    assert float(ms) >= 0
    request = older[0].split()[-1]
    assert len(request) == 16
    assert request in kernel.run("%convex logs").text


def test_rows_keep_their_keys_so_that_a_page_marks_only_what_is_new(app) -> None:
    backend = app.value(f"{SESSION}.backend")
    before = log_picture(backend, Wanted(), 10)
    app.fail("messages.fail()")
    after = log_picture(backend, Wanted(), 10)
    assert after.keys[1:] == before.keys
    assert len(set(after.keys)) == 4
    assert [row[3][0] for row in after.rows] == ["x", "s", "s", "s"]
    assert after.first(2).total == 4
    assert log_picture(backend, Wanted(only_errors=True), 10).total == 1
    assert len(log_picture(backend, Wanted(), 2).rows) == 2


def test_a_watch_tells_of_calls_until_it_is_closed(app) -> None:
    told = []
    watch = LogWatch(app.value(f"{SESSION}.backend"), lambda: len(told), told.append)
    app.run("internal.hidden.count()")
    assert len(told) == 2
    assert told[1].value == told[1].value == 2
    watch.close()
    watch.close()
    app.run("internal.hidden.count()")
    assert len(told) == 2


def test_a_terminal_prints_calls_until_it_is_interrupted(app, monkeypatch) -> None:
    backend = app.value(f"{SESSION}.backend")

    class Scripted(Queue):
        """A call from elsewhere, and then Ctrl+C."""

        asked = 0

        def get(self, *words, **named):
            self.asked += 1
            if self.asked == 2:
                raise KeyboardInterrupt
            thread = threading.Thread(
                target=backend.run, args=("messages:send", {"channel": "a", "body": "from elsewhere"})
            )
            thread.start()
            thread.join()
            return super().get(*words, **named)

    monkeypatch.setattr(log_reading, "Queue", Scripted)
    ran = app.run("%convex logs -f --limit 1")
    assert ran.plain == ["Stopped. The calls go on."]
    lines = [line for line in ran.stdout.splitlines() if "mutation" in line]
    assert len(lines) == 2
    assert "mutation messages:send" in lines[1]
    assert "  sending from elsewhere" in ran.stdout.splitlines()
    with capture_output():
        assert backend.run("hidden:count", {}) == 4
