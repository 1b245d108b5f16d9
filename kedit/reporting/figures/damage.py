"""What else moved: with the edit where the gate lets it act, and with it switched on everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, column, share_scale, styled, whisker
from kedit.reporting.figures.palette import ACCENT, LINE, ORANGE, PAPER, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.reporting.scope import scope_rows
from kedit.verification.figures import Drift, Locality, Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 36.0
Measured = Share | Drift | None
Row = tuple[str, Measured, Measured]


@styled
def damage_figure(locality: Locality) -> Figure | None:
    """Answers kept and KL, per corpus: a full dot as scoped, a hollow one forced."""
    kept: list[Row] = [(fmt.words(name), row.scoped, row.forced) for name, row in locality.retention.items()]
    moved: list[Row] = [(fmt.words(name), row.scoped, row.forced) for name, row in locality.drift_kl.items()]
    groups = [(title, rows) for title, rows in (("retention", kept), ("KL", moved)) if rows]
    if not groups:
        return None
    canvas = Canvas(height=16 + sum(len(rows) * _ROW + 56 for _, rows in groups))
    canvas.key(10, 10, "as scoped", ACCENT, "o")
    canvas.key(110, 10, "switched on everywhere", ORANGE, "o", hollow=True)
    left, labels = column([row[0] for _, rows in groups for row in rows], 130, SMALL)
    left, right, top, said = left + 16, 98.0, 26.0, iter(labels)
    for title, rows in groups:
        about = "share of answers kept, with 95 % interval" if title == "retention" else "mean KL (nats), to the 95th percentile"
        canvas.text(left, top + 10, about, color=SOFT)
        axes = canvas.panel(left, top + 20, WIDTH - left - right, len(rows) * _ROW)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        _scale(axes, title, rows)
        for place, (name, scoped, forced) in enumerate(rows):
            canvas.text(left - 8, top + 20 + (place + 0.5) * _ROW, next(said), ha="right")
            for shift, measured, color, how in ((-0.2, scoped, ACCENT, "as scoped"), (0.2, forced, ORANGE, "everywhere")):
                text = _dot(canvas, axes, place + shift, measured, color, f"{name}, {how}")
                canvas.text(WIDTH - right + 10, top + 20 + (place + 0.5 + shift) * _ROW, text, color=color)
        top += len(rows) * _ROW + 56
    return canvas.finish("damage", "What else moved", _caption(locality))


def _caption(locality: Locality) -> str:
    shown = []
    for name, leak, miss in scope_rows(locality):
        ends = (f"{word} {fmt.counted(found)}" for word, found in (("leak", leak), ("miss", miss)) if found)
        shown.append(f"{name}: {', '.join(ends)}")
    return f"Where it fires. {'; '.join(shown)}." if shown else ""


def _scale(axes: Axes, title: str, rows: list[Row]) -> None:
    if title == "retention":
        share_scale(axes, which="x")
        return
    drifts = [measured for _, *pair in rows for measured in pair if isinstance(measured, Drift)]
    most = max((max(drift.p95 or 0.0, drift.mean or 0.0) for drift in drifts), default=0.0) or 0.01
    axes.set_xlim(-0.02 * most, most * 1.02)
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", color=LINE, linewidth=0.8)


def _dot(canvas: Canvas, axes: Axes, y: float, measured: Measured, color: str, name: str) -> str:
    """Draw one measured figure; its text."""
    if measured is None:
        return fmt.MISSING
    if isinstance(measured, Share):
        value, ends, text = measured.value, measured.ci, fmt.share(measured.value)
        said = f"{name}: {fmt.with_interval(value, measured.ci)}, n = {measured.n:,}"
    else:
        value, ends, text = measured.mean, (measured.mean, measured.p95), f"{fmt.nats(measured.mean)} ({fmt.nats(measured.p95)})"
        said = f"{name}: mean {fmt.nats(value)}, 95th percentile {fmt.nats(measured.p95)}, n = {measured.n:,}"
    whisker(axes, y, ends, color=color, width=1.5)
    if value is not None:
        face = PAPER if color == ORANGE else color
        dot = axes.plot([value], [y], "o", color=color, markerfacecolor=face, markersize=7, markeredgewidth=1.6, clip_on=False)
        canvas.tip(dot[0], said)
    return text
