"""Files that appear when they are whole: nbconvex.services.transfer.output."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError, StorageFailedError
from nbconvex.services.transfer.output import whole_file, whole_folder


def test_a_file_takes_its_place_at_the_end(tmp_path) -> None:
    target = tmp_path / "out.zip"
    target.write_text("old")
    with whole_file(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_after_an_error_or_an_interrupt_nothing_is_left(tmp_path, error, whole) -> None:
    target = tmp_path / "out"

    def write() -> None:
        with whole(target) as partial:
            (partial / "a" if partial.is_dir() else partial).write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_gets_its_files_and_keeps_what_it_had(tmp_path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "other").write_text("stays")
    (target / "a").write_text("old")
    with whole_folder(target) as partial:
        (partial / "a").write_text("new")
    assert {each.name: each.read_text() for each in target.iterdir()} == {"other": "stays", "a": "new"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_place_that_cannot_be_written_is_said(tmp_path) -> None:
    with pytest.raises(CallerError, match="is no folder"), whole_file(tmp_path / "no" / "out.zip"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailedError, match="while it was written"), whole_file(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    with pytest.raises(CallerError, match="may not be written here"), whole_file(tmp_path / "out"):
        raise PermissionError(13, "Permission denied")
