"""What could be better about an app: the checklist, insights, notes. Looks at a backend and changes nothing."""

from __future__ import annotations
