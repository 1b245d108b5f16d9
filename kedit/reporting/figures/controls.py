"""An edit among its controls and competitors: on the same prompts, and at the same damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, column, fit, share_scale, spread, styled, whisker
from kedit.reporting.figures.palette import ACCENT, INK, LINE, MARKS, PAPER, SERIES, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import Control, CurvePoint, Rate
from kedit.verification.report import EditResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Controls = Mapping[str, Mapping[Any, Control]]
_ROW = 23.0


def compared(controls: Controls) -> list[tuple[str, Control]]:
    """Controls on unseen carriers x unseen subjects, the best first; what was not measured comes last."""
    rows = [(fmt.words(name), rows[HEADLINE_QUADRANT]) for name, rows in controls.items() if HEADLINE_QUADRANT in rows]
    return sorted(rows, key=lambda row: -1.0 if row[1].hit is None else row[1].hit, reverse=True)


@styled
def control_figure(edit: Rate | None, controls: Controls, name: str, about: str = "") -> Figure | None:
    """A dot and its interval per control, sorted, before the edit's own as a band; hollow at the edit's damage."""
    others = compared(controls)
    if not others:
        return None
    rows: list[tuple[str, Rate]] = [*others, ("this edit", edit)] if edit else [*others]
    rows.sort(key=lambda row: (-1.0 if row[1].hit is None else row[1].hit, row[1] is edit), reverse=True)
    left, labels = column([row[0] for row in rows], 130, SMALL)
    left, right = left + 14, 112.0
    canvas = Canvas(height=len(rows) * _ROW + 44)
    axes = canvas.panel(left, 6, WIDTH - left - right, len(rows) * _ROW)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    share_scale(axes, which="x")
    if edit is not None and edit.hit is not None:
        low, high = edit.ci
        axes.axvspan(edit.hit if low is None else low, edit.hit if high is None else high, color=ACCENT, alpha=0.13, linewidth=0)
    for place, ((title, row), label) in enumerate(zip(rows, labels, strict=True)):
        y, own = 6 + (place + 0.5) * _ROW, row is edit
        color = ACCENT if own else SOFT
        named = canvas.text(left - 8, y, label, ha="right", weight="bold" if own else "normal", color=ACCENT if own else INK)
        said = _row(canvas, axes, place, row, color, title)
        canvas.tip(named, said)
        canvas.text(WIDTH - right + 10, y, fmt.with_interval(row.hit, row.ci), color=color)
    canvas.text(left + (WIDTH - left - right) / 2, canvas.height - 9, "hit, with 95 % interval", ha="center", color=SOFT)
    caption = f"The same prompts, unseen carriers × unseen subjects: {_counts(rows, edit)}. The band is this edit's interval."
    if any(row.equal_damage for _, row in others):
        caption += " Hollow: at no more forced KL than the edit."
    return canvas.finish(name, "Against controls and competitors", caption, about)


def _counts(rows: Sequence[tuple[str, Rate]], edit: Rate | None) -> str:
    """`n = 105`, and what was measured on another number of them."""
    n = edit.n if edit is not None else rows[0][1].n
    others = sorted((row.n, title) for title, row in rows if row.n != n)
    if len(others) > 3:
        return f"n = {n:,} (controls {others[0][0]:,} to {others[-1][0]:,})"
    return f"n = {n:,}" + (f" ({', '.join(f'{title} {count:,}' for count, title in others)})" if others else "")


def _row(canvas: Canvas, axes: Axes, place: int, row: Rate, color: str, title: str) -> str:
    whisker(axes, place, row.ci, color=color)
    said = f"{title}: hit {fmt.with_interval(row.hit, row.ci)}, n = {row.n}, {row.subjects} subjects"
    equal = row.equal_damage if isinstance(row, Control) else None
    if equal is not None and equal.hit is not None:
        whisker(axes, place + 0.27, equal.ci, color=color, width=1)
        dot = axes.plot(
            [equal.hit], [place + 0.27], "o", color=color, markerfacecolor=PAPER, markersize=5.5, clip_on=False, zorder=4
        )
        canvas.tip(dot[0], f"{title} at no more forced KL than the edit: hit {fmt.with_interval(equal.hit, equal.ci)}")
    if row.hit is not None:
        canvas.tip(axes.plot([row.hit], [place], "o", color=color, markersize=7.5, clip_on=False, zorder=5)[0], said)
    return said


@styled
def tradeoff_figure(edit: EditResult, name: str) -> Figure | None:
    """Hit against damage for the edit and every competitor that was tried at several strengths; up and left is better."""
    curves = [("this edit", _along(edit.curve))]
    curves += [(title, _along(control.curve)) for title, control in compared(edit.controls)]
    curves = [(title, points) for title, points in curves if points]
    if len(curves) < 2:
        return None
    left, right, top, high = 34.0, 126.0, 26.0, 180.0
    canvas = Canvas(height=top + high + 44)
    axes = canvas.panel(left, top, WIDTH - left - right, high)
    share_scale(axes)
    axes.set_xscale("log")
    ends: list[tuple[float, str, str, str]] = []
    marks, colours = cycle(MARKS), cycle(SERIES)
    for title, points in curves:
        own = title == "this edit"
        color, mark = (ACCENT, "o") if own else (next(colours), next(marks))
        _line(canvas, axes, title, points, color, mark)
        ends.append((top + high * (1.04 - (points[-1].hit or 0.0)) / 1.06, title, color, mark))
    _log_ticks(axes, [point.drift_kl or 1.0 for _, points in curves for point in points])
    for y, (_, title, color, mark) in zip(spread([end[0] for end in ends], 15, top, top + high), ends, strict=True):
        place = (1 + 12 / (WIDTH - left - right), 1 - (y - top) / high)
        axes.plot(*([part] for part in place), mark, color=color, markersize=5, transform=axes.transAxes, clip_on=False)
        canvas.text(WIDTH - right + 20, y, fit(title, right - 22), color=color, weight="bold" if color == ACCENT else "normal")
    canvas.text(8, 10, "hit on validation", color=INK)
    canvas.text(
        left + (WIDTH - left - right) / 2, canvas.height - 10, "mean KL on neutral text (nats, log)", ha="center", color=SOFT
    )
    caption = (
        "Each line over its strengths, on everywhere; the large mark is the strength that was chosen. Up and left is better."
    )
    return canvas.finish(name, "Effect against damage", caption, edit.id)


def _along(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    """By damage; a logarithm has no place for none."""
    shown = [point for point in curve if point.hit is not None and point.drift_kl is not None and point.drift_kl > 0]
    return sorted(shown, key=lambda point: (point.drift_kl or 0.0, point.strength))


def _line(canvas: Canvas, axes: Axes, title: str, points: Sequence[CurvePoint], color: str, mark: str) -> None:
    at = [(point.drift_kl or 0.0, point.hit or 0.0) for point in points]
    axes.plot(*zip(*at, strict=True), color=color, linewidth=2.4 if color == ACCENT else 1.5, clip_on=False)
    for point, (cost, hit) in zip(points, at, strict=True):
        size = 9 if point.chosen else 4.5
        dot = axes.plot([cost], [hit], mark, color=color, markersize=size, clip_on=False, zorder=4)[0]
        canvas.tip(dot, f"{title}, strength {point.strength:g}: hit {fmt.share(point.hit)}, KL {fmt.nats(point.drift_kl)}")


def _log_ticks(axes: Axes, values: Sequence[float]) -> None:
    """Ticks at 1, 3, 10, 30 ..., as plain numbers."""
    low, high = min(values) / 1.3, max(values) * 1.3
    axes.set_xlim(low, high)
    ticks = [mantissa * 10.0**power for power in range(-8, 4) for mantissa in (1, 3)]
    shown = [tick for tick in ticks if low <= tick <= high]
    shown = shown[:: -(-len(shown) // 6)] if len(shown) > 6 else shown
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.set_xticks([], minor=True)
    axes.grid(axis="x", color=LINE, linewidth=0.6)
