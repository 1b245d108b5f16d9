"""A diagram as PNG: its SVG, rendered with the same font."""

from __future__ import annotations

from kedit.reporting.diagram import fonts
from kedit.reporting.diagram.model import Diagram
from kedit.reporting.diagram.svg import to_svg

_PIXELS = 12_000_000
"""Of the largest picture: more take seconds to write and to open."""


def to_png(diagram: Diagram, zoom: float = 2.0) -> bytes:
    """The diagram as PNG, at twice its size for sharp text unless it is very large.

    Scripts that our font lacks come from the system's fonts, if there are any.
    """
    import re

    import resvg_py

    svg = to_svg(diagram)
    sides = re.match(r'<svg [^>]*width="(\d+)" height="(\d+)"', svg)
    area = int(sides[1]) * int(sides[2]) if sides else 1
    files = [str(fonts.path("Regular")), str(fonts.path("Semibold"))]
    zoom = min(zoom, (_PIXELS / area) ** 0.5)
    family = fonts.FAMILY
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, font_files=files, font_family=family, sans_serif_family=family, zoom=zoom))
