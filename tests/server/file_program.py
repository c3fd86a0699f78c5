"""A served store with files, in a process of its own, to be measured or killed.

Called with the store's path. Says its upload address and its API address as a line of JSON, then answers the line
"list" with what is stored, until its input ends.
"""

from __future__ import annotations

import json
import sys

import nbconvex


def main() -> None:
    with nbconvex.open(sys.argv[1]) as backend, nbconvex.serve(backend, port=0) as server:
        # DuckDB takes its memory when it is first used, which is no file's doing.
        backend.storage.delete(backend.storage.store(b"first"))
        backend.database.checkpoint()
        print(json.dumps({"upload": backend.storage.generate_upload_url(), "url": server.url}), flush=True)
        for _ in sys.stdin:
            files = [{**each, "url": backend.storage.get_url(each["storageId"])} for each in backend.storage.list()]
            print(json.dumps(files), flush=True)


if __name__ == "__main__":
    main()
