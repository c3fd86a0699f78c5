"""What of the plain cells is run when a notebook is served."""

from __future__ import annotations

import ast

import pytest

from nbconvex.cli.leaning import needed_parts, plain_code
from nbconvex.cli.notebook_file import read_notebook
from tests.cli.files import HELPERS, NEWEST, SEND, notebook

DEFINING = frozenset({"query", "mutation"})


def run(tmp_path, *cells) -> list[str]:
    """The parts that are run: statements of plain cells, and the magics of the others."""
    found = needed_parts(read_notebook(notebook(tmp_path / "app.ipynb", *cells)), DEFINING)
    return [f"%%{part.cell.magic}" if part.statements is None else ast.unparse(part.statements) for part in found]


def test_functions_get_their_helpers_and_what_these_lean_on(tmp_path):
    assert run(tmp_path, HELPERS, SEND) == [ast.unparse(ast.parse(HELPERS)), "%%mutation"]


def test_trying_things_out_is_not_done_again(tmp_path):
    tries = 'api.messages.send(body="hi")\nfor word in ["a", "b"]:\n    api.messages.send(body=word)\nnewest()'
    assert run(tmp_path, HELPERS, SEND, tries, NEWEST) == [
        ast.unparse(ast.parse(HELPERS)), "%%mutation", "%%query"
    ]  # fmt: skip


def test_of_a_cell_that_does_both_only_the_needed_statements_are_run(tmp_path):
    both = 'import string\nsent = api.messages.send(body="hi")\nLOUD = "?"\nprint(LOUD)\n'
    helper = "def shout(text):\n    return string.capwords(text) + LOUD\n"
    assert run(tmp_path, both, helper, SEND)[0] == "import string\nLOUD = '?'"


def test_a_local_name_that_a_cell_happens_to_bind_is_not_needed(tmp_path):
    function = "%%query\ndef f(ctx, row):\n    for token in row:\n        return [token for each in token]\n"
    assert run(tmp_path, "row = api.a.b()\ntoken = api.c.d()\neach = api.e.f()", function) == ["%%query"]


@pytest.mark.parametrize(
    "statement",
    [
        'CONFIG["size"] = 2',
        "CONFIG.size = 2",
        "if True:\n    CONFIG = {}",
        "try:\n    import fast as CONFIG\nexcept ImportError:\n    CONFIG = None",
        "with open('x') as CONFIG:\n    pass",
        "CONFIG, other = {}, 1",
        "CONFIG: dict = {}",
        "class CONFIG:\n    pass",
        "async def CONFIG():\n    pass",
        "import CONFIG.part",
    ],
)
def test_every_way_to_bind_a_name_or_change_a_part_of_it_counts(tmp_path, statement):
    assert run(tmp_path, statement, "%%query\ndef f(ctx):\n    return CONFIG\n") == [
        ast.unparse(ast.parse(statement)), "%%query"
    ]  # fmt: skip


def test_what_plain_cells_declare_is_run(tmp_path):
    decorated = "@query\ndef f(ctx):\n    return ONE\n"
    recurring = 'daily = cron.daily("tidy", 3, 0, f)'
    assert run(tmp_path, "from nbconvex import cron, query", "ONE = 1", decorated, recurring, "TWO = 2") == [
        "from nbconvex import cron, query", "ONE = 1", ast.unparse(ast.parse(decorated)),
        ast.unparse(ast.parse(recurring)),
    ]  # fmt: skip


def test_tags_have_the_last_word(tmp_path):
    always = ('seed = 1\nprint("once more")', {"tags": ["serve"]})
    never = ("import string", {"tags": ["no-serve"]})
    query = ("%%query\ndef f(ctx):\n    return string", {"tags": ["no-serve"]})
    assert run(tmp_path, always, never, query, NEWEST) == ["seed = 1\nprint('once more')", "%%query"]


def test_other_magics_and_cells_that_do_not_parse_are_left_out(tmp_path):
    assert run(tmp_path, "%%time\nshout = 1", "shout = (", "\0", SEND) == ["%%mutation"]


def test_lines_of_ipython_are_blanked_and_the_others_keep_their_places():
    text = "%load_ext nbconvex\nimport math\n  !ls\nfiles = !ls\nmath?\nx = 1 % 2\n"
    assert plain_code(text) == "\nimport math\n\n\n\nx = 1 % 2\n"
    whole = 'text = """\n%not a magic\n"""'
    assert plain_code(whole) == whole


@pytest.mark.parametrize(
    "waiting",
    [
        "HAT = await part(1)",
        "async with part() as HAT:\n    pass",
        "async for HAT in part():\n    pass",
        "HAT = [each async for each in part()]",
        "HAT = [await each for each in part()]",
        "HAT = await (await part())",
    ],
)
def test_a_statement_that_waits_leans_on_what_it_names(tmp_path, waiting):
    helper = "async def part():\n    await asyncio.sleep(0)"
    assert run(tmp_path, "import asyncio", helper, waiting, "%%query\ndef f(ctx):\n    return HAT\n") == [
        "import asyncio", helper, ast.unparse(ast.parse(waiting)), "%%query"
    ]  # fmt: skip
