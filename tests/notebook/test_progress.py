"""How far a batch has come: nbconvex.notebook.progress."""

from __future__ import annotations

import pytest

import nbconvex
from nbconvex.errors import CallerError
from nbconvex.notebook.painter import Painter
from nbconvex.notebook.progress import Counts, Progress
from tests.services.scheduler.app import app


@pytest.fixture
def painter():
    made = Painter(interval_s=0.001)
    yield made
    made.stop()


class Screen:
    def __init__(self) -> None:
        self.shown: list[Counts] = []

    def show(self, progress: Progress) -> None:
        self.shown.append(progress.counts)


def test_batch_is_followed_to_its_end(painter):
    with app() as t:
        scheduler = t.backend.scheduler
        ids = [scheduler.run_after(1_000 * n, "m:note") for n in range(1, 9)]
        ids += [scheduler.run_after(9_000, "m:fails"), scheduler.run_after(20_000, "m:note")]
        made, screen = Progress(t.backend, ids, painter, title="batch"), Screen()
        made.attach(screen)
        t.advance(4)
        assert (made.refresh().done, made.counts.text) == (4, "4 of 10")
        scheduler.cancel(ids[-1])
        t.advance(6)
        assert made.refresh() == Counts(10, success=8, failed=1, canceled=1)
        assert made.counts.text == "10 of 10 · 1 failed · 1 canceled"
        assert made.is_stopped
        assert repr(made) == f"batch {'█' * 40} 100% · 10 of 10 · 1 failed · 1 canceled"
        assert "width:100.0%" in made.to_html()


def test_jobs_that_were_forgotten_count_as_done_and_no_job_at_all_is_done(painter):
    with app() as t:
        job = t.backend.scheduler.run_after(0, "m:note")
        t.advance(8 * 86_400)
        assert Progress(t.backend, [job], painter, title="x").refresh() == Counts(1, gone=1)
        assert Progress(t.backend, [], painter, title="x").refresh().share == 1.0
        with pytest.raises(CallerError):
            Progress(t.backend, ["nonsense"], painter, title="x")


def test_front_door_needs_a_notebook(bare_shell):
    with pytest.raises(CallerError, match="needs a notebook"):
        nbconvex.progress([])
