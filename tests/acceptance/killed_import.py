"""A program that imports until it is killed: each import replaces all rows by rows of the next round, with a file.

Other threads write into other tables meanwhile. A round is said on stdout once its import has returned.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import nbconvex

#: More than what goes through the journal, so that most imports are bulk commits; and fewer, so that some are not.
SIZES = (9_000, 1_000, 12_000)


def rows_of(round_: int) -> Iterator[dict[str, int]]:
    """The rows of a round: how many there are follows from it."""
    return ({"round": round_, "number": number} for number in range(SIZES[round_ % len(SIZES)]))


def write_beside(backend: nbconvex.Backend) -> None:
    number = 0
    while True:
        number += 1
        backend.run_mutation("m:beside", {"number": number})


def main(path: str) -> None:
    backend = nbconvex.open(path)

    @backend.mutation(name="m:beside")
    def beside(ctx, number: int):
        ctx.db.insert("beside", {"number": number})

    @backend.query(name="m:round")
    def newest(ctx):
        document = ctx.db.query("t").first()
        return 0 if document is None else int(document["round"])

    round_ = backend.run_query("m:round")
    threading.Thread(target=write_beside, args=(backend,), daemon=True).start()
    os.write(1, b"ready\n")
    while True:
        round_ += 1
        backend.import_data(rows_of(round_), "t", mode="replace")
        os.write(1, b"%d\n" % round_)


if __name__ == "__main__":
    main(sys.argv[1])
