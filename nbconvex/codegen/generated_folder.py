"""The folder `_generated` of a web app: its files, written only where they differ. And `openapi.json`.

Owns:  `write_types`, `write_openapi`; which files there are, what may be overwritten and removed, how one is replaced.
Must not know: what stands in the files.
Invariants: a file that is not ours is never changed or removed. A file whose text stays the same is not touched, so
that a development server that watches the folder does not start over. A reader sees the old file or the new one.
Threads: any; two writers of one folder at a time are the caller's mistake, and do no harm if they write the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nbconvex.codegen.api_text import API_JS, api_declarations, untyped_parts
from nbconvex.codegen.data_model_text import data_model_declarations
from nbconvex.codegen.openapi_text import openapi_text
from nbconvex.codegen.source_text import MARK
from nbconvex.codegen.type_text import tables_named
from nbconvex.errors import CallerError

if TYPE_CHECKING:
    from nbconvex.backend import Backend

FOLDER_NAME: Final = "_generated"
OPENAPI_NAME: Final = "openapi.json"
#: How much of a file is read to see whose it is.
_HEAD_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class TypesReport:
    """What `write_types` did.

    Shapes:  `folder` is the folder `_generated`; `written`, `unchanged` and `removed` are names of files in it;
    `untyped` has the functions for clients of which arguments or result are declared by nothing, as
    `module:name (result)`.
    """

    folder: Path
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    functions: int
    tables: int
    untyped: tuple[str, ...]

    @property
    def has_changed(self) -> bool:
        """Whether any file differs from before."""
        return bool(self.written or self.removed)


def write_types(backend: Backend, folder: str | os.PathLike[str]) -> TypesReport:
    """Write `api.js`, `api.d.ts` and `dataModel.d.ts` into `folder/_generated`, and say what changed.

    `folder` is what a web app has as its `convex` folder; it is made if the folder above it is there.
    Raises:  CallerError where that is no place for them, or cannot be written.
    """
    target = _target(Path(folder).expanduser())
    functions = sorted(backend.registry.functions.values(), key=lambda each: each.path)
    schema = backend.database.snapshot.schema
    tables = _tables(backend)
    texts = {
        "api.d.ts": api_declarations(functions),
        "api.js": API_JS,
        "dataModel.d.ts": data_model_declarations(None if schema is None else schema.definition, tables),
    }
    written, unchanged, removed = _replace_files(target, texts)
    untyped = (
        f"{each.name} ({', '.join(parts)})"
        for each in functions
        if not each.is_internal and (parts := untyped_parts(each))
    )
    return TypesReport(target, written, unchanged, removed, len(functions), len(tables), tuple(untyped))


def write_openapi(backend: Backend, folder: str | os.PathLike[str], *, site_url: str, api_url: str) -> Path:
    """Write `folder/openapi.json`, which describes the endpoints and the public functions; the file's path.

    Raises:  CallerError where that is no place for it, or somebody else's file is there.
    """
    target = Path(folder).expanduser()
    if not target.is_dir():
        raise CallerError(f"there is no folder {target} to write {OPENAPI_NAME} into.", hint="%convex codegen .")
    file = target / OPENAPI_NAME
    text = openapi_text(
        backend.http.routes.table, sorted(backend.registry.functions.values(), key=lambda each: each.path),
        title=Path(backend.name).stem or backend.name, site_url=site_url, api_url=api_url,
    )  # fmt: skip
    try:
        if file.exists() and not _is_ours(file):
            raise CallerError(f"{file} is from somebody else: it is not overwritten. Name another folder.")
        _replace(file, text.encode("utf-8"))
    except OSError as error:
        raise CallerError(f"{file} cannot be written: {error.strerror or error}.") from error
    return file


def _tables(backend: Backend) -> set[str]:
    """The tables that have documents, are declared, or are named in ids."""
    schema = backend.database.snapshot.schema
    validators = [
        each for function in backend.registry.functions.values() for each in (function.args, function.returns)
    ]
    found = {each.name for each in backend.database.snapshot.tables.values() if not each.name.startswith("_")}
    if schema is not None:
        validators += [each.validator for each in schema.definition.tables.values()]
        found.update(schema.definition.tables)
    return found.union(*map(tables_named, validators))


def _target(folder: Path) -> Path:
    if folder.name == FOLDER_NAME:
        raise CallerError(
            f"{folder} is the folder that is written; name the one that holds it.", hint=str(folder.parent)
        )
    for place in (folder, folder / FOLDER_NAME):
        if place.exists() and not place.is_dir():
            raise CallerError(f"{place} is a file; name a folder, such as the convex folder of your web app.")
    if not folder.parent.is_dir():
        raise CallerError(f"there is no folder {folder.parent}, so {folder.name} cannot be made in it.")
    return folder / FOLDER_NAME


def _replace_files(target: Path, texts: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The names of files that were written, that were right already, and that were removed."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        present = {each.name: each for each in sorted(target.iterdir()) if each.suffix in {".js", ".ts"}}
        foreign = [name for name in texts if name in present and not _is_ours(present[name])]
        if foreign:
            raise CallerError(
                f"{target} has {', '.join(foreign)} from somebody else (a Convex project?): they are not overwritten. "
                "Move them away, or name another folder."
            )
        written, unchanged = [], []
        for name, text in texts.items():
            content = text.encode("utf-8")
            if name in present and present[name].read_bytes() == content:
                unchanged.append(name)
            else:
                _replace(target / name, content)
                written.append(name)
        removed = [name for name, file in present.items() if name not in texts and _is_ours(file)]
        for name in removed:
            present[name].unlink()
    except OSError as error:
        raise CallerError(f"the files in {target} cannot be written: {error.strerror or error}.") from error
    return tuple(written), tuple(unchanged), tuple(removed)


def _is_ours(file: Path) -> bool:
    with file.open("rb") as stream:
        return MARK.encode() in stream.read(_HEAD_BYTES)


def _replace(file: Path, content: bytes) -> None:
    """Put a file in place of another in one step: a server that reads it meanwhile never sees half of it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        fresh.write_bytes(content)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
