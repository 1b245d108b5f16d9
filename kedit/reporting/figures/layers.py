"""Every hook point that was tried: what its slots read, what swapping them does, what the model's own states would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kedit.reporting.figures.canvas import styled
from kedit.reporting.figures.lines import Line, line_chart
from kedit.reporting.figures.palette import ACCENT, ORANGE, SERIES
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import Layer

_LINES: Final = (
    ("binding", "binding", SERIES[2], "^"),
    ("hit", "hit", ACCENT, "o"),
    ("interchange", "interchange", ORANGE, "s"),
    ("stuck", "stuck", SERIES[1], "v"),
)
"""Field, label, colour, mark."""


@styled
def layer_figure(layers: Sequence[Layer]) -> Figure | None:
    """A line per measure over hook points; the chosen one stands on a band."""
    if not layers:
        return None
    places = [(_block(layer.hook_point), layer.hook_point) for layer in layers]
    lines = [Line(label, color, mark, [getattr(layer, field) for layer in layers]) for field, label, color, mark in _LINES]
    chosen = [index for index, layer in enumerate(layers) if layer.chosen]
    canvas = line_chart(places, lines, "block whose output is read and written", chosen)
    caption = "On validation; interchange: hit when the other question's own state is put there instead."
    return canvas.finish("layers", "Hook points", caption)


def _block(hook_point: str) -> str:
    found = re.match(r"blocks\.(\d+)\.", hook_point)
    return found[1] if found else hook_point
