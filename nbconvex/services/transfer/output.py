"""A file that appears when it is whole.

Owns:  `whole_file`, `whole_folder`.
Must not know: what is written.
Invariant: what stood in the target's place stands there until the new one is durable; after an error or an interrupt,
nothing else is left. (What a killed process leaves is named `.partial`.)
Threads: the caller's.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nbconvex.errors import CallerError, StorageFailedError


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the target's place at the end of the block.

    Raises:  CallerError where nothing can be written; StorageFailedError where the disk fails or is full.
    """
    _require_place(target)
    partial = _beside(target)
    try:
        yield partial
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write files to; they take their places in it, one by one, at the end of the block.

    Raises:  as `whole_file`.
    """
    _require_place(target)
    partial = _beside(target)
    try:
        partial.mkdir()
        yield partial
        files = sorted(partial.iterdir())
        for file in files:
            _sync(file)
        target.mkdir(exist_ok=True)
        for file in files:
            file.replace(target / file.name)
        _sync(target)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")


def _require_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise CallerError(f"{target.parent} is no folder: create it first, or choose another.")


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _failed(target: Path, error: OSError) -> CallerError | StorageFailedError:
    if isinstance(error, PermissionError):
        return CallerError(f"{target} may not be written here: {error.strerror}. Choose another folder.")
    return StorageFailedError(f"{target}: {error.strerror or error} while it was written. It is as it was before.")
