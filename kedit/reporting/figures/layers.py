"""Every hook point that was tried: what its slots read, what swapping them does, what the model's own states would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, fit, share_scale, spread, styled
from kedit.reporting.figures.palette import ACCENT, LINE, ORANGE, SERIES, SOFT
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
    canvas = Canvas(height=230)
    left, right, top, high = 34.0, 112.0, 22.0, 160.0
    axes = canvas.panel(left, top, WIDTH - left - right, high)
    share_scale(axes)
    places = range(len(layers))
    axes.set_xlim(-0.5, len(layers) - 0.5)
    every = -(-len(layers) // 12)
    shown = [i for i in places if i % every == 0 or layers[i].chosen]
    room = (WIDTH - left - right) / max(len(shown), 1)
    axes.set_xticks(shown, [fit(_block(layers[i].hook_point), room) for i in shown])
    for index in places:
        if layers[index].chosen:
            half = min(0.4, 24 * len(layers) / (WIDTH - left - right))
            axes.axvspan(index - half, index + half, color=LINE, alpha=0.55, linewidth=0, zorder=0)
            axes.text(index, 1.07, "chosen", ha="center", va="bottom", color=SOFT, fontsize=SMALL)
    ends: list[tuple[float, str, str]] = []
    for field, label, color, mark in _LINES:
        points = [(i, getattr(layer, field)) for i, layer in enumerate(layers) if getattr(layer, field) is not None]
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), color=color, linewidth=2, clip_on=False)
        for index, value in points:
            dot = axes.plot([index], [value], color=color, marker=mark, markersize=6, clip_on=False)[0]
            canvas.tip(dot, f"{layers[index].hook_point}: {label} {fmt.share(value)}")
        ends.append((top + high * (1.04 - points[-1][1]) / 1.06, f"{label} {fmt.share(points[-1][1])}", color))
    for y, (_, label, color) in zip(spread([end[0] for end in ends], 15, top, top + high), ends, strict=True):
        canvas.text(WIDTH - right + 4, y, label, color=color)
    canvas.text(left, 9, "share", color=SOFT, ha="right")
    canvas.text(left + (WIDTH - left - right) / 2, 222, "block whose output is read and written", ha="center", color=SOFT)
    caption = "On validation; interchange: hit when the other question's own state is put there instead."
    return canvas.finish("layers", "Hook points", caption)


def _block(hook_point: str) -> str:
    found = re.match(r"blocks\.(\d+)\.", hook_point)
    return found[1] if found else hook_point
