"""Addresses that nobody can guess: upload tickets, and the names under which files are downloaded.

Owns:  `Tickets`, everything that is derived from the store's secret.
Must not know: documents, blobs, HTTP.
Mechanism: nothing is remembered. A ticket says until when it holds, and is signed; a download name is the document's
internal id, encrypted, so it is the same after a restart and leads back to the document without an index. The cipher is
four rounds of Feistel over HMAC-SHA256. What expires, or is one user's, has names of its own, so that cutting the
conditions off such an address gives no address.
Invariant: signatures are compared in constant time.
Threads: pure.
Source: Luby and Rackoff, "How to construct pseudorandom permutations" (1988).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import uuid
from typing import Final

from nbconvex.errors import FileRefusedError

#: How long an upload ticket holds. Source: semantics 8.
TICKET_S: Final = 3600
KEY_BYTES: Final = 32
_HALF: Final = 8
_ROUNDS: Final = range(4)
_EXPIRY_BYTES: Final = 8
_NONCE_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 32
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_FOREVER: Final = b"download"
_LIMITED: Final = b"limited download"


class Tickets:
    """What one store signs and checks. `key` is its secret."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def upload_token(self, now_ms: float, number: int) -> str:
        """A token with which files may be uploaded for an hour. `number` sets it apart from others of this moment."""
        told = int(now_ms + TICKET_S * 1e3).to_bytes(_EXPIRY_BYTES, "big") + number.to_bytes(_NONCE_BYTES, "big")
        return _text(told + self._signature(b"upload", told))

    def require_upload(self, token: str, now_ms: float) -> None:
        """Let an upload pass.

        Raises:  FileRefusedError.
        """
        given = _bytes(token)
        told, signature = given[:-_SIGNATURE_BYTES], given[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(b"upload", told)):
            raise FileRefusedError(
                "StorageTokenInvalid",
                "The upload address is not one of this backend's. Ask generate_upload_url() for one.",
            )
        if int.from_bytes(told[:_EXPIRY_BYTES], "big") < now_ms:
            raise FileRefusedError(
                "StorageTokenExpired",
                "The upload address is older than an hour. Ask generate_upload_url() for a new one.",
            )

    def name(self, internal: bytes) -> str:
        """Under which name a file is downloaded by whoever knows it, for as long as it exists."""
        return _uuid(self._encrypted(_FOREVER, internal))

    def internal(self, name: str) -> bytes | None:
        """The internal id behind a name; None for what is no name. Whether there is such a file is not known here."""
        return self._decrypted(_FOREVER, uuid.UUID(name).bytes) if _UUID.fullmatch(name) else None

    def limited_name(self, internal: bytes) -> str:
        """Under which name a file is downloaded by an address that has conditions."""
        return _uuid(self._encrypted(_LIMITED, internal))

    def limited_internal(self, name: str) -> bytes | None:
        """The internal id behind such a name."""
        return self._decrypted(_LIMITED, uuid.UUID(name).bytes) if _UUID.fullmatch(name) else None

    def condition(self, name: str, expires_ms: int | None, user: str | None) -> str:
        """The signature under the conditions of an address: until when, and for which token identifier."""
        told = "\n".join(
            [name.lower(), "" if expires_ms is None else str(expires_ms), *([] if user is None else [user])]
        )
        return _text(self._signature(b"condition", told.encode("utf-8", "surrogatepass")))

    def holds(self, name: str, expires_ms: int | None, user: str | None, signature: str) -> bool:
        """Whether these are the conditions that were signed."""
        return hmac.compare_digest(_bytes(signature), _bytes(self.condition(name, expires_ms, user)))

    def _signature(self, purpose: bytes, told: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + told, hashlib.sha256)

    def _encrypted(self, purpose: bytes, block: bytes) -> bytes:
        left, right = block[:_HALF], block[_HALF:]
        for number in _ROUNDS:
            left, right = right, _xor(left, self._signature(purpose + bytes([number]), right))
        return left + right

    def _decrypted(self, purpose: bytes, block: bytes) -> bytes:
        left, right = block[:_HALF], block[_HALF:]
        for number in reversed(_ROUNDS):
            left, right = _xor(right, self._signature(purpose + bytes([number]), left)), left
        return left + right


def _xor(half: bytes, pad: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(half, pad[:_HALF], strict=True))


def _uuid(block: bytes) -> str:
    return str(uuid.UUID(bytes=block))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """What a token says; nothing where it is none."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
