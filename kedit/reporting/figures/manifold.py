"""What keeping edited states among natural ones costs and gains, over the weight of its term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kedit.reporting.figures.canvas import styled
from kedit.reporting.figures.lines import Line, line_chart
from kedit.reporting.figures.palette import ACCENT, ORANGE, SERIES
from kedit.reporting.figures.svg import Figure

_CARRIES: Final = (
    ("edited states among natural ones", "among natural", ORANGE, "s"),
    ("hit kept inside natural differences", "kept inside", SERIES[2], "^"),
    ("hit kept outside natural differences", "kept outside", SERIES[3], "v"),
    ("read without the slots", "left to read", SERIES[4], "d"),
)
"""Test, label, colour, mark."""


@styled
def manifold_figure(document: Mapping[str, Any]) -> Figure:
    """A line per measure over the write rows, in their order and evenly spaced."""
    rows = document["rows"]
    places = [(_short(row), f"{_short(row)}, strength {row['strength']:g}") for row in rows]
    lines = [Line("hit", ACCENT, "o", [row["hit"] for row in rows])]
    for test, label, color, mark in _CARRIES:
        values = [row["carries"].get(test) for row in rows]
        lines.append(Line(label, color, mark, [None if value is None else min(value, 1.0) for value in values]))
    caption = (
        f"At {document['hook_point']}. Hit: swaps on validation; the others, means over slots, on unseen carriers × unseen "
        "subjects: edited states in the region of 99 % of natural ones, and what of the hit is kept by the part of the edit "
        "inside natural differences, and by the part outside; left to read: what a linear reader still tells without the slots."
    )
    axis = "weight of L_man, or share of natural rows"
    return line_chart(places, lines, axis).finish("manifold", "Edits among natural states", caption)


def _short(row: Mapping[str, Any]) -> str:
    return f"{row['weight']:g}" if row["weight"] is not None else f"{row['share']:.0%}"
