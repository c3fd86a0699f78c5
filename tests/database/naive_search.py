"""Full-text search in the simplest way that could be right: every document is looked at, for every search."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nbconvex.values.scalars import UNSET
from nbconvex.values.sort_key import encode_key

Document = dict[str, Any]


def words(text: str) -> list[str]:
    runs = re.findall(r"[^\W_]+", text)
    return [run.lower() for run in runs if len(run.lower().encode()) <= 32]


def scores(documents: Sequence[Document], text: str, equal: Mapping[str, Any], field: str = "body") -> dict[str, float]:
    """The score of each document that is found, by its id."""
    texts = {each["_id"]: Counter(words(each[field])) for each in documents if isinstance(each.get(field), str)}
    asked = words(text)[:16]
    if not asked or not texts:
        return {}
    having = Counter(word for counts in texts.values() for word in counts)
    average = sum(map(Counter.total, texts.values())) / len(texts) or 1.0
    weights = dict.fromkeys(asked, 1.0)
    longer = sorted(
        (-count, word) for word, count in having.items() if word.startswith(asked[-1]) and word != asked[-1]
    )
    for _, word in longer[:16]:
        weights.setdefault(word, 0.5)
    found = {}
    for each in documents:
        counts = texts.get(each["_id"], Counter())
        matched = [word for word in weights if counts[word]]
        fits = all(encode_key(each.get(name, UNSET)) == encode_key(value) for name, value in equal.items())
        if matched and fits:
            found[each["_id"]] = sum(
                weights[word]
                * math.log(1 + (len(texts) - having[word] + 0.5) / (having[word] + 0.5))
                * (counts[word] * 2.2)
                / (counts[word] + 1.2 * (1 - 0.75 + 0.75 * counts.total() / average))
                for word in matched
            )
    return found


def check_found(found: Sequence[Document], documents: Sequence[Document], text: str, equal: Mapping[str, Any]) -> None:
    """Whether a search found what it should, in the right order."""
    expected = scores(documents, text, equal)
    assert {each["_id"] for each in found} == expected.keys(), f"what is found for {text!r} with {equal}"
    assert len(found) == len(expected), "nothing is found twice"
    for better, worse in itertools.pairwise(found):
        ahead = expected[better["_id"]] - expected[worse["_id"]]
        assert ahead > -1e-9, f"{better} does not come before {worse}"
        if Counter(words(better["body"])) == Counter(words(worse["body"])):
            older = (-better["_creationTime"], better["_id"]) < (-worse["_creationTime"], worse["_id"])
            assert older, "of equal ones the newer comes first, then the id decides"
