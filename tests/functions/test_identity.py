"""Who is calling."""

from __future__ import annotations

import pytest

from nbconvex.errors import NotAllowedError, UnauthenticatedError
from nbconvex.functions.identity import Identity, UnknownIdentity, camel
from nbconvex.testing import convex_test


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


def test_identity_cannot_be_changed() -> None:
    identity = Identity({"subject": "a"})
    for change in (lambda: identity.update(x=1), lambda: identity.pop("subject"), lambda: identity.__setitem__("a", 1)):
        with pytest.raises(NotAllowedError, match="an identity cannot be changed"):
            change()
    assert identity == Identity({"subject": "a"})


@pytest.mark.case("auth/identity_json_safe")
def test_identity_is_a_value() -> None:
    with convex_test() as t:
        assert t.with_identity(subject="s", issuer="i").query(lambda ctx: ctx.auth.get_user_identity()) == {
            "subject": "s", "issuer": "i", "tokenIdentifier": "i|s"
        }  # fmt: skip
        assert repr(Identity({"subject": "s", "issuer": "i"})).startswith("Identity({'subject': 's'")


def test_verified_claims_keep_their_names_and_are_found_by_both() -> None:
    identity = Identity.verified({"tokenIdentifier": "i|s", "issuer": "i", "subject": "s", "org_id": "o", "isAdmin": 1})
    assert identity["org_id"] == identity.org_id == "o"
    assert identity.is_admin == 1
    assert set(identity) == {"tokenIdentifier", "issuer", "subject", "org_id", "isAdmin"}
    assert identity.key == Identity.verified(dict(reversed(identity.items()))).key


def test_refusal_that_is_kept_is_raised_anew_each_time() -> None:
    unknown = UnknownIdentity(UnauthenticatedError("NoAuthProvider", "no provider"))
    assert Identity.of(unknown) is unknown
    errors = [unknown.error, unknown.error]
    assert errors[0] is not errors[1]
    assert [(each.reason, str(each), each.status) for each in errors] == [("NoAuthProvider", "no provider", 401)] * 2
    assert unknown.key != UnknownIdentity(UnauthenticatedError("NoAuthProvider", "another")).key
