"""What each slot reads: prompts that ask for its relation against all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, WIDTH, Canvas, fit, styled
from kedit.reporting.figures.palette import ACCENT, INK, ORANGE, QUIET, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS: Final = 3
_MANY: Final = 9
"""Slots beyond which the figure takes the whole width of a page."""
_HIGH: Final = 96
_GAP: Final = 18


@styled
def activation_figure(activations: Mapping[str, Histogram]) -> Figure | None:
    """Small multiples: one histogram of two groups per slot, with its threshold."""
    shown = {name: one for name, one in activations.items() if len(one.edges) == len(one.on) + 1 == len(one.off) + 1 > 1}
    if not shown:
        return None
    names = fmt.short_names(shown)
    columns, width = (_COLUMNS, WIDTH) if len(shown) <= _MANY else (2 * _COLUMNS, 2 * WIDTH)
    rows = -(-len(shown) // columns)
    wide = (width - 16 - (columns - 1) * _GAP) / columns
    top = 22
    canvas = Canvas(height=top + rows * (_HIGH + 4) + 16, width=width)
    canvas.key(10, 9, "asks for this relation", ACCENT)
    canvas.key(166, 9, "asks for something else", QUIET)
    canvas.key(330, 9, "threshold", ORANGE, "|")
    for index, (term, one) in enumerate(shown.items()):
        row, col = divmod(index, columns)
        left, high = 8 + col * (wide + _GAP), top + row * (_HIGH + 4)
        axes = canvas.panel(left, high + 22, wide, _HIGH - 46)
        _histogram(canvas, axes, one, names[term])
        label = canvas.text(left, high + 13, fit(names[term], wide), color=INK)
        canvas.tip(label, f"{names[term]}: {sum(one.on):,} prompts ask for it, {sum(one.off):,} do not")
    canvas.text(width / 2, canvas.height - 8, "what the slot reads (calibrated units)", ha="center", color=SOFT)
    on, off = (sum(sum(getattr(one, group)) for one in shown.values()) for group in ("on", "off"))
    caption = f"Shares of either group; n = {on:,} reads where the relation is asked for, {off:,} where it is not."
    return canvas.finish("activations", "What each slot reads", caption)


def _histogram(canvas: Canvas, axes: Axes, one: Histogram, name: str) -> None:
    most = 0.0
    for counts, color in ((one.off, QUIET), (one.on, ACCENT)):
        total = sum(counts)
        if total:
            shares = [count / total for count in counts]
            most = max(most, *shares)
            bars = axes.stairs(shares, list(one.edges), fill=True, color=color, alpha=0.75, linewidth=0)
            canvas.tip(bars, f"{name}: n = {total:,}")
    if one.threshold is not None:
        axes.axvline(one.threshold, color=ORANGE, linewidth=1.4, linestyle=(0, (3, 2)))
    axes.set_xlim(one.edges[0], one.edges[-1])
    axes.set_ylim(0, most * 1.05 or 1)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=SMALL - 1, pad=3)
