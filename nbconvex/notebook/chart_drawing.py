"""The drawing library: the one address of vl-convert, which carries Vega and Vega-Lite with it.

Owns:  descriptions compiled for the page; pictures without a page; the library's own JavaScript.
Must not know: what a description is of, widgets, IPython.
Invariants: nothing is loaded from the network, and descriptions cannot make it do so. Calling it where the package is
       not installed says how to install it.
Threads: any; the library takes one call after the other.
Imports vl_convert: 3 ms, and 0.3 s with 70 MB when it is first used, 0.9 s more when it first bundles the JavaScript.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final

from nbconvex.errors import CallerError

VEGA_LITE: Final = "6.4"
#: Points up to which a picture is drawn as an SVG: above that its text is longer than the pixels.
SVG_POINTS_MAX: Final = 100
_PNG_SCALE: Final = 1.5


def compiled(spec: dict[str, Any]) -> dict[str, Any]:
    """A description as the page draws it. Raises: CallerError where the package is missing."""
    vega: dict[str, Any] = library().vegalite_to_vega(spec, vl_version=VEGA_LITE)
    return vega


def picture_src(vega: Mapping[str, Any], rows: list[dict[str, Any]], signals: Mapping[str, float | None]) -> str:
    """A picture of a compiled description with `rows` in it and `signals` set, as what an <img> shows.

    Raises:  CallerError where the package is missing.
    """
    filled = json.loads(json.dumps(vega))
    for data in filled["data"]:
        if data["name"] == "rows":
            data["values"] = rows
    for signal in filled["signals"]:
        signal["value"] = signals.get(signal["name"], signal.get("value"))
    for scale in filled["scales"]:
        if scale["type"] == "time":
            # The page shows times in its reader's zone; who reads a saved notebook is not known.
            scale["type"] = "utc"
    vlc = library()
    if len(rows) <= SVG_POINTS_MAX:
        svg: str = vlc.vega_to_svg(filled, allowed_base_urls=[])
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    png: bytes = vlc.vega_to_png(filled, scale=_PNG_SCALE, allowed_base_urls=[])
    return "data:image/png;base64," + base64.b64encode(png).decode()


@cache
def library_source() -> str:
    """Vega as one JavaScript module. Raises: CallerError."""
    bundle: str = library().javascript_bundle("export { vegaEmbed as embed };")
    return bundle


def library() -> ModuleType:
    """The package, imported now if need be. Raises: CallerError where it is not installed."""
    try:
        import vl_convert
    except ImportError:
        raise CallerError(
            "charts need a drawing library, which is not installed; everything else works without it.",
            hint="%pip install 'nbconvex[charts]'",
        ) from None
    return vl_convert
