"""Which functions a store has had: nbconvex.functions.remembered."""

from __future__ import annotations

from nbconvex.functions.definition import define
from nbconvex.functions.remembered import Remembered


class Store(dict):
    """Small values, and how often one was written."""

    writes = 0
    get_global = dict.get

    def put_global(self, key: str, value: bytes) -> None:
        self.writes += 1
        self[key] = value


def test_places_are_kept_until_their_functions_are_gone() -> None:
    store = Store()
    remembered = Remembered(store)
    one, two = (define("query", lambda ctx: 1, path) for path in ("m:one", "m:two"))
    remembered.note((one, two), "a cell", ())
    assert Remembered(store).places == {"m:one": "a cell", "m:two": "a cell"}
    remembered.note((two,), "a module", ("m:one", "m:never"))
    assert Remembered(store).places == {"m:two": "a module"}


def test_nothing_is_written_where_nothing_has_changed() -> None:
    store = Store()
    remembered = Remembered(store)
    definition = define("query", lambda ctx: 1, "m:one")
    for _ in range(3):
        remembered.note((definition,), "a cell", ())
    assert store.writes == 1
