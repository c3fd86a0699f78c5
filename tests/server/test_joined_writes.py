"""What is written in one turn of the loop is sent in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nbconvex.server.joined_writes import JoinedWrites


class Transport:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.told.append(data)

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.told or "abort" in self.told


def told(write: Callable[[JoinedWrites], None]) -> list[list[bytes | str]]:
    """What the transport was told while `write` ran, and what in the turn after it."""

    async def main() -> list[list[bytes | str]]:
        transport = Transport()
        write(JoinedWrites(transport, asyncio.get_running_loop()))  # type: ignore[arg-type]
        at_once = list(transport.told)
        await asyncio.sleep(0)
        return [at_once, transport.told[len(at_once) :]]

    return asyncio.run(main())


def test_parts_of_one_turn_are_one_write_in_their_order() -> None:
    def write(joined: JoinedWrites) -> None:
        for part in (b"head ", b"", b"body"):
            joined.write(part)

    assert told(write) == [[], [b"head body"]]


def test_much_is_not_held_back() -> None:
    def write(joined: JoinedWrites) -> None:
        joined.write(b"head ")
        joined.write(b"x" * 20_000)
        joined.write(b"rest")

    assert told(write) == [[b"head " + b"x" * 20_000], [b"rest"]]


def test_closing_sends_what_is_held_and_aborting_drops_it() -> None:
    def close(joined: JoinedWrites) -> None:
        joined.write(b"last words")
        joined.close()

    def abort(joined: JoinedWrites) -> None:
        joined.write(b"never mind")
        joined.abort()

    assert told(close) == [[b"last words", "close"], []]
    assert told(abort) == [["abort"], []]


def test_nothing_is_written_to_a_client_that_has_gone_meanwhile() -> None:
    def write(joined: JoinedWrites) -> None:
        joined.write(b"too late")
        joined.transport.close()

    assert told(write) == [["close"], []]


def test_everything_else_is_the_transports_own() -> None:
    assert told(lambda joined: joined.transport.write(str(joined.is_closing()).encode())) == [[b"False"], []]
