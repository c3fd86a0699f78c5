"""Data frames beside tables."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from nbconvex.errors import SqlInvalidError
from nbconvex.storage.tables.frames_beside import arrow, is_frame, split
from nbconvex.storage.tables.statement import Statement


def test_what_has_rows_and_columns_is_a_frame() -> None:
    frame = pd.DataFrame({"a": [1]}, index=["x"])
    assert is_frame(frame)
    assert is_frame(pa.table({"a": [1]}))
    assert is_frame(pa.RecordBatch.from_pydict({"a": [1]}))
    assert not any(map(is_frame, [[1], {"a": [1]}, "a", pd.DataFrame]))
    assert arrow(frame).to_pydict() == {"a": [1]}
    assert arrow(pa.RecordBatch.from_pydict({"a": [1]})).to_pydict() == {"a": [1]}


def test_frames_are_told_from_parameters_and_have_to_be_read_from() -> None:
    frame = pa.table({"a": [1]})
    statement = Statement("SELECT", ("Prices", "t"), (), ("x",))
    assert split(statement, {"x": 1, "prices": frame}) == ({"x": 1}, {"prices": frame})
    with pytest.raises(SqlInvalidError, match="does not read from it"):
        split(statement, {"x": frame})


def test_a_frame_whose_column_holds_several_types_is_refused_with_a_way_out() -> None:
    with pytest.raises(SqlInvalidError, match=r"columns of one type each: Could not convert 'x'(.|\n)*astype"):
        arrow(pd.DataFrame({"a": [1, "x"]}))
