"""What is said about a run: nbconvex.notebook.migration_runs."""

from __future__ import annotations

from nbconvex.notebook.migration_runs import dry_run_lines, failure_listing, report_lines, sample_listing
from nbconvex.services.migrations.batch import Change, Failure
from nbconvex.services.migrations.migrations import DryRun, MigrationReport
from nbconvex.services.migrations.records import MigrationStatus


def status(**changes):
    return MigrationStatus(**{"name": "m", "table": "users", "state": "done", "visited": 1, "changed": 1, "batches": 1,
                              "total": 1, "updated_ms": 1e12, **changes})  # fmt: skip


def test_one_is_one_and_many_are_many():
    text = repr(report_lines(MigrationReport(status(), duration_s=2.25)))
    assert text == "✓ m is done: 1 document of users visited, 1 changed, in 1 batch, 2.2 s"
    text = repr(report_lines(MigrationReport(status(visited=2_000, batches=20), resumed_at=500)))
    assert text == "✓ m is done: 2,000 documents of users visited, 1 changed, 500 of them before, in 20 batches, 0.0 s"


def test_canceled_one_says_how_it_goes_on():
    text = repr(report_lines(MigrationReport(status(state="canceled"))))
    assert text == "! m is canceled: 1 document of users visited, 1 changed. Run it again to go on."


def test_dry_run_shows_fields_that_come_go_and_change():
    change = Change("id1", {"a": 1, "b": "x" * 200, "c": None}, {"a": 2, "c": None, "d": [1]})
    found = DryRun(
        "m", "users", 5, 2, 3, (change, Change("id2", {"a": 1}, None)), (Failure("id3", ValueError("no\nyes")),)
    )
    listing = sample_listing(found)
    assert listing.title == "what would change"
    assert [row[1:] for row in listing.rows[:1]] == [["a", "1", "2"]]
    assert listing.rows[1][3] == "–"
    assert len(listing.rows[1][2]) < 120
    assert listing.rows[2] == ["id1", "d", "–", "[1]"]
    assert listing.rows[3] == ["id2", "", "", "deleted"]
    assert failure_listing(found).title == "the first of 3 failures"
    assert failure_listing(found).rows == [["id3", "ValueError: no"]]
    assert "2 of 5 documents of users would change" in repr(dry_run_lines(found))


def test_dry_run_behind_what_is_done_says_so():
    assert "of users behind the 7 that are done would change" in repr(
        dry_run_lines(DryRun("m", "users", 5, 2, 0, (), (), resumed_at=7))
    )
