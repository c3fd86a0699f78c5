"""The whole room against files in which anything may have been changed: each is imported whole, or refused in words."""

from __future__ import annotations

import gzip
import random

import pytest

from nbconvex.errors import NbconvexError
from tests.services.transfer.stores import backend_with

ENDINGS = (".zip", ".jsonl", ".json", ".csv", ".csv.gz", ".parquet")


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    with backend_with() as backend:
        rows = [{"a": float(number), "b": "é x" * number, "c": [1, {"k": None}]} for number in range(50)]
        backend.import_data(rows, "t")
        backend.import_data([{"z": b"\x00"}], "u")
        backend.storage.store(b"hello" * 100, "text/plain")
        backend.export_data(folder / "t.zip", include_files=True)
        for ending in (".jsonl", ".parquet"):
            backend.export_data(folder / f"t{ending}", "t")
    files = {path.suffix: path.read_bytes() for path in folder.iterdir()}
    files[".json"] = b"[" + b",\n".join(files[".jsonl"].splitlines()) + b"]"
    files[".csv"] = ("a,b\n" + "".join(f'{number},"x ""{number}"" é\n y"\n' for number in range(50))).encode()
    files[".csv.gz"] = gzip.compress(files[".csv"])
    return files


def damaged(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(len(changed))
        if rng.random() < 0.5:  # where archives and Parquet files keep their directories
            at = rng.randrange(max(0, len(changed) - 1_400), len(changed))
        kind = rng.randrange(4)
        if kind == 0:
            changed[at] = rng.randrange(256)
        elif kind == 1:
            del changed[at : at + rng.randrange(1, 50)]
        elif kind == 2:
            changed[at:at] = rng.randbytes(rng.randrange(1, 20))
        else:
            changed[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"))
        changed = changed or bytearray(b"x")
    return bytes(changed)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_damaged_file_is_imported_or_refused_and_never_half(tmp_path, whole_files, ending, is_long) -> None:
    rng = random.Random(ENDINGS.index(ending))
    path = tmp_path / f"m{ending}"
    refused = 0
    for _ in range(3_000 if is_long else 60):
        path.write_bytes(damaged(whole_files[ending], rng))
        with backend_with() as backend:
            head, is_refused = backend.database.head, False
            try:
                backend.import_data(path, None if ending == ".zip" else "t")
            except NbconvexError:
                is_refused = True
            refused += is_refused
            assert (backend.database.head == head) is is_refused
    assert refused, "damage is noticed"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
