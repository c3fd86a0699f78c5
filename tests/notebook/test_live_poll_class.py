"""A class of thirty on the official client, all voting at once, against the notebook with the poll in a real kernel."""

from __future__ import annotations

import json
import shutil
from statistics import median
from typing import Any

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS, code_cells
from tests.server.client_program import node_program

pytestmark = [pytest.mark.kernel, pytest.mark.node, pytest.mark.timeout(120)]

STUDENTS, ROUNDS = 30, 3
COUNT = 'list(get_ipython().nbconvex_extension.session.backend.sql("SELECT count(*) FROM votes"))'


def test_thirty_students_vote_at_once_and_no_vote_is_lost(web, tmp_path, artefacts) -> None:
    shutil.copytree(NOTEBOOKS, tmp_path, dirs_exist_ok=True)
    code = code_cells(NOTEBOOKS / "10-live-poll.ipynb")
    wall = next(at for at, source in code.items() if source.startswith("%live"))
    with Kernel(tmp_path) as kernel:
        for at in (each for each in code if each <= wall):
            kernel.run(code[at])
        url = json.loads(kernel.run("import json; json.dumps(session.server.url)").text.strip("'"))
        rounds: list[dict[str, Any]] = []
        with node_program(web, "class.mjs", url, str(STUDENTS), str(ROUNDS)) as program:
            for _ in range(ROUNDS):
                rounds.append(program.line())
                assert counts(kernel) == rounds[-1]["wanted"], "the teacher's query says what the students meant"
                assert sum(rounds[-1]["wanted"]) == STUDENTS
                program.go_on()
            end = program.result()
        assert end["counts"] == [rounds[-1]["wanted"]] * STUDENTS, "the poll looks the same to all"
        assert kernel.run(COUNT).text == f"[({STUDENTS},)]", "nobody has two votes"
        took = sorted(ms for each in rounds for ms in each["took"])
        figures = {
            "students": STUDENTS, "rounds": ROUNDS, "vote_ms_median": round(median(took), 1),
            "vote_ms_most": round(took[-1], 1), "all_seen_ms": [round(each["seen"], 1) for each in rounds],
            "results_a_student": [min(end["results"]), max(end["results"])],
        }  # fmt: skip
        (artefacts / "class-of-thirty.json").write_text(json.dumps(figures, indent=1))


def counts(kernel: Kernel) -> list[int]:
    found: list[int] = json.loads(kernel.run("[each['votes'] for each in api.poll.standings()]").text)
    return found
