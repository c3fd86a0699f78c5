"""The npm package's paginated query: no gap and no double while rows come and go, pages split, and servers restart."""

from __future__ import annotations

import pytest

from tests.server.client_program import node_program
from tests.server.served import Served

pytestmark = pytest.mark.node


def test_pages_have_no_gap_while_rows_come_and_go_and_long_pages_are_split(served, web) -> None:
    ranks = list(range(0, 300, 10))
    served.backend.run_mutation("items:insert", {"ranks": ranks})
    with node_program(web, "pagination.mjs", served.url) as program:
        told = program.line()
        assert told["twoPages"] == ranks[:10]
        assert told["shrunk"] == [0, 10, 30, 40, 50, 60, 70, 80, 90]
        assert told["grown"] == [0, 10, 21, 30, 40, 50, 60, 70, 71, 80, 90]
        shown = sorted({*ranks[:10], *range(21, 29), 71} - {20})
        assert told["splitPage"] == shown
        told = program.result()
    assert told["all"] == shown + ranks[10:], "everything, once, in order"
    assert told["afterTheEnd"] == sorted([*shown, *ranks[10:], 105.5, 1000]), "the last page reaches to the end"
    assert told["states"][0] == "LoadingFirstPage"
    assert told["states"][-1] == "Exhausted"
    halves = [each for each in served.pages if each.get("endCursor")]
    assert {each["cursor"] is None for each in halves} == {True, False}, "the client asked for both halves of a page"


def test_a_page_keeps_its_end_over_a_reconnect_to_a_server_that_has_forgotten_it(tmp_path, web) -> None:
    with Served(tmp_path / "app.duckdb") as served:
        served.backend.run_mutation("items:insert", {"ranks": list(range(10))})
        with node_program(web, "page_over_reconnect.mjs", served.url) as program:
            assert program.line() == [0, 1, 2, 3, 4]
            served.stop()
            served.reopen()
            served.backend.run_mutation("items:insert", {"ranks": [0.5, 4.5]})
            served.start()
            program.go_on()
            assert program.result() == [0, 0.5, 1, 1.5, 2, 3, 4], "it grew, and ends where it ended"
