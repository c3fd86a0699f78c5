"""Who is calling."""

from __future__ import annotations

import pytest

from nbconvex.functions.identity import Identity, camel


def test_claims_are_there_under_both_spellings() -> None:
    identity = Identity({"subject": "ada", "issuer": "https://a", "emailVerified": True, "nick_name": "al"})
    assert identity.token_identifier == identity["tokenIdentifier"] == "https://a|ada"
    assert (identity.subject, identity.issuer) == ("ada", "https://a")
    assert identity.email_verified is True
    assert identity.nick_name == identity["nickName"] == "al"
    assert identity.phone_number is None
    assert dict(identity)["subject"] == "ada"
    assert len(identity) == 5


def test_equal_claims_have_equal_keys_whatever_their_order() -> None:
    one, other = Identity({"subject": "a", "name": "b"}), Identity({"name": "b", "subject": "a"})
    assert one.key == other.key
    assert one.key != Identity({"subject": "a"}).key


def test_identity_of_takes_what_callers_have() -> None:
    identity = Identity({"subject": "a"})
    assert Identity.of(identity) is identity
    assert Identity.of(None) is None
    made = Identity.of({"subject": "a"})
    assert made is not None
    assert made.key == identity.key


def test_private_names_are_no_claims() -> None:
    with pytest.raises(AttributeError):
        Identity({})._repr_html_


def test_camel_spells_as_the_wire_does() -> None:
    assert [camel(name) for name in ("subject", "token_identifier", "familyName")] == [
        "subject", "tokenIdentifier", "familyName"
    ]  # fmt: skip
