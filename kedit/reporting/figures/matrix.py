"""Square matrices of shares as heat maps: what is asked against what is read, and ordered pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import SMALL, Canvas, column, measure, styled
from kedit.reporting.figures.palette import ACCENT, INK, LINE, ON_ACCENT, QUIET, SOFT
from kedit.reporting.figures.svg import Figure
from kedit.verification.figures import Binding, Pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cell = tuple[float | None, str, str]
"""A share, the text on it, and what the pointer is told."""


@styled
def confusion_figure(binding: Binding | None) -> Figure | None:
    """Which relation prompts ask for against which slot reads strongest, in shares of each row."""
    if binding is None or binding.confusion is None or not binding.confusion.labels:
        return None
    confusion = binding.confusion
    names = [*fmt.short_names(confusion.labels[:-1]).values(), "none"]
    cells: dict[tuple[int, int], Cell] = {}
    for row, counts in enumerate(confusion.counts):
        total = sum(counts)
        for col, count in enumerate(counts):
            if count:
                share = count / total
                said = f"asked {names[row]}, read as {names[col]}: {count} of {total} ({share:.1%})"
                cells[row, col] = (share, fmt.share(share), said)
    n = sum(map(sum, confusion.counts))
    canvas = _heat_map(names, cells, down="asked for", across="read as")
    caption = f"Shares of each row; n = {n:,} held-out prompts; none: no relation is asked for, or no slot is on."
    return canvas.finish("binding", "What is asked, and which slot reads it", caption)


@styled
def pair_figure(pairs: Sequence[Pair], name: str, about: str = "") -> Figure | None:
    """Hit of every ordered pair of relations; None where there is but one."""
    mine = {(pair.source, pair.target): pair for pair in pairs if pair.quadrant == HEADLINE_QUADRANT}
    if len(mine) < 2:
        return None
    terms = sorted({term for pair in mine for term in pair})
    short = fmt.short_names(terms)
    place = {term: index for index, term in enumerate(terms)}
    cells: dict[tuple[int, int], Cell] = {}
    for (source, target), pair in mine.items():
        measured = f"hit {fmt.with_interval(pair.hit, pair.ci)}, n = {pair.n}, {pair.subjects} subjects"
        said = f"{short[source]} → {short[target]}: {measured}{'' if pair.counts else '; too few to count'}"
        cells[place[source], place[target]] = (pair.hit, pair_text(pair), said)
    canvas = _heat_map([short[term] for term in terms], cells, down="from", across="to")
    caption = "Hit on unseen carriers × unseen subjects. * never trained; ( ) too few items or subjects to count."
    return canvas.finish(name, "Every ordered pair of relations", caption, about)


def pair_text(pair: Pair) -> str:
    """`0.93*` for a pair that was never trained, `(0.50)` for one with too few items."""
    text = fmt.share(pair.hit) + ("*" if pair.trained is False else "")
    return text if pair.counts else f"({text})"


def _heat_map(names: Sequence[str], cells: Mapping[tuple[int, int], Cell], *, down: str, across: str) -> Canvas:
    """Rows against columns, the same names on both; the stronger the colour, the greater the share."""
    count = len(names)
    size = min(max(330 / count, 15.0), 46.0)
    letters = min(SMALL, size - 3)
    left, shown = column(names, 118, letters)
    left = max(left, measure(f"{down} ↓"))
    slant = 90 if size < 30 else 40
    top = 26 + (left if slant == 90 else left * 0.66 + 6)
    overhang = 0 if slant == 90 else left * 0.78 - size / 2
    width = left + 12 + count * size + max(8, overhang)
    numbers = _fitting([text for _, text, _ in cells.values()], size)
    canvas = Canvas(height=top + count * size + 6, width=max(width, 240))
    axes = canvas.panel(left + 10, top, count * size, count * size)
    axes.set_xlim(0, count)
    axes.set_ylim(count, 0)
    axes.set_axis_off()
    for ((row, col), (share, _, said)), text in zip(cells.items(), numbers, strict=True):
        _cell(canvas, axes, (row, col), share, text, said)
    for line in range(count + 1):
        axes.plot([0, count], [line, line], color=LINE, linewidth=0.5, clip_on=False, zorder=0)
        axes.plot([line, line], [0, count], color=LINE, linewidth=0.5, clip_on=False, zorder=0)
    for index, (name, full) in enumerate(zip(shown, names, strict=True)):
        centre = (index + 0.5) * size
        label = canvas.text(left + 4, top + centre, name, ha="right", fontsize=letters)
        how: dict[str, Any] = {
            "rotation": slant,
            "rotation_mode": "anchor",
            "ha": "left",
            "va": "center" if slant == 90 else "baseline",
        }
        head = canvas.text(left + 10 + centre, top - 6, name, fontsize=letters, **how)
        canvas.tip(label, full)
        canvas.tip(head, full)
    canvas.text(left + 4, top - 12, f"{down} ↓", ha="right", color=SOFT)
    canvas.text(left + 10, 10, f"{across} →", color=SOFT)
    return canvas


def _fitting(texts: Sequence[str], room: float) -> list[str]:
    """Numbers that all have room in their cells, if need be as `.93`; else none: colour, and the pointer, tell them."""
    for shown in (list(texts), [text.replace("0.", ".").replace("1.00", "1") for text in texts]):
        if all(measure(text) <= room for text in shown):
            return shown
    return [""] * len(texts)


def _cell(canvas: Canvas, axes: Axes, place: tuple[int, int], share: float | None, text: str, said: str) -> None:
    from matplotlib.patches import Rectangle

    row, col = place
    strength = 0.06 + 0.94 * min(max(share, 0.0), 1.0) if share is not None else 0.0
    patch = Rectangle((col, row), 1, 1, facecolor=ACCENT, alpha=strength, linewidth=0)
    canvas.tip(axes.add_patch(patch), said)
    if text:
        color = QUIET if share is None else ON_ACCENT if strength > 0.55 else INK
        axes.text(col + 0.5, row + 0.5, text, ha="center", va="center", color=color, fontsize=SMALL)
