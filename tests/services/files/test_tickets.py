"""Addresses that nobody can guess: nbconvex.services.files.tickets."""

from __future__ import annotations

import random
import re
import uuid

import pytest

from nbconvex.errors import FileRefusedError
from nbconvex.services.files.tickets import TICKET_S, Tickets

TICKETS = Tickets(bytes(range(32)))
OTHER = Tickets(bytes(32))
NOW_MS = 1.7e12


def reason(call, *given) -> str:
    with pytest.raises(FileRefusedError) as caught:
        call(*given)
    return caught.value.reason


def test_a_ticket_holds_for_an_hour_and_as_often_as_is_wanted() -> None:
    token = TICKETS.upload_token(NOW_MS, 1)
    for later_s in (0, 1, TICKET_S):
        TICKETS.require_upload(token, NOW_MS + later_s * 1e3)
    assert reason(TICKETS.require_upload, token, NOW_MS + TICKET_S * 1e3 + 1) == "StorageTokenExpired"
    assert re.fullmatch(r"[\w-]+", token)
    assert token != TICKETS.upload_token(NOW_MS, 2)


def test_a_ticket_holds_after_a_restart_and_for_its_own_store_only() -> None:
    token = TICKETS.upload_token(NOW_MS, 1)
    Tickets(bytes(range(32))).require_upload(token, NOW_MS)
    assert reason(OTHER.require_upload, token, NOW_MS) == "StorageTokenInvalid"


def test_no_other_text_is_a_ticket() -> None:
    token = TICKETS.upload_token(NOW_MS, 1)
    forged = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token) - 1)]
    for text in (*forged, "", "a", "é", token[:-3], token + "AAAA", "=" * 99, TICKETS.name(bytes(16)), "\0", "../.."):
        assert reason(TICKETS.require_upload, text, NOW_MS) == "StorageTokenInvalid"


def test_names_lead_back_to_ids_and_tell_nothing_of_them() -> None:
    rng = random.Random(1)
    ids = [bytes(16), b"\xff" * 16, *(rng.randbytes(16) for _ in range(200))]
    names = [TICKETS.name(each) for each in ids]
    assert [TICKETS.internal(each) for each in names] == ids
    assert [TICKETS.internal(each.upper()) for each in names] == ids
    assert [TICKETS.limited_internal(TICKETS.limited_name(each)) for each in ids] == ids
    every = {*names, *(TICKETS.limited_name(each) for each in ids), *(OTHER.name(each) for each in ids)}
    assert len(every) == 3 * len(ids)
    assert all(str(uuid.UUID(each)) == each for each in every)
    one, near = (int.from_bytes(uuid.UUID(TICKETS.name(each)).bytes) for each in (bytes(16), bytes(15) + b"\1"))
    assert 32 < (one ^ near).bit_count() < 96, "ids that differ in a bit have names that differ in half of them"


@pytest.mark.parametrize(
    "text", ["", "abc", "../../etc/passwd", "00000000000000000000000000000000", "{%s}", "urn:uuid:%s", " %s", "%s\n"]
)
def test_what_is_no_uuid_is_no_name(text) -> None:
    text = text.replace("%s", TICKETS.name(bytes(16)))
    assert TICKETS.internal(text) is None
    assert TICKETS.limited_internal(text) is None


def test_conditions_hold_as_they_were_signed_and_not_otherwise() -> None:
    name = TICKETS.limited_name(bytes(16))
    signature = TICKETS.condition(name, 1_000, "issuer|ann")
    assert TICKETS.holds(name, 1_000, "issuer|ann", signature)
    assert TICKETS.holds(name.upper(), 1_000, "issuer|ann", signature)
    for forged in (
        (TICKETS.limited_name(b"\1" * 16), 1_000, "issuer|ann", signature),
        (name, 1_001, "issuer|ann", signature),
        (name, None, "issuer|ann", signature),
        (name, 1_000, "issuer|bob", signature),
        (name, 1_000, None, signature),
        (name, 1_000, "", signature),
        (name, 1_000, "issuer|ann", ""),
        (name, 1_000, "issuer|ann", signature[:-4]),
    ):
        assert not TICKETS.holds(*forged)
    assert not TICKETS.holds(name, None, "", TICKETS.condition(name, None, None))
