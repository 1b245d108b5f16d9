"""Where everything goes: layers by graphlay, in the direction that gives the better page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from kedit.reporting.diagram.boxes import Box, boxes
from kedit.reporting.diagram.bundle import bundled
from kedit.reporting.diagram.model import Diagram, Edge
from kedit.reporting.diagram.spacing import along_each_other, respaced, rows, straightened

Direction = Literal["leftright", "topbottom"]
Side = Literal["left", "right", "top", "bottom"]
Point = tuple[float, float]
_PAGE = 1.6
"""Width by height that a picture comes near to if it can."""
_CLUTTER = 1.2
"""A page may be so much larger if its arrows leave together and come in elsewhere."""
_CROSSING = 1.5
"""What a crossing of every line is worth, in pages."""
_TOUCH = 2.0
"""Pixels between a line and a box, or another line, below which they seem to touch."""
_PORT = 12.0
_BELOW_ALL = 30.0
_MANY = 130
"""Boxes from which on a layout takes seconds."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way of an arrow, from border to border. `head` is at its end, or for generalisations too."""

    edge: Edge
    points: tuple[Point, ...]
    head: bool
    focus: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A box with its upper left corner."""

    box: Box
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture with coordinates, its upper left corner at (0, 0)."""

    width: float
    height: float
    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]


def lay_out(diagram: Diagram) -> Layout:
    """Place boxes and lines in layers: of several ways to do it, the one with the best page on which no line runs under a box."""
    diagram = bundled(diagram)
    found = boxes(diagram)
    touched = {end for way in _ways(diagram, "leftright") for end in (way.source, way.target)}
    linked = {name: box for name, box in found.items() if name in touched}
    directions: list[Direction] = ["leftright"] if len(linked) > _MANY else ["leftright", "topbottom"]
    tries = [trial for direction in directions for trial in _tries(diagram, linked, direction)] if linked else []
    layers = min(tries, key=lambda trial: trial.cost).layout if linked else Layout(0.0, 0.0, (), ())
    return _with_single(layers, [box for name, box in found.items() if name not in touched])


@dataclass(frozen=True, slots=True)
class _Trial:
    layout: Layout
    cost: tuple[int, float]


@dataclass(frozen=True, slots=True)
class _Way:
    """A line for the layout engine, which sees the general term before the special one."""

    edge: Edge
    source: str
    target: str
    head: bool = True
    upward: bool = False
    """Runs from the special to the general term, against the layers."""
    reverse: bool = False
    """Laid out from the general to the special term, drawn the other way."""
    leaves: Side | None = None
    enters: Side | None = None
    """Sides of the boxes that the line is bound to; the layout engine chooses the others."""


def _ways(diagram: Diagram, direction: Direction) -> list[_Way]:
    """Lines of all arrows: those with labels run through the box of their labels."""
    busy = {end for edge in diagram.edges if edge.labels for end in (*edge.sources, *edge.targets)}
    found: list[_Way] = []
    for index, edge in enumerate(diagram.edges):
        label = f"label {index}"
        if edge.labels:
            found += [_Way(edge, source, label, head=False) for source in edge.sources]
            for target in edge.targets:
                if target not in edge.sources:
                    found.append(_Way(edge, label, target, head=edge.directed))
                elif edge.directed:
                    found.append(_Way(edge, label, target, enters=_BELOW[direction]))
        else:
            found += [
                _Way(edge, source, target, upward=True, enters=_ABOVE[direction])
                if target in busy
                else _Way(edge, target, source, reverse=True)
                for source in edge.sources
                for target in edge.targets
            ]
    return found


def _tries(diagram: Diagram, found: Mapping[str, Box], direction: Direction) -> Iterator[_Trial]:
    """Ways to lay out a diagram, only the first of them for a large one.

    With arrows free to come in anywhere; with subclasses led to a side of their own; and with all that come in where relations
    leave led around the box as well.
    """
    bound = _ways(diagram, direction)
    free = [replace(way, enters=None) for way in bound]
    done = _engine(direction, found, free, roomy=free != bound)
    if diagram.what == "classes" and direction == "leftright":
        found = _columns(found, done)
        done = _engine(direction, found, free)
    yield _trial(done, found, free, direction, _CLUTTER)
    if len(found) > _MANY:
        return
    if bound != free:
        done = _engine(direction, found, bound)
        yield _trial(done, found, bound, direction)
    led = [_led_around(way, edge, direction) for way, edge in zip(bound, done.edges, strict=True)]
    if led != bound:
        yield _trial(_engine(direction, found, led), found, led, direction)


def _trial(done: Any, found: Mapping[str, Box], ways: Sequence[_Way], direction: Direction, clutter: float = 1.0) -> _Trial:
    layout = _read(done, found, ways, direction)
    measured = done.metrics()
    page = max(layout.width / _PAGE, layout.height)
    crossed = 1 + _CROSSING * measured["crossings"] / len(ways)
    clashes = measured["node_edge_hits"] + ((measured["min_edge_node_clearance"] or _TOUCH) < _TOUCH) + _confusions(layout.lines)
    return _Trial(layout, (clashes, page * clutter * crossed))


def _confusions(lines: Sequence[Line]) -> int:
    """Pairs of a generalisation and a relation that run along each other so near that they seem one line."""
    general = [part for line in lines if not line.edge.labels for part in pairwise(line.points)]
    others = [part for line in lines if line.edge.labels for part in pairwise(line.points)]
    return sum(along_each_other(one, other, _TOUCH) for one in general for other in others)


def _columns(found: Mapping[str, Box], done: Any) -> dict[str, Box]:
    """The boxes of every layer as wide as the widest."""
    layers = [round(node["center"]["x"]) for node in done.nodes]
    widest: dict[int, float] = {}
    for layer, box in zip(layers, found.values(), strict=True):
        widest[layer] = max(widest.get(layer, 0.0), box.width)
    return {name: box.grown(widest[layer], box.height) for layer, (name, box) in zip(layers, found.items(), strict=True)}


def _led_around(way: _Way, edge: Any, direction: Direction) -> _Way:
    ahead = _AHEAD[direction]
    if way.upward and edge["source_port"]["side"] == ahead:
        return replace(way, leaves=_ABOVE[direction])
    if way.edge.labels and not way.target.startswith("label ") and edge["target_port"]["side"] == ahead:
        return replace(way, enters=_BELOW[direction])
    return way


def _engine(direction: Direction, found: Mapping[str, Box], ways: Sequence[_Way], *, roomy: bool = False) -> Any:
    """The drawing that graphlay makes. Lines to relations leave a box as one, or, if it is `roomy`, side by side."""
    import graphlay

    ends = Counter(way.target for way in ways if way.enters is None)
    ends += Counter(way.source for way in ways) if roomy else Counter({way.source for way in ways})
    graph = graphlay.Graph()
    for name, box in found.items():
        room = ends[name] * _PORT
        wide, high = (box.width, max(box.height, room)) if direction == "leftright" else (max(box.width, room), box.height)
        graph.node(name, width=wide, height=high)
    for way in ways:
        ports = {"source_port": way.leaves, "target_port": way.enters}
        sides: dict[str, Any] = {port: {"side": side} for port, side in ports.items() if side}
        graph.edge(way.source, way.target, reverse_for_ranking=way.upward, **sides)
    return graphlay.layout(graph, options=_options(direction, len(found), merged=not roomy))


_AHEAD: dict[Direction, Side] = {"leftright": "right", "topbottom": "bottom"}
_ABOVE: dict[Direction, Side] = {"leftright": "top", "topbottom": "left"}
_BELOW: dict[Direction, Side] = {"leftright": "bottom", "topbottom": "right"}


def _options(direction: Direction, size: int, *, merged: bool) -> dict[str, Any]:
    across, along = (14.0, 42.0) if direction == "leftright" else (22.0, 40.0)
    return {
        "direction": direction,
        "spacing": {"node_gap": across, "layer_gap": along},
        "routing": {"style": "orthogonal", "merge_edges": "forks" if merged else "none", "port_sides": "facing_only"},
        "coords": {"branch_style": "symmetric"},
        "effort": "fast" if size > _MANY else "balanced",
    }


def _read(done: Any, found: Mapping[str, Box], ways: Sequence[_Way], direction: Direction) -> Layout:
    """The engine's coordinates, with even room between the layers."""
    sides = [(node["center"], node["size"]) for node in done.nodes]
    paths = [[(point["x"], point["y"]) for point in edge["points"]] for edge in done.edges]
    along, extent = (0, "width") if direction == "leftright" else (1, "height")
    middles = [(centre["x"], centre["y"])[along] for centre, _ in sides]
    spans = [(middle - size[extent] / 2, middle + size[extent] / 2) for middle, (_, size) in zip(middles, sides, strict=True)]
    mapped = respaced(spans, (point[along] for path in paths for point in path))

    def moved(x: float, y: float) -> Point:
        return (mapped(x), y) if along == 0 else (x, mapped(y))

    focus = {name for name, box in found.items() if box.source.focus}
    placed = []
    for box, (centre, size) in zip(found.values(), sides, strict=True):
        x, y = moved(centre["x"] - size["width"] / 2, centre["y"] - size["height"] / 2)
        placed.append(Placed(box.grown(size["width"], size["height"]), x, y))
    lines = []
    for way, path in zip(ways, paths, strict=True):
        points = [moved(*point) for point in (path[::-1] if way.reverse else path)]
        lines.append(Line(way.edge, straightened(points), way.head, bool(focus & {way.source, way.target})))
    return _from_corner(placed, lines)


def _from_corner(placed: Sequence[Placed], lines: Sequence[Line]) -> Layout:
    """A layout whose upper left corner is at (0, 0)."""
    points = [point for line in lines for point in line.points]
    points += [corner for one in placed for corner in ((one.x, one.y), (one.x + one.box.width, one.y + one.box.height))]
    left, top = (min(point[axis] for point in points) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
    boxes = tuple(Placed(one.box, one.x - left, one.y - top) for one in placed)
    moved = (replace(line, points=tuple((x - left, y - top) for x, y in line.points)) for line in lines)
    return Layout(right - left, bottom - top, boxes, tuple(moved))


def _with_single(layout: Layout, single: Sequence[Box]) -> Layout:
    """The layout with the boxes that no line touches below it, in rows."""
    if not single:
        return layout
    page = max(layout.width, _PAGE * sum(box.width * box.height for box in single) ** 0.5, 420.0)
    top = layout.height + _BELOW_ALL if layout.boxes else 0.0
    corners = rows([(box.width, box.height) for box in single], page)
    below = (Placed(box, x, top + y) for box, (x, y) in zip(single, corners, strict=True))
    return _from_corner([*layout.boxes, *below], layout.lines)
