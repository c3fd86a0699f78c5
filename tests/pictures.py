"""Pictures for the pages, made by the tests that look at the same things: `make pictures`."""

from __future__ import annotations

import io
from pathlib import Path

#: Enough for the edges of letters, and for a small mark to keep its colour.
COLOURS = 256
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
THEMES = ("light", "dark")


class Pictures:
    """Where pictures go: into the folder of the pages if they are wanted, else nowhere."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @property
    def themes(self) -> tuple[str, ...]:
        """The themes to look at: both where pictures are wanted, else one, which is quicker."""
        return THEMES if self.folder else THEMES[:1]

    def keep(self, name: str, theme: str, png: bytes) -> None:
        """Keep a screenshot as `name-theme.png`, a fraction of its size."""
        assert theme in THEMES
        if self.folder:
            self.folder.mkdir(exist_ok=True)
            (self.folder / f"{name}-{theme}.png").write_bytes(smaller(png))


def smaller(png: bytes) -> bytes:
    """The same picture in few colours."""
    from PIL import Image

    colours = Image.open(io.BytesIO(png)).convert("RGB")
    few = colours.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    written = io.BytesIO()
    few.save(written, "PNG", optimize=True)
    return written.getvalue()
