"""Is what claims to be durable synced? Counts the sync calls of a peer's process, and of its server, with strace."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import title_of
from benchmarks.children import Child, PeerFailedError, work_folder
from benchmarks.peers.contract import PeerMissingError

_INSERTS = 50
_CALLS = "fsync,fdatasync,msync,sync_file_range,pwritev2,pwrite64,openat"


def _syncs(trace: Path) -> int:
    """Sync calls in a trace; each write to a file that was opened with O_DSYNC counts as one."""
    found = 0
    synced_files: set[str] = set()
    for line in trace.read_text(errors="replace").splitlines():
        if "O_DSYNC" in line and "openat(" in line and "= " in line:
            synced_files.add(line.rsplit("= ", 1)[1].split()[0])
        elif (
            any(f"{call}(" in line for call in ("fsync", "fdatasync", "msync"))
            or "RWF_DSYNC" in line
            or ("pwrite" in line and line.partition("(")[2].split(",")[0] in synced_files)
        ):
            found += 1
    return found


def check_durable(names: Sequence[str]) -> bool:
    """Print, for each peer, how many syncs its inserts made; whether every durable peer made at least one each."""
    strace = shutil.which("strace")
    if strace is None:
        print("strace is not on this machine; nothing was checked.")
        return False
    fine = True
    with work_folder() as work:
        for name in names:
            trace = work / f"{name}.trace"
            prefix = [strace, "-f", "-qq", "-e", f"trace={_CALLS}", "-o", str(trace)]
            child = None
            try:
                child = Child(name, work / name, prefix)
                child.open()
                child.ask("insert", seconds=10.0, at_most=5)
                before = _syncs(trace)
                done = int(child.ask("insert", seconds=30.0, at_most=_INSERTS)["n"])
                made = _syncs(trace) - before
            except (PeerMissingError, PeerFailedError) as problem:
                print(f"  {title_of(name)}: missing: {problem}")
                continue
            finally:
                if child is not None:
                    child.close()
            agrees = made >= done or not child.durable
            fine = fine and agrees
            claim = "claims durable" if child.durable else "claims nothing"
            print(f"  {child.title}: {claim}; {made} syncs for {done} inserts{'' if agrees else '  <-- NOT SYNCED'}")
    return fine
