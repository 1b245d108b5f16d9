"""Shares over places in a row: a line each, named at its end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, fit, share_scale, spread
from kedit.reporting.figures.palette import LINE, SOFT


class Line(NamedTuple):
    """A measure at every place; None where it was not measured."""

    label: str
    color: str
    mark: str
    values: Sequence[float | None]


def line_chart(places: Sequence[tuple[str, str]], lines: Sequence[Line], below: str, chosen: Collection[int] = ()) -> Canvas:
    """`places`: the tick's word and the name that a pointer is told; those that are `chosen` stand on a band."""
    canvas = Canvas(height=230)
    left, right, top, high = 34.0, 112.0, 22.0, 160.0
    axes = canvas.panel(left, top, WIDTH - left - right, high)
    share_scale(axes)
    axes.set_xlim(-0.5, len(places) - 0.5)
    every = -(-len(places) // 12)
    shown = [i for i in range(len(places)) if i % every == 0 or i in chosen]
    room = (WIDTH - left - right) / max(len(shown), 1)
    axes.set_xticks(shown, [fit(places[i][0], room) for i in shown])
    for index in chosen:
        half = min(0.4, 24 * len(places) / (WIDTH - left - right))
        axes.axvspan(index - half, index + half, color=LINE, alpha=0.55, linewidth=0, zorder=0)
        axes.text(index, 1.07, "chosen", ha="center", va="bottom", color=SOFT, fontsize=SMALL)
    ends: list[tuple[float, str, str]] = []
    for line in lines:
        points = [(i, value) for i, value in enumerate(line.values) if value is not None]
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), color=line.color, linewidth=2, clip_on=False)
        for index, value in points:
            dot = axes.plot([index], [value], color=line.color, marker=line.mark, markersize=6, clip_on=False)[0]
            canvas.tip(dot, f"{places[index][1]}: {line.label} {fmt.share(value)}")
        ends.append((top + high * (1.04 - points[-1][1]) / 1.06, f"{line.label} {fmt.share(points[-1][1])}", line.color))
    for y, (_, label, color) in zip(spread([end[0] for end in ends], 15, top, top + high), ends, strict=True):
        canvas.text(WIDTH - right + 4, y, label, color=color)
    canvas.text(left, 9, "share", color=SOFT, ha="right")
    canvas.text(left + (WIDTH - left - right) / 2, 222, below, ha="center", color=SOFT)
    return canvas
