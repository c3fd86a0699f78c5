"""The harnesses hold for their seeds, for seeds with something wrong in them, and for a short run under atheris."""

from __future__ import annotations

import importlib
import importlib.util
import random

import pytest

from tests.fuzz.harness import HARNESSES, run

NO_ATHERIS = "there is no atheris in this environment: pip install -c constraints.txt '.[fuzz]', where it has a wheel"
#: How many inputs a run tries here.
RUNS = 5_000


@pytest.mark.parametrize("name", HARNESSES)
def test_seeds_hold(name: str) -> None:
    harness = importlib.import_module(f"tests.fuzz.{name}")
    for seed in harness.seeds():
        harness.check(seed)


@pytest.mark.parametrize("name", HARNESSES)
def test_seeds_that_were_tampered_with_hold(name: str, is_long) -> None:
    harness = importlib.import_module(f"tests.fuzz.{name}")
    seeds = list(harness.seeds())
    chance = random.Random(7)
    for _ in range(200_000 if is_long else 4_000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(data) + 1)
            match chance.randrange(4):
                case 0:
                    data[place:place] = bytes([chance.randrange(256)])
                case 1:
                    del data[place : place + chance.randrange(8)]
                case 2:
                    data[place:place] = chance.choice(seeds)[: chance.randrange(200)]
                case _:
                    data[place:place] = b"\n" + chance.choice([b"a", b"m", b"f", b"c", b"r", b"i", b"u"]) + b"\n"
        harness.check(bytes(data))


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=NO_ATHERIS)
@pytest.mark.parametrize("name", HARNESSES)
def test_a_short_run_under_atheris_finds_nothing(name: str, tmp_path) -> None:
    done = run(name, ["-seed=1", f"-runs={RUNS}", f"-artifact_prefix={tmp_path}/"], corpus=tmp_path / "corpus")
    assert done.returncode == 0, done.stderr[-3_000:]
    assert f"Done {RUNS}" in done.stderr
