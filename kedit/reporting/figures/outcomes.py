"""What became of the answers: four shares per quadrant, the first with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedit.editing.metric_names import QUADRANTS
from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, share_scale, styled, whisker
from kedit.reporting.figures.palette import ON_BAR, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import SwapQuadrant

_ROW = 40.0


@styled
def outcome_figure(quadrants: Mapping[Any, SwapQuadrant], name: str, about: str = "") -> Figure | None:
    """A stacked bar per quadrant, the hardest first; the whisker belongs to hit."""
    shown = [(key, quadrants[key]) for key in reversed(QUADRANTS) if key in quadrants]
    if not shown:
        return None
    left, right, top = 8.0, 8.0, 28.0
    canvas = Canvas(height=top + len(shown) * _ROW + 26)
    axes = canvas.panel(left, top, WIDTH - left - right, len(shown) * _ROW)
    axes.set_ylim(len(shown), 0)
    axes.set_yticks([])
    share_scale(axes, which="x")
    axes.set_xlim(0, 1)
    _legend(canvas)
    for place, (key, row) in enumerate(shown):
        canvas.text(left, top + place * _ROW + 9, fmt.quadrant_words(key), weight="bold" if place == 0 else "normal")
        said = f"n = {row.n:,}, {row.subjects:,} subjects"
        canvas.text(WIDTH - right, top + place * _ROW + 9, said, ha="right", color=SOFT)
        for part in fmt.outcome_parts(row, 1.0):
            if part.width <= 0:
                continue
            bar = axes.barh(place + 0.68, part.width, left=part.start, height=0.42, color=part.colour, linewidth=0)[0]
            canvas.tip(bar, f"{fmt.words(part.outcome)}: {fmt.share(part.width)} of {row.n:,}")
            if part.width >= 0.09:
                middle = part.start + (0.012 if part.outcome == "hit" else part.width / 2)
                side = "left" if part.outcome == "hit" else "center"
                axes.text(middle, place + 0.68, fmt.share(part.width), ha=side, va="center", color=ON_BAR, fontsize=SMALL)
        whisker(axes, place + 0.68, row.ci, color=ON_BAR, width=1.4)
    headline = shown[0][1]
    hit = fmt.with_interval(headline.hit, headline.ci)
    caption = f"On {fmt.quadrant_words(shown[0][0])}: hit {hit}. Line in the bar: its 95 % interval."
    return canvas.finish(name, "What became of the answers", caption, about)


def _legend(canvas: Canvas) -> None:
    x = 8.0
    for outcome, colour, _ in fmt.OUTCOMES:
        canvas.key(x + 5, 10, fmt.words(outcome), colour)
        x += 40 + 6 * len(outcome)
