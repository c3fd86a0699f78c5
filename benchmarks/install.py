"""The Node peers, installed with npm into a build folder that git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess

from benchmarks.catalogue import NODE_FOLDER, NODE_PEERS

#: Stands in the build folder so that the adapters, which live elsewhere, find packages as ES modules do from there.
_LOADER = "export default (name) => import(name);\n"


def install_node_peers() -> None:
    """Each peer on its own: one that cannot be built here does not take the others with it."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not on this machine: the Node peers will be reported as missing.")
        return
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    marker = NODE_FOLDER / "package.json"
    if not marker.exists():
        marker.write_text(json.dumps({"private": True, "name": "bench-node"}))
    (NODE_FOLDER / "load.mjs").write_text(_LOADER)
    for title, packages in ((title, packages) for _, packages, title in NODE_PEERS.values()):
        if all((NODE_FOLDER / "node_modules" / package / "package.json").exists() for package in packages):
            print(f"  {title}: already there")
            continue
        print(f"  {title}: installing (better-sqlite3 may have to be compiled: minutes)", flush=True)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", *packages],
            cwd=NODE_FOLDER, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"  {title}: npm could not install it: {done.stderr.strip().splitlines()[-1:]}")
