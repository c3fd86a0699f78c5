"""What is generated, under the real TypeScript compiler and beside the real client.

One run of the compiler checks everything; it takes seconds.
"""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nbconvex.backend import Backend
from nbconvex.codegen.generated_folder import write_types
from nbconvex.codegen.source_text import key, quoted
from nbconvex.values.scalars import Int64
from nbconvex.values.schema import SchemaDefinition, table
from nbconvex.values.validators import v
from tests.codegen.chat_app import COMPONENT, MISTAKES, RIGHT, WRONG, chat_app
from tests.codegen.web_project import WebProject
from tests.values.strategies import matching, validators

#: Apps of chance that are checked.
APPS = 40
_NAMES = {
    "messages:list": 'api.messages["list"]',
    "messages:untypedPage": "api.messages.untypedPage",
    "stats/daily:summary": "api.stats.daily.summary",
    "stats/daily": "api.stats.daily.default",
    "stats:daily": "api.stats.daily",
    "odd.names:delete": 'api["odd.names"].delete',
    "2024:1st": 'api["2024"]["1st"]',
    "jobs:clean": "internal.jobs.clean",
}


def expression(value: object) -> str:
    """A value in TypeScript. The one id that the strategies know is an id, which is a string too."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case Int64():
            return f"{int(value)}n"
        case int() | float():
            return "NaN" if math.isnan(value) else repr(value)
        case bytes():
            return f"new ArrayBuffer({len(value)})"
        case str():
            return f"({quoted(value)} as GenericId<'users'>)" if len(value) > 30 else quoted(value)
        case list():
            return f"[{', '.join(map(expression, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key(name)}: {expression(item)}' for name, item in value.items())} }}"
        case _:
            raise AssertionError(value)


@st.composite
def _apps(draw):
    """A validator as a field, as an argument and as a result, and a value for which it holds."""
    validator = draw(validators)
    return validator, draw(validators), draw(st.booleans()), draw(st.booleans()), draw(matching(validator))


def _write_apps_of_chance(project: WebProject) -> None:
    count = 0

    @settings(
        max_examples=APPS, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(_apps())
    def write(app) -> None:
        nonlocal count
        validator, other, is_optional, is_open, value = app
        inner = v.optional(other) if is_optional else other
        documents = v.object({"field": validator, "inner": inner}, rest=other if is_open else None)
        with Backend.open() as backend:
            backend.push_schema(
                SchemaDefinition({"things": table(documents)}, schema_validation=False, strict_table_names=is_optional)
            )

            @backend.mutation(name="things:make", args={"field": validator}, returns=validator)
            def make(ctx, field): ...

            (project.folder / f"chance{count}").mkdir()
            write_types(backend, project.folder / f"chance{count}")
        project.write(
            f"chance{count}/use.ts",
            f"""
import type {{ DocumentByName, FunctionArgs, FunctionReturnType, GenericDataModel }} from "convex/server";
import {{ api }} from "./_generated/api";
import type {{ GenericId }} from "convex/values";
import type {{ DataModel, Doc }} from "./_generated/dataModel";
export const args: FunctionArgs<typeof api.things.make> = {{ field: {expression(value)} }};
export const result: FunctionReturnType<typeof api.things.make> = {expression(value)};
export const field: Doc<"things">["field"] = {expression(value)};
export const model: GenericDataModel = null as unknown as DataModel;
export const document: DocumentByName<DataModel, "things"> = null as unknown as Doc<"things">;
// {validator}
// {inner}
""",
        )
        count += 1

    write()


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> WebProject:
    """A web app with the types of a chat."""
    project = WebProject(tmp_path_factory.mktemp("web"))
    with Backend.open() as backend:
        chat_app(backend)
        write_types(backend, project.folder / "convex")
    return project


@pytest.fixture(scope="module")
def complaints(project) -> dict[str, list[str]]:
    """What the compiler says about everything."""
    project.write("src/right.ts", RIGHT)
    project.write("src/component.tsx", COMPONENT)
    project.write("src/wrong.tsx", WRONG)
    with Backend.open() as backend:
        (project.folder / "bare").mkdir()
        write_types(backend, project.folder / "bare")
    project.write("bare/use.ts", _WITHOUT_SCHEMA)
    _write_apps_of_chance(project)
    return project.check()


_WITHOUT_SCHEMA = """
import { api, internal } from "./_generated/api";
import type { DataModel, Doc, Id, TableNames } from "./_generated/dataModel";
export const document: Doc<"any"> = { anything: 1 };
export const id: Id<"any"> = document._id;
export const name: TableNames = "any";
export const model: DataModel["any"]["document"] = document;
export const both = [api, internal];
// @ts-expect-error an id of one table is none of another
export const other: Id<"other"> = id;
// @ts-expect-error
api.lost.function;
"""


def test_right_uses_are_accepted(complaints) -> None:
    ours = ("src/right.ts", "src/component.tsx", "convex/", "bare/")
    assert {path: found for path, found in complaints.items() if path.startswith(ours)} == {}


def test_every_mistake_is_found(complaints) -> None:
    assert len(MISTAKES) > 40
    assert complaints.get("src/wrong.tsx", []) == []


def test_types_of_chance_are_valid_and_accept_the_values_that_their_validators_accept(complaints) -> None:
    assert {path: found for path, found in complaints.items() if path.startswith("chance")} == {}


def test_nothing_else_is_complained_of(complaints) -> None:
    assert complaints == {}


def test_references_have_the_names_of_their_functions(project) -> None:
    printed = project.run(
        'import { getFunctionName } from "convex/server";\n'
        'import { api, internal } from "./convex/_generated/api.js";\n'
        f"console.log(JSON.stringify([{', '.join(_NAMES.values())}].map(getFunctionName)));\n"
    )
    assert json.loads(printed) == list(_NAMES)
