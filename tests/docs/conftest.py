"""Pages run in the shell that the notebook room's tests use."""

from __future__ import annotations

from tests.notebook.conftest import bare_shell, ipython

__all__ = ["bare_shell", "ipython"]
