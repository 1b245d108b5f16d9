"""A model that is being taught: what it knows, what its slots read and what swaps of them hit, over its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from kedit.reporting.figures.canvas import styled
from kedit.reporting.figures.lines import Line, line_chart
from kedit.reporting.figures.palette import ACCENT, ORANGE, SERIES
from kedit.reporting.figures.svg import Figure

_LINES: Final = (("known", "known", ORANGE, "s"), ("binding", "binding", SERIES[2], "^"), ("hit", "hit", ACCENT, "o"))
"""Field, label, colour, mark."""


@styled
def emergence_figure(document: Mapping[str, Any]) -> Figure:
    """A line per measure over the checkpoints, in their order and evenly spaced."""
    rows = document["rows"]
    places = [(_short(row["checkpoint"]), row["checkpoint"]) for row in rows]
    lines = [Line(label, color, mark, [row[field] for row in rows]) for field, label, color, mark in _LINES]
    caption = (
        f"At {document['hook_point']}. Known: training questions answered; binding: on held-out carriers × held-out subjects; "
        "hit: swaps of known facts, on validation."
    )
    return line_chart(places, lines, "checkpoint").finish("emergence", "Emergence", caption)


def _short(name: str) -> str:
    """The number that a checkpoint's name ends with: of `step-000150` 150."""
    found = re.search(r"\d+$", name)
    return str(int(found[0])) if found else name
