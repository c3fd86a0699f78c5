"""What functions print, and which calls there were."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from typing import Any

import pytest

from nbconvex.functions import logs
from nbconvex.functions.logs import CallLog, CallRecord, LabelledSink, LineSink, StreamProxy, request_id
from nbconvex.testing import convex_test


def a_record(number: int) -> CallRecord:
    return CallRecord(number, "m:f", "query", 0.0, 1.0, (), None, "call", False)


@pytest.mark.case("errors/log_lines_attached", "notebook/print_inside_function")
def test_prints_are_the_calls_lines_and_show_once_where_it_was_called(capsys: pytest.CaptureFixture[str]) -> None:
    def talk(ctx: Any) -> None:
        print("one")
        print("two", "words", end="")
        print(" and more\nthree")
        print("to stderr", file=sys.stderr)
        print("unfinished", end="")

    with convex_test() as t:
        for call in (t.query, t.mutation, t.action):
            call(talk)
            assert list(t.backend.logs)[-1].lines == ("one", "two words and more", "three", "to stderr", "unfinished")
            assert tuple(capsys.readouterr()) == ("one\ntwo words and more\nthree\nunfinished", "to stderr\n")
        outcome = t.backend.run_outcome(t.backend.query(name="m:f")(talk))
        assert outcome.log_lines[0] == "one"
        assert tuple(capsys.readouterr()) == ("", "")


@pytest.mark.case("errors/log_lines_limit")
def test_lines_beyond_the_limit_are_counted_and_dropped() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: [print(n) for n in range(300)] and None)
        lines = t.backend.run_outcome("m:f").log_lines
        assert lines[:256] == tuple(str(n) for n in range(256))
        assert lines[256:] == ("[WARN] 44 more log lines were dropped (limit log_lines: 256).",)


def test_long_line_is_cut_with_a_word_about_it() -> None:
    sink = LineSink(10, 8)
    sink.add("x" * 10)
    assert sink.lines == ("xxxxxxxx… (2 more characters)",)
    endless = LineSink(10, 8)
    for _ in range(1_000):
        endless.write("xxxx", io.StringIO())
    assert len(endless.lines[0]) < 20


def test_nested_calls_print_into_their_callers_log() -> None:
    with convex_test() as t:
        t.backend.query(name="m:inner")(lambda ctx: print("inner"))
        t.backend.query(name="m:outer")(lambda ctx: (print("before"), ctx.run_query("m:inner"), print("after"))[0])
        assert t.backend.run_outcome("m:outer").log_lines == ("before", "inner", "after")


def test_threads_keep_their_functions_prints_apart() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx, n: [print(n) for _ in range(100)] and None)
        outcomes: dict[int, Any] = {}
        threads = [
            threading.Thread(target=lambda n=n: outcomes.update({n: t.backend.run_outcome("m:f", {"n": n})}))
            for n in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {n: set(outcome.log_lines) for n, outcome in outcomes.items()} == {n: {str(n)} for n in range(5)}


def test_redirected_output_gets_the_prints_and_so_does_the_log() -> None:
    with convex_test() as t:
        t.backend.query(name="m:f")(lambda ctx: print("hi"))
        with contextlib.redirect_stdout(io.StringIO()) as redirected:
            t.backend.run("m:f")
        assert redirected.getvalue() == "hi\n"
        assert list(t.backend.logs)[-1].lines == ("hi",)


def test_proxy_keeps_attribute_writes_to_itself_and_answers_reads_from_below() -> None:
    below = io.StringIO()
    proxy = StreamProxy(below)
    proxy.write = lambda text: below.write(text.upper())  # type: ignore[method-assign]
    print("hi", file=proxy)
    proxy.writelines(["a", "b"])
    assert below.getvalue() == "HI\nAB"
    assert proxy.getvalue() == "HI\nAB"
    assert proxy.closed is False
    assert list(StreamProxy(io.StringIO("x\ny"))) == ["x\n", "y"]


def test_streams_are_given_back() -> None:
    out, err = sys.stdout, sys.stderr
    with convex_test():
        assert type(sys.stdout) is StreamProxy
        assert sys.stdout.nbconvex_stream is out
        logs.install()
        assert sys.stdout.nbconvex_stream is out
    assert (sys.stdout, sys.stderr) == (out, err)


def test_held_text_is_shown_on_release_and_rewound_before() -> None:
    below = io.StringIO()
    sink = LineSink(10, 100, is_echoed=True)
    sink.is_held = True
    sink.write("kept\n", below)
    mark = sink.mark()
    sink.write("dropped\nhalf", below)
    sink.rewind(mark)
    assert below.getvalue() == ""
    sink.release()
    sink.release()
    assert below.getvalue() == "kept\n"
    assert sink.lines == ("kept",)


def test_log_keeps_the_newest_calls_and_finds_them() -> None:
    log = CallLog(3)
    for number in range(5):
        log.add(a_record(number))
    assert [each.request for each in log] == [2, 3, 4]
    assert (len(log), log.count) == (3, 5)
    assert log.find(request_id(3)) == a_record(3)
    assert log.find(request_id(0)) is None
    assert a_record(3).status == "success"
    assert len(a_record(3).request_id) == 16


def test_log_can_be_waited_for() -> None:
    log = CallLog()
    assert log.wait(0, 0.001) is False
    waiting = threading.Event()
    seen: list[bool] = []

    def wait() -> None:
        waiting.set()
        seen.append(log.wait(0, 5))

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiting.wait(5)
    while waiter.is_alive():
        log.add(a_record(1))
        waiter.join(0.01)
    assert seen == [True]


def test_listeners_are_told_of_each_call_until_they_stop() -> None:
    log, told = CallLog(), []
    stops = [log.listen(lambda record, name=name: told.append(f"{name}{record.request}")) for name in "ab"]
    log.add(a_record(1))
    stops[0]()
    stops[0]()
    log.add(a_record(2))
    stops[1]()
    log.add(a_record(3))
    assert told == ["a1", "b1", "b2"]


def test_a_labelled_sink_says_in_each_line_who_printed_it() -> None:
    sink, stream = LineSink(10, 100, is_echoed=True), io.StringIO()
    labelled = LabelledSink(sink, "[t] ")
    for text in ("one", " and\ntwo\n", "", "three\n\n"):
        labelled.write(text, stream)
    assert sink.lines == labelled.lines == ("[t] one and", "[t] two", "[t] three", "[t] ")
    assert stream.getvalue() == "[t] one and\n[t] two\n[t] three\n[t] \n"
