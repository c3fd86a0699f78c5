from __future__ import annotations

import dataclasses

import pytest

from nbconvex.limits import UNLIMITED, Limits


def test_every_limit_has_a_positive_default() -> None:
    assert all(value > 0 for value in dataclasses.astuple(Limits()))


def test_limits_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().documents_read = 1  # type: ignore[misc]


def test_without_switches_off_what_is_named_and_nothing_else() -> None:
    changed = Limits().without("documents_read")
    assert changed == dataclasses.replace(Limits(), documents_read=UNLIMITED)


def test_off_frees_transactions_and_keeps_the_limits_of_single_values() -> None:
    off = Limits.off()
    assert {name for name in Limits.names() if getattr(off, name) == UNLIMITED} == {
        "query_time_s", "read_bytes", "documents_read", "database_queries", "written_bytes", "documents_written",
        "functions_scheduled", "scheduled_arguments_bytes",
    }  # fmt: skip
    assert off.document_bytes == Limits().document_bytes


def test_names_are_the_fields_in_order() -> None:
    assert Limits.names()[:2] == ("query_time_s", "action_time_s")
    assert set(Limits.names()) == {field.name for field in dataclasses.fields(Limits)}
