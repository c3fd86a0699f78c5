"""Migration cells that a `%%schema` cell offers where the data does not fit: their text.

Owns:  `drafts`: from what does not fit to a cell that makes it fit.
Must not know: how misfits are found; how a text is shown.
Invariants: a draft runs as it stands. What it cannot know, it leaves as it is and says so in a comment. Names and types
of the data become Python literals, so no document can add a line to it.
Threads: pure.
Source: semantics 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

from nbconvex.values.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    UnionValidator,
    Validator,
)

if TYPE_CHECKING:
    from nbconvex.database.misfits import Misfit

#: How the type of what is stored is recognized, by the names that misfits have.
_TYPES: Final = {
    "null": "is type(None)", "boolean": "is bool", "number": "in {int, float}", "int64": "is Int64",
    "string": "is str", "bytes": "is bytes", "array": "is list", "object": "is dict",
}  # fmt: skip
#: What a field is filled with where nobody knows better.
_PLACEHOLDERS: Final = {
    "null": "None", "any": "None", "boolean": "False", "float64": "0", "int64": "Int64(0)", "string": '""',
    "bytes": 'b""', "array": "[]", "record": "{}",
}  # fmt: skip
#: From what is stored to what is wanted; `{}` stands for the value.
_CONVERSIONS: Final = {
    ("number", "string"): "str({})",
    ("boolean", "string"): "str({})",
    ("int64", "string"): "str(int({}))",
    ("string", "float64"): "float({})",
    ("boolean", "float64"): "int({})",
    ("int64", "float64"): "int({})",
    ("number", "int64"): "Int64(int({}))",
    ("string", "int64"): "Int64(int({}))",
    ("boolean", "int64"): "Int64(int({}))",
    ("number", "boolean"): "bool({})",
    ("string", "boolean"): 'str({}).lower() in {{"true", "yes", "1"}}',
    ("int64", "boolean"): "bool(int({}))",
    ("string", "bytes"): "{}.encode()",
}


def drafts(
    found: Mapping[str, list[Misfit]], *, checked: Collection[str], taken: Collection[str] = ()
) -> dict[str, str]:
    """The text of a migration cell for each table that does not fit.

    Shapes:  `checked` are the tables that the schema in force looks at: there the schema has to be loosened first.
    `taken` are names of migrations that there are already.
    """
    return {
        table: _draft(table, misfits, is_checked=table in checked, name=_free_name(f"fit_{table}"[:60], taken))
        for table, misfits in found.items()
    }


def _free_name(wanted: str, taken: Collection[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _draft(table: str, misfits: list[Misfit], *, is_checked: bool, name: str) -> str:
    lines = [f"%%migration {name} --table {table}", *_order(misfits, is_checked=is_checked)]
    lines += ["def migrate_one(ctx, doc):", "    changes = {}"]
    for misfit in misfits:
        lines += [f"    {line}" for line in _step(misfit)]
    return "\n".join([*lines, "    return changes"])


def _order(misfits: list[Misfit], *, is_checked: bool) -> list[str]:
    """Which cells are run in which order."""
    trial = "#    (--dry-run in the first line shows what it would do, and keeps nothing)"
    if not is_checked:
        return [
            "# 1. Run this cell: no schema in force checks this table yet.",
            trial,
            "# 2. Run the schema cell again.",
        ]
    return [
        "# 1. Loosen: run the schema cell with these fields as follows.",
        *(f"#      {_quoted(name)}: {validator}," for name, validator in _loosened(misfits).items()),
        "# 2. Migrate: run this cell.",
        trial,
        "# 3. Tighten: run the schema cell as you want it.",
    ]


def _loosened(misfits: list[Misfit]) -> dict[str, Validator]:
    """Validators under which both the documents of now and those of afterwards fit."""
    found: dict[str, Validator] = {}
    for misfit in misfits:
        validator = found.get(misfit.name)
        for each in (misfit.present, misfit.wanted):
            if each is None:
                continue
            if validator is None:
                validator = each
            elif each.required() != validator.required():
                validator = _union(validator, each)
            elif each.is_optional:
                validator = validator.optional()
        if validator is not None:
            found[misfit.name] = validator.optional() if misfit.kind != "wrong" else validator
    return found


def _union(first: Validator, second: Validator) -> Validator:
    members: list[Validator] = []
    for each in (first.required(), second.required()):
        inner = each.members if isinstance(each, UnionValidator) else (each,)
        members += [member for member in inner if member not in members]
    everything = next((each for each in members if each.kind == "any"), None)
    union = UnionValidator(tuple(members)) if everything is None else everything
    return union.optional() if first.is_optional or second.is_optional else union


def _step(misfit: Misfit) -> list[str]:
    """The lines that make one field fit."""
    name, documents = _quoted(misfit.name), f"{misfit.count:,} document{'' if misfit.count == 1 else 's'}"
    sample = f"{documents}, {misfit.sample}{' for one' if misfit.count > 1 else ''}"
    if misfit.kind == "extra":
        return [
            f"# {name} is not in the schema ({sample}).",
            f"if {name} in doc:",
            f"    changes[{name}] = UNSET",
        ]
    wanted = misfit.wanted
    assert wanted is not None, "only what the schema has can be missing or wrong"
    if misfit.kind == "missing":
        value = _placeholder(wanted)
        lines = [f"# {name} is missing ({sample}). It is to be {wanted}."]
        if value is None:
            return [*lines, f"# if {name} not in doc:", f"#     changes[{name}] = ...  # nobody here can know what"]
        comment = "" if _default(wanted) is not None else "  # a placeholder: what should it be?"
        return [*lines, f"if {name} not in doc:", f"    changes[{name}] = {value}{comment}"]
    lines = [f"# {name} is to be {wanted.required()} and is not ({sample})."]
    for found, _ in misfit.found.most_common():
        lines += [
            f"if {name} in doc and type(doc[{name}]) {_TYPES[found]}:",
            f"    changes[{name}] = {_converted(f'doc[{name}]', found, wanted)}",
        ]
    return lines


def _converted(value: str, found: str, wanted: Validator) -> str:
    """An expression for what is wanted, made of `value`, of which the type is known."""
    if isinstance(wanted, UnionValidator):
        candidates = [_conversion(value, found, member) for member in wanted.members]
    else:
        candidates = [_conversion(value, found, wanted)]
    known = next((each for each in candidates if each is not None), None)
    if known is not None:
        return known
    if found == "null":
        if wanted.is_optional:
            return "UNSET"
        placeholder = _placeholder(wanted)
        if placeholder is not None:
            return f"{placeholder}  # a placeholder: what should it be?"
    return f"{value}  # this changes nothing yet: what should it be?"


def _conversion(value: str, found: str, wanted: Validator) -> str | None:
    if isinstance(wanted, ArrayValidator) and found not in {"array", "null"}:
        inner = _conversion(value, found, wanted.element)
        if inner is None and wanted.element.kind in {found, "any"} | ({"float64"} if found == "number" else set()):
            inner = value
        return None if inner is None else f"[{inner}]"
    form = _CONVERSIONS.get((found, wanted.kind))
    return None if form is None else form.format(value)


def _default(validator: Validator) -> str | None:
    """What the validator itself fills an absent field with, as Python; None where it has nothing, or makes it anew."""
    default = validator.default
    return default.source() if default is not None and default.is_constant else None


def _placeholder(validator: Validator) -> str | None:
    """A value that fits, as Python; None where none can be made up."""
    default = _default(validator)
    if default is not None:
        return default
    if isinstance(validator, LiteralValidator):
        return _quoted(validator.value) if isinstance(validator.value, str) else repr(validator.value)
    if isinstance(validator, UnionValidator):
        return next((each for member in validator.members if (each := _placeholder(member)) is not None), None)
    if isinstance(validator, IdValidator):
        return None
    if isinstance(validator, ObjectValidator):
        parts = []
        for name, item in validator.fields.items():
            if item.is_optional:
                continue
            inner = _placeholder(item)
            if inner is None:
                return None
            parts.append(f"{_quoted(name)}: {inner}")
        return f"{{{', '.join(parts)}}}"
    return _PLACEHOLDERS.get(validator.kind)


def _quoted(text: str) -> str:
    return json.dumps(text)
