"""A sheet to draw on: matplotlib by its object interface, in pixels from the top left, with one look for all figures."""

from __future__ import annotations

import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from kedit.reporting import format as fmt
from kedit.reporting.diagram import fonts
from kedit.reporting.figures.palette import ACCENT, INK, LINE, PAPER, SOFT
from kedit.reporting.figures.svg import Figure, tidy

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH: Final = 440
"""Of a figure that stands in half of a page, and that a phone still shows with readable letters."""
SIZE: Final = 12.0
SMALL: Final = 11.0
_SLACK: Final = 1.17
"""Browsers' own typefaces are wider than the one that is measured by."""
_RULES: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kedit",
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "font.size": SMALL,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1.0,
    "axes.unicode_minus": True,
    "path.simplify": False,
}
P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw under our rules alone, whatever the user's matplotlibrc says, and leave no trace of them."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with _rules():
            return draw(*args, **kwargs)

    return drawn


@contextmanager
def _rules() -> Iterator[None]:
    # The first import on a machine looks for fonts, and says so.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import matplotlib

    default = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with warnings.catch_warnings(), matplotlib.rc_context(default | _RULES):  # type: ignore[arg-type]
        # Letters that the measuring font lacks: the page's reader has other fonts.
        warnings.filterwarnings("ignore", message=".*missing from font.*")
        yield


class Canvas:
    """A figure in the making, `width` by `height` pixels."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        from matplotlib.figure import Figure as Sheet

        self.width, self.height = width, height
        self.sheet = Sheet(figsize=(width / 72, height / 72), dpi=72, frameon=False)
        self.tips: list[str] = []

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes with nothing but the scale: no frame, a line below, quiet ticks."""
        where = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.sheet.add_axes(where, frameon=True)
        axes.patch.set_visible(False)
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.tick_params(length=0, pad=5, labelsize=SMALL, labelcolor=SOFT, which="both")
        axes.set_axisbelow(True)
        return axes

    def text(self, x: float, y: float, words: str, **how: Any) -> Artist:
        """Words with their baseline (`va`: centre, top) at a place of the sheet."""
        style: dict[str, Any] = {"fontsize": SMALL, "color": INK, "va": "center_baseline", **how}
        return self.sheet.text(x / self.width, 1 - y / self.height, fmt.printable(words), **style)

    def key(self, x: float, y: float, words: str, color: str, mark: str = "s", *, hollow: bool = False) -> None:
        """A mark and what it means: said at the figure, in its colour."""
        from matplotlib.lines import Line2D

        where = ([x / self.width], [1 - y / self.height])
        how: dict[str, Any] = {
            "markersize": 8 if mark != "|" else 11,
            "markerfacecolor": PAPER if hollow else color,
            "markeredgewidth": 1.6,
        }
        self.sheet.add_artist(Line2D(*where, color=color, marker=mark, linestyle="none", **how))
        self.text(x + 9, y, words, color=INK)

    def tip(self, artist: Artist, words: str) -> None:
        """What is told when the pointer rests on an artist."""
        artist.set_gid(f"tip-{len(self.tips)}")
        self.tips.append(fmt.printable(words))

    def finish(self, name: str, title: str, caption: str, about: str = "") -> Figure:
        """Draw it."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        stream = io.StringIO()
        FigureCanvasSVG(self.sheet).print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        body = tidy(stream.getvalue(), name, self.tips)
        return Figure(name, title, caption, about, round(self.width), round(self.height), body)


def measure(words: str, size: float = SMALL) -> float:
    """Pixels that a line of words takes, in most typefaces."""
    return fonts.width(fmt.printable(words), size) * _SLACK


def fit(words: str, room: float, size: float = SMALL) -> str:
    """As much of the words as there is room for: names differ at their ends, so that it is the middle that goes."""
    words, room = fmt.printable(words), room / _SLACK
    if fonts.width(words, size) <= room:
        return words
    end = words[-5:]
    head = fonts.fit(words[:-5], room - fonts.width(end, size), size)
    return head.removesuffix(fonts.ELLIPSIS).rstrip() + fonts.ELLIPSIS + end


def column(words: Sequence[str], most: float, size: float = SMALL) -> tuple[float, list[str]]:
    """The width of a column of words, at most so wide, and the words that fit in."""
    width = min(max((measure(word, size) for word in words), default=0.0), most)
    return width, [fit(word, width + 0.5, size) for word in words]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved apart to at least `gap`, in the same order, within bounds while there is room."""
    order = sorted(range(len(places)), key=lambda index: (places[index], index))
    moved = [0.0] * len(places)
    below = low - gap
    for index in order:
        below = moved[index] = max(places[index], below + gap)
    above = high + gap
    for index in reversed(order):
        above = moved[index] = min(moved[index], above - gap)
    return moved


def share_scale(axes: Axes, *, which: str = "y") -> None:
    """An axis from 0 to 1 with a quiet grid."""
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    labels = ("0", "", "0.5", "", "1")
    if which == "y":
        axes.set_ylim(0, 1.04)
        axes.set_yticks(ticks, labels)
    else:
        axes.set_xlim(0, 1.02)
        axes.set_xticks(ticks, labels)
    axes.grid(axis="y" if which == "y" else "x", color=LINE, linewidth=0.8)


def whisker(axes: Axes, y: float, ci: Sequence[float | None], *, color: str = ACCENT, width: float = 2.0, **how: Any) -> None:
    """A 95 % interval as a horizontal line; none where it was not measured."""
    low, high = ci
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=color, linewidth=width, solid_capstyle="butt", clip_on=False, **how)
