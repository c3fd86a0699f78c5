"""nbconvex over its network: clients of the sync protocol, and mutations called in the server's process."""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.audience import Audience, allow_sockets
from benchmarks.peers.nbconvex_functions import now, text_of
from benchmarks.spread import summary_of

_PATH = "/api/1.48.0/sync"
_PART = 500
#: Queries of its own that a client follows beside the one that all follow.
_OWN = 4
_QUIET_S = 0.3


def _opening(session: int, names: list[str]) -> list[str]:
    """What a client says first."""
    added = [
        {"type": "Add", "queryId": number, "udfPath": "main:board", "args": [{"name": name}]}
        for number, name in enumerate(names)
    ]
    return [
        json.dumps({"type": "Connect", "sessionId": f"{session:08d}-0000-4000-8000-000000000000", "connectionCount": 0,
                    "lastCloseReason": "InitialConnect", "clientTs": round(time.time() * 1000)}),
        json.dumps({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": added}),
    ]  # fmt: skip


class SocketSide:
    """The part of nbconvex's adapter that serves."""

    backend: Any
    api: Any
    _audience: Audience | None = None
    _server: Any = None
    _turn = 0

    def _serve(self, boards: dict[str, str]) -> Any:
        from nbconvex.server.serve import serve

        items = list(boards.items())
        for start in range(0, len(items), _PART):
            self.api.make_boards(boards=[list(each) for each in items[start : start + _PART]])
        self._server = serve(self.backend, port=0)
        self._audience = Audience()
        return self._server

    def gather_audience(self, sockets: int) -> None:
        """W11: everybody follows the one board."""
        allow_sockets(sockets)
        self._serve({"all": text_of(0)})
        assert self._audience is not None
        openings = [_opening(number, ["all"]) for number in range(sockets)]
        self._audience.expect(text_of(0), 0, sockets)
        self._audience.connect(self._server.port, sockets, _PATH, openings)
        self._audience.arrived()

    def broadcast_until_all_have(self, calls: int) -> dict[str, float]:
        return summary_of([self._post(["all"])["took_ns"] for _ in range(calls)])

    def _post(self, names: list[str], first: int = 0, last: int | None = None) -> dict[str, Any]:
        assert self._audience is not None
        self._turn += 1
        text = text_of(self._turn)
        self._audience.expect(text, first, last)
        started = now()
        self.api.post(names=names, text=text)
        told = self._audience.arrived()
        return {"took_ns": told["last_ns"] - started, "besides": told["besides"]}

    # S5: everybody follows one board, and four that nobody else follows.

    def gather_followers(self, sockets: int) -> dict[str, float]:
        """Seconds until all have their first results, and kB that each has cost this process."""
        from benchmarks.worker import resident_kb

        allow_sockets(sockets)
        self._sockets = sockets
        boards = {"all": text_of(0)} | {f"{n}-{k}": "own" for n in range(sockets) for k in range(_OWN)}
        self._serve(boards)
        assert self._audience is not None
        names = [["all", *(f"{n}-{k}" for k in range(_OWN))] for n in range(sockets)]
        openings = [_opening(number, each) for number, each in enumerate(names)]
        # What brings the boards into the file takes memory too, and would else do so at some moment of its own.
        self.backend.database.checkpoint()
        before = resident_kb()
        self._audience.expect(text_of(0), 0, sockets)
        started = now()
        self._audience.connect(self._server.port, sockets, _PATH, openings)
        last = self._audience.arrived()["last_ns"]
        return {"seconds": (last - started) / 1e9, "kb_each": (resident_kb() - before) / sockets}

    def touch_one(self, calls: int) -> dict[str, float]:
        """A commit that concerns one client: until it has it, and what the others were told."""
        assert self._audience is not None
        samples, besides = [], 0
        for turn in range(calls):
            who = turn * 37 % self._sockets
            samples.append(self._post([f"{who}-{turn % _OWN}"], who, who + 1)["took_ns"])
            besides += self._audience.ask("quiet", seconds=_QUIET_S if turn == calls - 1 else 0.005)
        return {**summary_of(samples), "besides": besides}

    def touch_all(self, calls: int) -> dict[str, float]:
        """A commit that concerns the query that all share."""
        return summary_of([self._post(["all"])["took_ns"] for _ in range(calls)])

    def touch_each(self, calls: int) -> dict[str, float]:
        """A commit that concerns one query of each client's own: a thousand executions, a thousand results."""
        names = [f"{n}-0" for n in range(self._sockets)]
        return summary_of([self._post(names)["took_ns"] for _ in range(calls)])

    def stop_serving(self) -> None:
        if self._audience is not None:
            self._audience.close()
        if self._server is not None:
            self._server.stop()
