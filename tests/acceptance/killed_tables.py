"""A program that writes documents and typed tables into its file until it is killed; each document says how many there
were.
"""

from __future__ import annotations

import os
import random
import sys

import nbconvex
from nbconvex.values.schema import define_table
from nbconvex.values.validators import v


def main(path: str) -> None:
    backend = nbconvex.open(path)
    if backend.database.snapshot.schema is None:
        backend.push_schema({"declared": define_table({"n": v.number(), "half": v.number()})})
    rng = random.Random(os.getpid())
    while True:
        for _ in range(rng.randint(1, 20)):
            transaction = backend.database.begin(writable=True)
            n = transaction.query("declared").count()
            transaction.insert("declared", {"n": n, "half": n / 2})
            transaction.insert("loose", {"n": n, f"f{n % 3}": str(n)})
            if n % 7 == 6:
                oldest = transaction.query("loose").first()
                assert oldest is not None
                transaction.delete(oldest["_id"])
            backend.database.commit(transaction)
        backend.write_tables()
        os.write(1, b"written\n")


if __name__ == "__main__":
    main(sys.argv[1])
