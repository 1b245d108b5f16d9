"""Boxes and the lines of text in them, measured so that no text leaves its box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from kedit.reporting.diagram import fonts
from kedit.reporting.diagram.model import Diagram, Edge, Node

Style = Literal["name", "title", "row", "detail", "value"]
SIZES: dict[Style, float] = {"name": 14.0, "title": 13.0, "row": 12.0, "detail": 11.0, "value": 11.0}
HEIGHTS: dict[Style, float] = {"name": 18.0, "title": 17.0, "row": 17.0, "detail": 14.0, "value": 17.0}
WEIGHTS: dict[Style, fonts.Weight] = {
    "name": "Semibold", "title": "Semibold", "row": "Regular", "detail": "Regular", "value": "Regular",
}  # fmt: skip
_ROOM = 210.0
_PAD_X, _PAD_Y = 12.0, 7.0
_GAP = 14.0
"""Between a row's name and its value."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text at the middle, the left or the right edge of its box; `y` is its baseline from the top of the box."""

    text: str
    style: Style
    y: float
    anchor: Literal["middle", "start", "end"] = "middle"

    @property
    def width(self) -> float:
        """In pixels."""
        return fonts.width(self.text, SIZES[self.style], WEIGHTS[self.style])


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed, with its text; `rule` is where the line under its heading runs."""

    source: Node | Edge
    width: float
    height: float
    texts: tuple[Text, ...]
    rule: float | None = None

    def grown(self, width: float, height: float) -> Box:
        """The same in a larger box, its text in the middle, or at the top where it has rows."""
        down = 0.0 if self.rule else (height - self.height) / 2
        return replace(self, width=width, height=height, texts=tuple(replace(text, y=text.y + down) for text in self.texts))


def boxes(diagram: Diagram) -> dict[str, Box]:
    """Boxes by id: one for each node, one for the labels of each arrow that has any ("label 3" for the fourth edge)."""
    found = {node.id: _node(node) for node in diagram.nodes}
    return found | {f"label {index}": _labels(edge) for index, edge in enumerate(diagram.edges) if edge.labels}


class _Writer:
    """Stacks lines of text."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.y = _PAD_Y
        self.width = 0.0

    def line(self, text: str, style: Style, lines: int = 1) -> None:
        for part in fonts.wrap(text, _ROOM, SIZES[style], WEIGHTS[style], lines):
            self._put(Text(part, style, self._down(style)))

    def row(self, name: str, value: str) -> None:
        """A name at the left and its value at the right; the name gets the room that it needs, up to two thirds."""
        most = max(_ROOM * 2 / 3, _ROOM - _GAP - fonts.width(value, SIZES["value"]))
        first = Text(fonts.fit(name, most, SIZES["row"]), "row", self._down("row"), "start")
        second = Text(fonts.fit(value, _ROOM - _GAP - first.width, SIZES["value"]), "value", first.y, "end")
        self.texts += [first, second] if value else [first]
        self.width = max(self.width, first.width + (_GAP + second.width if value else 0.0))

    def _put(self, text: Text) -> None:
        self.texts.append(text)
        self.width = max(self.width, text.width)

    def _down(self, style: Style) -> float:
        """The baseline of the next line."""
        self.y += HEIGHTS[style]
        return self.y - HEIGHTS[style] / 2 + SIZES[style] * 0.33

    def box(self, source: Node | Edge, rule: float | None = None, least: float = 56.0) -> Box:
        return Box(source, max(self.width + 2 * _PAD_X, least), self.y + _PAD_Y, tuple(self.texts), rule)


def _node(node: Node) -> Box:
    writer = _Writer()
    rule = None
    if node.label:
        writer.line(node.label, "title" if node.kind == "relation" else "name", lines=2)
    if node.detail:
        writer.line(node.detail, "detail")
    if node.rows or node.more:
        if node.label:
            rule = writer.y + _PAD_Y - 1
            writer.y = rule + 4
        for row in node.rows:
            writer.row(row.text, row.detail)
        if node.more:
            writer.row(f"+ {node.more:,} more", "")
        writer.y -= 3 if rule else 0
    return writer.box(node, rule)


def _labels(edge: Edge) -> Box:
    writer = _Writer()
    for place, label in enumerate(edge.labels):
        if place:
            writer.y += 5
        writer.line(label.text, "title", lines=2)
        for further in filter(None, (label.detail, label.extra)):
            writer.line(further, "detail", lines=2)
    if edge.more:
        writer.y += 3
        writer.line(f"+ {edge.more:,} more", "detail")
    return writer.box(edge, least=30.0)
