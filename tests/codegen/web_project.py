"""A web app's project folder, for checking generated types with the real compiler and the real client.

The packages come from `.build/web/node_modules`, where `npm install` has put convex, react and typescript with their
types; where they are not, tests that need them skip.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

PACKAGES = ROOT / ".build" / "web" / "node_modules"
NEEDED = ("convex", "react", "@types/react", "typescript")
_CONFIG = {
    "compilerOptions": {
        "target": "ES2022",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "module": "ESNext",
        "moduleResolution": "bundler",
        "jsx": "react-jsx",
        "strict": True,
        "noEmit": True,
        # Declaration files are checked too: they are what is tested.
        "skipLibCheck": False,
        "types": [],
    },
    "include": ["**/*.ts", "**/*.tsx"],
    "exclude": ["node_modules"],
}


class WebProject:
    """A folder with the packages of a web app, as Vite would make it."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in NEEDED if not (PACKAGES / name).is_dir()]
        if shutil.which("node") is None or missing:
            pytest.skip(
                f"Without Node and {', '.join(missing) or 'its packages'} in .build/web/node_modules "
                "no TypeScript is checked."
            )
        self.folder = folder
        (folder / "node_modules").symlink_to(PACKAGES)
        (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
        (folder / "tsconfig.json").write_text(json.dumps(_CONFIG), encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Put a file into the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def check(self) -> dict[str, list[str]]:
        """What the compiler says, by file."""
        done = self._node("node_modules/typescript/bin/tsc", "--pretty", "false")
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            place = re.match(r"(\S+?)\((\d+),\d+\): (.*)", line)
            path, number, message = place.groups() if place else ("", "", line)
            found.setdefault(path, []).append(f"{number}: {message}")
        assert bool(found) == bool(done.returncode), done.stdout + done.stderr
        return found

    def run(self, script: str) -> str:
        """What a module prints when Node runs it."""
        self.write("script.js", script)
        done = self._node("script.js")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _node(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["node", *words], cwd=self.folder, capture_output=True, text=True, check=False, timeout=110
        )
