"""Which pages the site has, and in which order.

Pages are read in the repository too, so they hold nothing that only Sphinx understands: the tables of contents are
added while the site is put together.
"""

from __future__ import annotations

#: Headings of the navigation, each with its pages, below the root of the site and without their endings.
SECTIONS: dict[str, list[str]] = {
    "Tutorial": ["notebooks/*"],
    "How to": [
        "docs/how-to/installing", "docs/how-to/schema-and-indexes", "docs/how-to/writing-functions",
        "docs/how-to/loading-data",
        "docs/how-to/reading-data", "docs/how-to/sql", "docs/how-to/*",
    ],
    "Reference": ["docs/reference/names", "docs/reference/*", "docs/how-to/magics",
                  "docs/how-to/errors", "docs/limits", "docs/glossary",
                  "docs/compatibility", "docs/protocol", "docs/storage-format"],
    "Explanation": ["docs/how-it-works", "docs/guarantees", "docs/security", "docs/what-it-is-not-for",
                    "docs/convex-compatibility", "docs/critiques", "docs/performance"],
    "Project": ["README", "CONTRIBUTING", "CHANGELOG", "docs/architecture", "docs/adr/*"],
}  # fmt: skip
