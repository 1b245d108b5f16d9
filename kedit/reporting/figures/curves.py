"""An edit over strengths: what it hits and what it costs, one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import WIDTH, Canvas, share_scale, styled
from kedit.reporting.figures.palette import ACCENT, LINE, ORANGE, PAPER, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import CurvePoint
from kedit.verification.report import EditResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT = 40.0, 14.0


@styled
def strength_figure(edit: EditResult, name: str) -> Figure | None:
    """Hit with its interval above, damage below, over the same strengths; the chosen one and the plateau are marked."""
    points = sorted(edit.curve, key=lambda point: point.strength)
    if not points:
        return None
    costed = [point for point in points if point.drift_kl is not None]
    canvas = Canvas(height=332 if costed else 222)
    wide = WIDTH - _LEFT - _RIGHT
    above = canvas.panel(_LEFT, 30, wide, 140)
    share_scale(above)
    canvas.text(8, 10, f"hit on validation{_n(points)}{_with(points)}")
    _hits(canvas, above, points)
    panels = [above]
    if costed:
        canvas.text(8, 194, "mean KL on neutral text (nats), edit on everywhere")
        below = canvas.panel(_LEFT, 208, wide, 80)
        _costs(canvas, below, costed)
        panels.append(below)
    chosen = next((point.strength for point in points if point.chosen), edit.strength)
    span = points[-1].strength - points[0].strength or 1.0
    for axes in panels:
        axes.set_xlim(points[0].strength - 0.04 * span, points[-1].strength + 0.04 * span)
        if edit.plateau is not None:
            axes.axvspan(edit.plateau.low, edit.plateau.high, color=ACCENT, alpha=0.1, linewidth=0, zorder=0)
        if chosen is not None:
            axes.axvline(chosen, color=SOFT, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
        axes.set_xticks([point.strength for point in points] if len(points) <= 9 else axes.get_xticks()[1:-1])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if costed:
        above.tick_params(labelbottom=False)
    canvas.text(_LEFT + wide / 2, canvas.height - 10, "strength (calibrated units)", ha="center", color=SOFT)
    return canvas.finish(name, "Strength, effect and damage", _caption(edit, chosen), edit.id)


def _caption(edit: EditResult, chosen: float | None) -> str:
    said = [f"Dashed: chosen strength {chosen:g}." if chosen is not None else ""]
    if plateau := edit.plateau:
        said.append(f"Shaded: from {plateau.low:g} to {plateau.high:g}, hit stays within {plateau.tolerance:g}.")
    said.append(f"Hit on {on}." if (on := fmt.chosen_on(edit.curve_on)) else "")
    return " ".join(filter(None, said))


def _hits(canvas: Canvas, axes: Axes, points: list[CurvePoint]) -> None:
    hits = [(point.strength, point.hit) for point in points if point.hit is not None]
    band = [(p.strength, p.ci[0], p.ci[1]) for p in points if p.ci[0] is not None and p.ci[1] is not None]
    if len(band) > 1:
        strengths, low, high = zip(*band, strict=True)
        axes.fill_between(strengths, low, high, color=ACCENT, alpha=0.18, linewidth=0)
    if hits:
        axes.plot(*zip(*hits, strict=True), color=ACCENT, linewidth=2, clip_on=False)
    for point in points:
        if point.hit is not None:
            how = {"markersize": 10, "markerfacecolor": PAPER, "markeredgewidth": 2.5} if point.chosen else {"markersize": 6}
            dot = axes.plot([point.strength], [point.hit], "o", color=ACCENT, clip_on=False, zorder=4, **how)[0]
            said = f"strength {point.strength:g}: hit {fmt.with_interval(point.hit, point.ci)}"
            canvas.tip(dot, f"{said}, n = {point.n}" if point.n else said)


def _costs(canvas: Canvas, axes: Axes, points: list[CurvePoint]) -> None:
    costs = [(point.strength, point.drift_kl or 0.0) for point in points]
    axes.plot(*zip(*costs, strict=True), color=ORANGE, linewidth=2, clip_on=False)
    for strength, cost in costs:
        dot = axes.plot([strength], [cost], "s", color=ORANGE, markersize=5, clip_on=False)[0]
        canvas.tip(dot, f"strength {strength:g}: KL {fmt.nats(cost)}")
    most = max(cost for _, cost in costs)
    axes.set_ylim(0, most * 1.12 or 1)
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="y", color=LINE, linewidth=0.8)


def _n(points: list[CurvePoint]) -> str:
    most = max(point.n for point in points)
    return f", n = {most:,}" if most else ""


def _with(points: list[CurvePoint]) -> str:
    return ", with 95 % interval" if any(None not in point.ci for point in points) else ""
