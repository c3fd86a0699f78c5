"""`asyncio.run` inside a cell, for those who insist.

Owns:  `allow_nested_run`, the one place of the package that knows nest-asyncio2.
Must not know: anything else; nothing of nbconvex needs it.
Source: ADR 10. The old nest_asyncio is unmaintained, and with ipykernel 7 the cells that wait behind one that nests
("Run All") are lost.
"""

from __future__ import annotations

import asyncio


def allow_nested_run() -> str:
    """Let `asyncio.run` and `run_until_complete` work in cells while the kernel's loop runs; answers what was done."""
    import nest_asyncio2

    if old_package_applied():
        return (
            "nest_asyncio (the old package) is already applied in this kernel, and the two must not be mixed. "
            "With it, cells that wait behind one that nests can be lost. Restart the kernel and use %convex nest "
            "instead."
        )
    nest_asyncio2.apply(_running_loop())
    return "asyncio.run() works in cells now. `await` needs none of this, and nbconvex does not either."


def old_package_applied() -> bool:
    """Whether the unmaintained nest_asyncio has patched this process."""
    # Both mark the module; the fork leaves a second mark.
    return hasattr(asyncio, "_nest_patched") and not hasattr(asyncio, "_nest_asyncio2")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
