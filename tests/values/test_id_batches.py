"""Ids by the batch: nbconvex.values.id_batches."""

from __future__ import annotations

import random

import pytest

from nbconvex.clock import ManualClock
from nbconvex.values.id_batches import IDS_MAX, IdBatches
from nbconvex.values.ids import INTERNAL_ID_BYTES, IdMaker, day_of, decode_id, encode_id


@pytest.mark.parametrize("number", [1, 127, 128, 10_001, 10_002, 10_127, 10_128, 16_383, 16_384, 2**32 - 1])
@pytest.mark.parametrize("count", [1, 2, 3, IDS_MAX])
def test_each_is_what_it_would_be_alone(number, count) -> None:
    texts, internals = IdBatches(random.Random(number), ManualClock()).make(number, count)
    parts = [internals[at : at + INTERNAL_ID_BYTES] for at in range(0, len(internals), INTERNAL_ID_BYTES)]
    assert texts == [encode_id(number, part) for part in parts]
    assert [decode_id(text) for text in texts] == [(number, part) for part in parts]
    assert len(set(texts)) == count


def test_they_end_in_the_day_as_others_do() -> None:
    clock = ManualClock()
    _, internals = IdBatches(random.Random(1), clock).make(10_001, 2)
    day = day_of(clock.now_ns()).to_bytes(2, "big")
    assert internals[14:16] == internals[30:32] == day == IdMaker(random.Random(2), clock).make()[14:]


def test_chance_decides_and_a_seed_repeats_it() -> None:
    first, second = (IdBatches(random.Random(7), ManualClock()) for _ in range(2))
    assert first.make(10_001, 5) == second.make(10_001, 5)
    assert first.make(10_001, 5) != IdBatches(random.Random(7), ManualClock()).make(10_001, 5)
