"""What came of a call, for those who want more than its value.

Owns:  `Outcome`; what strangers are told of an error.
Must not know: the wire.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from nbconvex.errors import CallerError, ConvexError


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished call.

    Shapes:  `value` is None where `error` is not; `ts` is the commit's timestamp, or that of the snapshot read.
    Units:  `ts` in nanoseconds, `duration_ms` in milliseconds.
    """

    value: Any
    ts: int
    log_lines: tuple[str, ...]
    request_id: str
    duration_ms: float
    error: Exception | None = None

    def public_error(self, *, production: bool) -> dict[str, Any]:
        """What a caller outside of this process is told: `errorMessage`, and `errorData` for a ConvexError.

        In production only the request id, and the data of a ConvexError; else the sentence and the user's frames.
        """
        error = self.error
        if error is None:
            return {}
        prefix = f"[Request ID: {self.request_id}] Server Error"
        told: dict[str, Any] = {"errorMessage": prefix}
        if isinstance(error, ConvexError):
            told["errorData"] = error.data
        if production:
            return told
        if isinstance(error, CallerError):
            told["errorMessage"] = f"{prefix}\n{error}"
        else:
            frames = "".join(traceback.format_tb(error.__traceback__))
            told["errorMessage"] = f"{prefix}\nUncaught {type(error).__name__}: {error}\n{frames}".rstrip()
        return told
