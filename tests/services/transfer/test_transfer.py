"""The door of imports and exports: nbconvex.services.transfer.transfer."""

from __future__ import annotations

import pytest

from nbconvex.errors import CallerError
from tests.services.transfer.stores import backend_with, packed


def test_a_table_has_to_be_named_but_by_snapshots(tmp_path) -> None:
    (tmp_path / "my-cities.csv").write_text("a\n1\n")
    (tmp_path / "cities.csv").write_text("a\n1\n")
    snapshot = packed(tmp_path / "s.zip", {"t/documents.jsonl": '{"a": 1}\n'})
    with backend_with() as backend:
        with pytest.raises(CallerError, match=r'import_data\(.*cities\.csv\', table="cities"\)'):
            backend.import_data(tmp_path / "cities.csv")
        with pytest.raises(CallerError, match='table="items"'):
            backend.import_data(tmp_path / "my-cities.csv")
        with pytest.raises(CallerError, match=r'import_data\(list, table="items"\)'):
            backend.import_data([])
        with pytest.raises(CallerError, match="names its tables itself"):
            backend.import_data(snapshot, "t")
        with pytest.raises(CallerError, match="this source is none"):
            backend.import_data([], "t", format="csv")
        backend.import_data(snapshot)


def test_a_wrong_word_is_said_before_anything_is_read() -> None:
    with backend_with() as backend, pytest.raises(CallerError, match="there is no mode 'overwrite'"):
        backend.import_data("not there.csv", "t", mode="overwrite")
