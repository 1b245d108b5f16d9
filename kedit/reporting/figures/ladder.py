"""A ladder of methods: hits of each with their intervals, and over strengths."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any, Final

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting.figures.canvas import Canvas, share_scale, spread, styled, whisker
from kedit.reporting.figures.palette import ACCENT, INK, MARKS, SERIES, SOFT
from kedit.reporting.figures.svg import Figure

_ROW: Final = 22.0
_NAMES, _BARS, _VALUES, _GAP, _CURVES, _LABELS = 122.0, 170.0, 92.0, 40.0, 210.0, 128.0


@styled
def ladder_figure(document: Mapping[str, Any]) -> Figure:
    """Left: the hit of every method at its validated strength, one dot a seed. Right: the hit over strengths, first seed."""
    names = list(document["runs"][0]["chosen"])
    high = len(names) * _ROW
    canvas = Canvas(height=high + 74, width=_NAMES + _BARS + _VALUES + _GAP + _CURVES + _LABELS)
    axes = canvas.panel(_NAMES, 30, _BARS, high)
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_yticks([])
    share_scale(axes, which="x")
    canvas.text(8, 12, "hit: whole answer, unseen people × unseen carriers", fontweight="bold")
    best = {about["seed"]: about["chosen"] for about in document["runs"]}
    for place, name in enumerate(names):
        color = ACCENT if name == "kedit" else SOFT
        y = 30 + high - (place + 0.5) * _ROW
        canvas.text(_NAMES - 8, y, name, ha="right", color=ACCENT if name == "kedit" else INK)
        lines = [line for line in _headline(document, name) if line["strength"] == best[line["seed"]][name]["strength"]]
        for line in lines:
            whisker(axes, place, line["ci"], color=color)
            if line["hit"] is not None:
                dot = axes.plot([line["hit"]], [place], "o", color=color, markersize=6, clip_on=False, zorder=4)[0]
                canvas.tip(dot, f"{name}, seed {line['seed']}: {fmt.with_interval(line['hit'], line['ci'])}, n = {line['n']}")
        hits = [line["hit"] for line in lines if line["hit"] is not None]
        if hits:
            shown = f"{sum(hits) / len(hits):.2f}" + (f" (least {min(hits):.2f})" if len(hits) > 1 else "")
            canvas.text(_NAMES + _BARS + 12, y, shown, color=color)
    _strengths(canvas, document, names, high)
    return canvas.finish("ladder", "The ladder", "A dot a seed, with its 95 % interval; strengths were chosen on validation.")


def _strengths(canvas: Canvas, document: Mapping[str, Any], names: list[str], high: float) -> None:
    left = _NAMES + _BARS + _VALUES + _GAP
    panel = canvas.panel(left, 30, _CURVES, high)
    share_scale(panel)
    panel.set_xscale("log")
    canvas.text(left - 8, 12, "over strengths", fontweight="bold")
    seed, marks, colours = document["runs"][0]["seed"], cycle(MARKS), cycle(SERIES)
    ends: list[tuple[float, str, str]] = []
    for name in names:
        lines = sorted((line for line in _headline(document, name) if line["seed"] == seed), key=lambda line: line["strength"])
        points = [(line["strength"], line["hit"]) for line in lines if line["hit"] is not None]
        if len(points) < 2:
            continue
        color, mark = (ACCENT, "o") if name == "kedit" else (next(colours), next(marks))
        panel.plot(*zip(*points, strict=True), color=color, marker=mark, markersize=4, linewidth=1.6, clip_on=False)
        ends.append((30 + high * (1.04 - points[-1][1]) / 1.04, name, color))
    panel.set_xticks([0.1, 0.5, 1, 2, 5, 10], ["0.1", "0.5", "1", "2", "5", "10"])
    panel.minorticks_off()
    for y, (_, name, color) in zip(spread([end[0] for end in ends], 14, 30, 30 + high), ends, strict=True):
        canvas.text(left + _CURVES + 12, y, name, color=color)
    canvas.text(left + _CURVES / 2, canvas.height - 10, "strength", ha="center", color=SOFT)


def _headline(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    wanted = {"method": name, "quadrant": HEADLINE_QUADRANT, "match": "whole", "answers": "factual"}
    return [line for line in document["rows"] if all(line[key] == value for key, value in wanted.items())]
