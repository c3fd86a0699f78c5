"""JSON lines and JSON arrays: nbconvex.services.transfer.json_rows."""

from __future__ import annotations

import io
import json
import random

import pytest

from nbconvex.errors import DataRefusedError, LimitExceededError, ValueInvalidError
from nbconvex.limits import Limits
from nbconvex.services.transfer import json_rows
from nbconvex.services.transfer.json_rows import json_array_rows, json_line_rows
from nbconvex.values.scalars import Int64


def of(make, text: str | bytes, **limits):
    data = text.encode() if isinstance(text, str) else text
    source = make(io.BytesIO(data), "f.json", len(data), Limits(**limits))
    return [(number, row) for batch in source.batches for number, row in zip(batch.numbers, batch.rows, strict=True)]


def lines(text, **limits):
    return of(json_line_rows, text, **limits)


def array(text, **limits):
    return [row for _, row in of(json_array_rows, text, **limits)]


def test_lines_are_counted_and_empty_ones_are_passed_over() -> None:
    assert lines('{"a": 1}\n\n  \n{"a": {"$integer": "BwAAAAAAAAA="}}\n{"a": 1.5}') == [
        (1, {"a": 1}), (4, {"a": Int64(7)}), (5, {"a": 1.5}),
    ]  # fmt: skip
    assert lines("") == []


@pytest.mark.parametrize("bad", ["{", "tru", "{'a': 1}", '{"a": 1} {"b": 2}', '{"a": NaN}', '{"a":\x01}'])
def test_a_line_that_is_no_json_is_named(bad) -> None:
    with pytest.raises(DataRefusedError, match="line 2: this is not JSON"):
        lines('{"a": 1}\n' + bad)


def test_a_line_that_is_no_value_stands_as_an_error_in_its_place() -> None:
    ((number, error),) = lines('{"a": {"$what": 1}}')
    assert number == 1
    assert isinstance(error, ValueInvalidError)
    assert "reserved" in str(error)


@pytest.mark.parametrize("deep", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_nesting_without_end_is_an_error_and_no_crash(deep) -> None:
    with pytest.raises(DataRefusedError, match=r"nested too deep|not JSON"):
        lines(deep)
    with pytest.raises(DataRefusedError, match=r"nested too deep|not JSON"):
        array(f"[{deep}]")


def test_arrays_give_their_elements() -> None:
    assert array("[]") == []
    assert array(" \n[ ] \n") == []
    assert array('[{"a":1},{"b":[1,[2],{"c":"]},{[\\"\\\\"}]},\n 5 , "x", null]') == [
        {"a": 1}, {"b": [1, [2], {"c": ']},{["\\'}]}, 5, "x", None,
    ]  # fmt: skip
    assert array(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_any_array_is_what_the_json_module_reads_wherever_it_is_cut(chunk, monkeypatch) -> None:
    monkeypatch.setattr(json_rows, "_CHUNK_BYTES", chunk)
    rng = random.Random(chunk)

    def value(depth: int):
        kind = rng.randrange(7 if depth else 5)
        if kind == 5:
            return [value(depth - 1) for _ in range(rng.randrange(4))]
        if kind == 6:
            return {rng.choice('ab"\\,[]{}é'): value(depth - 1) for _ in range(rng.randrange(4))}
        return [None, True, rng.randrange(100), 1.5, "".join(rng.choices('"\\,[]{} é\n', k=rng.randrange(8)))][kind]

    for _ in range(40):
        expected = [value(3) for _ in range(rng.randrange(6))]
        text = json.dumps(expected, indent=rng.choice([None, 0, 2]), ensure_ascii=rng.random() < 0.5)
        assert array(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: this is not an array"),
        ('\n{"a": 1}', 'line 2: this is not an array of objects\nOne object a line is the format "jsonl"'),
        ("[", "line 1: the array has no end"),
        ('[\n{"a": 1},\n', "line 3: the array has no end"),
        ('[{"a": "x', "the array has no end"),
        ('[{"a": "x\\', "the array has no end"),
        ('[{"a": 1}', "the array has no end"),
        ("[1,]", "nothing stands between , and ]"),
        ("[,1]", "row 1, in line 1: this is not JSON"),
        ("[1] 2", "something follows the array"),
        ("[1}]", "a } too many"),
        ('[1,\n{"a": nope}]', "row 2, in line 2: this is not JSON"),
        ("[1 2]", "row 1, in line 1: this is not JSON"),
    ],
)
def test_what_is_no_array_is_refused_with_its_line(text, said) -> None:
    with pytest.raises(DataRefusedError, match=said):
        array(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(DataRefusedError, match="row 1, in line 1: this is not JSON"):
        array(b'["\xe4"]')


def test_a_row_has_a_limit() -> None:
    with pytest.raises(LimitExceededError, match="limit import_line_bytes"):
        array(b'["' + b"x" * 1_000_000 + b'"]', import_line_bytes=1_000)
    with pytest.raises(LimitExceededError, match="limit import_line_bytes"):
        lines(b'"' + b"x" * 2_000 + b'"', import_line_bytes=1_000)
