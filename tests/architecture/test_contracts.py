"""The stairs hold: imports go down only, and every dependency has one address."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.house import ROOT


def test_import_contracts_are_kept() -> None:
    # In a process of its own: import-linter's logging set-up disables every logger that exists.
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
