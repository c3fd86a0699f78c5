"""A notebook's whole life in a real kernel: views that follow while cells run, restarts, interrupts, prints."""

from __future__ import annotations

import json
import time

import pytest

from tests.notebook.kernel_driver import Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

SCHEMA = """%%schema
messages = table({"channel": v.string(), "body": v.string()}).index("by_channel", ["channel"])
"""
MUTATIONS = """%%mutation messages
def send(ctx, channel: str, body: str):
    print("sending", body)
    return ctx.db.insert("messages", {"channel": channel, "body": body})

def spin(ctx):
    ctx.db.insert("messages", {"channel": "a", "body": "never"})
    while True:
        pass
"""
QUERY = """%%query messages
def newest(ctx, channel: str):
    return ctx.db.query("messages").with_index("by_channel", channel=channel).order("desc").collect()
"""
SPIN = """%%action messages
async def wait(ctx):
    import asyncio
    ctx.run_mutation(api.messages.send, channel="a", body="before")
    await asyncio.sleep(60)
    ctx.run_mutation(api.messages.send, channel="a", body="after")
"""


WORK = """
def work():
    for n in range(40):
        time.sleep(0.2)
        api.messages.send(channel="a", body=str(n))

threading.Thread(target=work).start()
"""


@pytest.fixture
def app(kernel) -> Kernel:
    for cell in ("%load_ext nbconvex", SCHEMA, MUTATIONS, QUERY):
        kernel.run(cell)
    return kernel


def states(kernel: Kernel) -> list[dict]:
    return [json.loads(each["state"]) for each in kernel.comms.values() if each.get("state")]


def bodies(kernel: Kernel) -> list[str]:
    (state,) = states(kernel)
    picture = state["picture"]
    at = picture["columns"].index("body") if picture["rows"] else 0
    return [row[at][1:] for row in picture["rows"]]


@pytest.mark.case("notebook/watch_in_output")
def test_view_follows_while_another_cell_sleeps_for_ten_seconds(app) -> None:
    app.run("import threading, time")
    view = app.run("%live messages:newest channel=a")
    assert "application/vnd.jupyter.widget-view+json" in view.displays[0]
    assert "messages:newest channel='a'" in view.displays[0]["text/plain"]
    app.run(WORK)
    sleeping = app.send("time.sleep(10)")
    app.wait_for(lambda: bodies(app)[:1] >= ["20"] and len(bodies(app)) > 20, timeout_s=9)
    assert not sleeping.done.is_set()
    seen = app.comm_messages
    assert 10 <= seen <= 60
    assert not app.wait(sleeping).error


def test_edited_query_cell_changes_the_view_without_running_anything_else(app) -> None:
    app.run("api.messages.send(channel='a', body='one')")
    app.run("%live messages:newest channel=a")
    assert bodies(app) == ["one"]
    edited = app.run(QUERY.replace('.order("desc").collect()', ".take(0)"))
    assert "1 live query follows" in edited.displays[0]["text/plain"]
    app.wait_for(lambda: bodies(app) == [], timeout_s=5)


@pytest.mark.case("notebook/kernel_restart_functions_absent")
def test_restart_keeps_the_data_and_says_which_cell_to_run(app) -> None:
    app.run("api.messages.send(channel='a', body='kept')")
    app.restart()
    app.run("%load_ext nbconvex")
    absent = app.fail("api.messages.newest(channel='a')")
    assert absent.error == "FunctionNotFoundError"
    assert "run it again" in absent.traceback
    assert "%%query messages" in absent.traceback
    app.run(QUERY)
    assert "kept" in app.run("api.messages.newest(channel='a')[0]['body']").text


def test_interrupt_stops_the_mutation_and_leaves_the_store_whole(app) -> None:
    app.run("api.messages.send(channel='a', body='one')")
    spinning = app.send("api.messages.spin()")
    time.sleep(1.0)
    app.interrupt()
    app.wait(spinning)
    assert spinning.error == "KeyboardInterrupt"
    assert "nbconvex/" not in spinning.traceback
    assert app.run("[m['body'] for m in api.messages.newest(channel='a')]").text == "['one']"
    app.run("api.messages.send(channel='a', body='two')")


@pytest.mark.case("notebook/interrupt_action")
def test_interrupt_stops_the_action_and_keeps_its_committed_mutations(app) -> None:
    app.run(SPIN)
    waiting = app.send("api.messages.wait()")
    time.sleep(1.5)
    app.interrupt()
    app.wait(waiting)
    assert waiting.error == "KeyboardInterrupt"
    assert app.run("[m['body'] for m in api.messages.newest(channel='a')]").text == "['before']"


@pytest.mark.case("notebook/print_inside_function")
def test_print_shows_under_the_calling_cell_only(app) -> None:
    run = app.run("api.messages.send(channel='a', body='hello')")
    assert run.stdout == "sending hello\n"
    view = app.run(
        "%%query messages --live 'channel=\"a\"'\n"
        + QUERY.partition("\n")[2].replace("return", "print('live'); return")
    )
    assert view.stdout == ""
    later = app.run("api.messages.send(channel='b', body='x')\nimport time; time.sleep(0.5)")
    assert later.stdout == "sending x\n"
    assert "live" in app.run("%convex logs").displays[0]["text/plain"]


@pytest.mark.case("notebook/error_points_to_cell")
def test_error_names_cell_and_line(app) -> None:
    defined = app.run("%%query messages\n# two\n# three\ndef bad(ctx):\n    return 1 / 0")
    assert defined.displays
    failed = app.fail("api.messages.bad()")
    assert "line 5" in failed.traceback
    assert "Cell In[5]" in failed.traceback
    assert "return 1 / 0" in failed.traceback
    assert "nbconvex/" not in failed.traceback
    broken = app.fail("%%query messages\ndef bad(ctx):\n    return (1")
    assert broken.error == "SyntaxError"
    assert "line 3" in broken.traceback
    assert "nbconvex/" not in broken.traceback
    assert "run_cell_magic" not in broken.traceback


def test_error_in_a_cell_stops_those_behind_it(app) -> None:
    first = app.send("%convex data nothing")
    second = app.send("x = 1")
    app.wait(first)
    assert first.error == "UsageError"
    with pytest.raises(AssertionError):
        app.run("x")
    assert not second.displays


def test_cell_run_again_ends_the_view_it_had_made(app) -> None:
    app.run("%live messages:newest channel=a", cell_id="cell-9")
    app.run("%live messages:newest channel=a", cell_id="cell-9")
    ended = [bool(state["ended"]) for state in states(app)]
    app.wait_for(lambda: sorted(bool(state["ended"]) for state in states(app)) == [False, True], timeout_s=5)
    assert len(ended) == 2
    assert "1 following" in app.run("%convex status").displays[0]["text/plain"]


@pytest.mark.case("notebook/widget_removed_stops_watch")
def test_view_whose_output_was_cleared_is_not_run_again(app) -> None:
    app.run("%live messages:newest channel=a")
    ((comm_id, _),) = [item for item in app.comms.items() if item[1].get("state")]
    app.say_to_comm(comm_id, {"views": 1})
    app.say_to_comm(comm_id, {"views": 0})
    app.wait_for(lambda: app.comms[comm_id].get("custom") == [{"ask": "views"}], timeout_s=5)
    app.run("before = len(list(get_ipython().nbconvex_extension.session.backend.logs))")
    app.run("api.messages.send(channel='a', body='x')\nimport time; time.sleep(0.5)")
    assert app.run("len(list(get_ipython().nbconvex_extension.session.backend.logs)) - before").text == "1"
    app.say_to_comm(comm_id, {"views": 1})
    app.wait_for(lambda: bodies(app) == ["x"], timeout_s=5)


def test_static_view_is_redrawn_in_place(app) -> None:
    run = app.run("%live messages:newest channel=a --static")
    assert "application/vnd.jupyter.widget-view+json" not in run.displays[0]
    app.run("api.messages.send(channel='a', body='drawn again')")
    app.wait_for(lambda: app.display_updates and "drawn again" in app.display_updates[-1]["text/html"], timeout_s=5)


@pytest.mark.case("notebook/async_cell_and_sync_cell")
def test_view_follows_while_an_async_cell_waits(app) -> None:
    app.run("%live messages:newest channel=a")
    waiting = app.send("import asyncio\napi.messages.send(channel='a', body='async')\nawait asyncio.sleep(3)")
    app.wait_for(lambda: bodies(app) == ["async"], timeout_s=2.5)
    assert not app.wait(waiting).error


@pytest.mark.parametrize("when", ["before", "after"])
def test_everything_works_with_patched_asyncio(kernel, when) -> None:
    """Users patch their loop, with the package that ipykernel uses, before or after us."""
    patch = "import nest_asyncio2; nest_asyncio2.apply()"
    cells = ["%load_ext nbconvex", SCHEMA, MUTATIONS, QUERY, SPIN.replace("60", "0.05")]
    for cell in [patch, *cells] if when == "before" else [*cells, patch]:
        kernel.run(cell)
    kernel.run("%live messages:newest channel=a")
    kernel.run("api.messages.wait()")
    kernel.run("import asyncio\nasyncio.run(asyncio.sleep(0.01))\napi.messages.wait()")
    kernel.wait_for(lambda: len(bodies(kernel)) == 4, timeout_s=5)


def test_nest_lets_asyncio_run_in_a_cell(app) -> None:
    assert app.fail("import asyncio\nasyncio.run(asyncio.sleep(0))").error == "RuntimeError"
    assert "works in cells now" in app.run("%convex nest").displays[0]["text/plain"]
    app.run("asyncio.run(asyncio.sleep(0))")


@pytest.mark.case("notebook/two_notebooks_one_store")
def test_second_kernel_is_told_who_has_the_store(app, tmp_path) -> None:
    app.run("api.messages.send(channel='a', body='one')")
    with Kernel(tmp_path) as second:
        second.run("%load_ext nbconvex")
        locked = second.fail(QUERY)
        assert "is open in another process" in locked.traceback + locked.stderr
        assert "%convex open" in locked.traceback + locked.stderr
        second.run("%convex open other.duckdb")
        second.run(QUERY)
    assert app.run("len(api.messages.newest(channel='a'))").text == "1"


def test_kernel_ends_at_once_and_everything_is_kept(app) -> None:
    app.run("%live messages:newest channel=a")
    app.run("for n in range(100): api.messages.send(channel='a', body=str(n))")
    began = time.monotonic()
    app.restart()
    assert time.monotonic() - began < 20
    app.run("%load_ext nbconvex")
    app.run(QUERY)
    assert app.run("len(api.messages.newest(channel='a'))").text == "100"
