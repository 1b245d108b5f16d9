"""How cost grows: a small panel for each thing that grows, both scales logarithmic, with a line of slope 1 to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kedit.reporting.figures.canvas import Canvas, styled
from kedit.reporting.figures.palette import ACCENT, LINE, SOFT
from kedit.reporting.figures.svg import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _WIDE, _HIGH, _GAP = 52.0, 132.0, 130.0, 56.0
_TOP: Final = 44.0


@styled
def scaling_figure(document: Mapping[str, Any]) -> Figure:
    """Seconds over sizes of a `kedit.scaling/1`, an axis a panel."""
    axes = document["axes"]
    canvas = Canvas(height=_TOP + _HIGH + 44, width=_LEFT + len(axes) * (_WIDE + _GAP) - _GAP + 14)
    for number, axis in enumerate(axes):
        left = _LEFT + number * (_WIDE + _GAP)
        canvas.text(left, 14, axis["work"], fontweight="bold")
        canvas.text(left, 30, f"exponent {axis['exponent']:.2f}", color=SOFT)
        _draw(canvas, canvas.panel(left, _TOP, _WIDE, _HIGH), axis["points"])
        canvas.text(left + _WIDE / 2, _TOP + _HIGH + 34, axis["axis"], ha="center", color=SOFT)
    canvas.text(8, _TOP - 8, "s", color=SOFT)
    return canvas.finish("scaling", "Cost against size", "Both scales are logarithmic; grey: in proportion to size.")


def _draw(canvas: Canvas, panel: Axes, points: list[dict[str, float]]) -> None:
    sizes, seconds = ([point[key] for point in points] for key in ("size", "seconds"))
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
    panel.plot(sizes, [seconds[0] * size / sizes[0] for size in sizes], color=LINE, linewidth=2, zorder=1)
    for size, second in zip(sizes, seconds, strict=True):
        dot = panel.plot([size], [second], color=ACCENT, marker="o", markersize=6, clip_on=False)[0]
        canvas.tip(dot, f"{size:,}: {second:.3g} s")
    panel.plot(sizes, seconds, color=ACCENT, linewidth=2, zorder=2)
    panel.set_xticks(sizes, [f"{size:,}" if size < 1000 else f"{size / 1000:g}k" for size in sizes])
    ticks = [seconds[0], seconds[-1]]
    panel.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
    panel.minorticks_off()
