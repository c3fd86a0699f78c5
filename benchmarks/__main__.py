"""The command line: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

from benchmarks.catalogue import BUILD, NODE_PEERS, PYTHON_PEERS, ROOT
from benchmarks.children import work_folder
from benchmarks.durability import check_durable
from benchmarks.install import install_node_peers
from benchmarks.machine import Probe, describe_machine
from benchmarks.race import Settings
from benchmarks.report import probe_line, render, write_docs, write_json
from benchmarks.results import Result
from benchmarks.workloads import commits, http, imports, kernel, live, reads, sockets, sql, stores, texts, vectors

WORKLOADS: dict[str, Callable[[Settings, Probe], Result]] = {
    "W1": commits.insert_one_caller,
    "W2": commits.insert_many_callers,
    "W3": commits.counters,
    "W4": reads.get_by_id,
    "W5": reads.newest_by_index,
    "W6": live.one_of_many,
    "W7": live.many_of_one,
    "W8": imports.many_rows,
    "W9": sql.group_by,
    "W10": http.endpoints,
    "W11": sockets.broadcast,
    "S5": sockets.five_each,
    "W12": stores.memory,
    "W13": stores.open_and_answer,
    "W14": kernel.first_steps,
    "W15": reads.empty_query,
    "T1": texts.search,
    "V1": vectors.nearest,
}


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="nbconvex against its peers.")
    every = [*PYTHON_PEERS, *NODE_PEERS]
    parser.add_argument("workloads", nargs="*", metavar="W", help=f"which of {', '.join(WORKLOADS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=None, help="interleaved rounds (default 5; 3 with --quick)")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter; good for a look, not for the page")
    parser.add_argument("--million", action="store_true", help="also 1,000,000 documents and 100,000 live queries")
    parser.add_argument("--peers", nargs="+", choices=every, metavar="PEER", help="only these, and nbconvex")
    parser.add_argument("--only-ours", action="store_true", help="no peers at all")
    parser.add_argument("--check-durable", action="store_true", help="count sync calls with strace, then stop")
    parser.add_argument("--install-peers", action="store_true", help="install the Node peers first (npm)")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    return asked


def main(arguments: list[str]) -> int:
    """Exit status 1 when a target of round 1 was missed or a durable peer did not sync."""
    asked = _parse(arguments)
    # Users' Python keeps compiled modules; where that is forbidden, every child would compile all of them anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(BUILD / "pycache")
    if asked.install_peers:
        print("Node peers:")
        install_node_peers()
    if asked.check_durable:
        return 0 if check_durable(asked.peers or [*PYTHON_PEERS, *NODE_PEERS]) else 1
    if asked.install_peers and not asked.workloads and len(arguments) == 1:
        return 0
    settings = Settings(
        rounds=asked.rounds or (3 if asked.quick else 5),
        quick=asked.quick,
        million=asked.million,
        only_ours=asked.only_ours,
        peers=frozenset(asked.peers or ()),
    )
    results = []
    with work_folder() as folder:
        probe = Probe(folder)
        for name in asked.workloads or WORKLOADS:
            started = time.perf_counter()
            result = WORKLOADS[name](settings, probe)
            results.append(result)
            print(render(result) + f"  ({time.perf_counter() - started:.0f} s)\n", flush=True)
        probe.close()
    facts = describe_machine()
    print(probe_line(probe.rounds))
    print(f"JSON: {write_json(BUILD / 'bench', results, facts, probe.rounds).relative_to(ROOT)}")
    if asked.write_docs:
        write_docs(ROOT / "docs" / "performance.md", results, facts, probe.rounds)
    judged = [(result, verdict) for result in results for verdict in result.verdicts if verdict.reached is not None]
    missed = [f"{result.workload} {verdict.text}" for result, verdict in judged if not verdict.reached]
    print(f"Round 1: {len(judged) - len(missed)} of {len(judged)} judged targets reached.")
    for text in missed:
        print(f"  missed: {text}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
