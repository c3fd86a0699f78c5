"""What a panel of the dashboard is.

Owns:  `Panel`.
Must not know: any panel; pages.
Threads: a panel's `view` and `act` may be called by several threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Panel(Protocol):
    """One panel of the dashboard.

    Fields:  `name` is what pages call it, `title` what people do; with `follows_calls` its view is made again when
    functions have run, not only when something was committed.
    """

    name: str
    title: str
    follows_calls: bool

    def view(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be seen, safe for JSON and bounded. It is asked again and again: cheap, and the same for the same
        data.

        Raises:  NbconvexError for a request that cannot be met.
        """

    def act(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do something, and say what came of it, safe for JSON.

        Raises:  NbconvexError; whatever the app's own functions raise.
        """
