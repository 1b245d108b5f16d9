"""A diagram as SVG that needs nothing else: its letters come with it, and it is drawn on its own light ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from kedit.reporting.diagram import fonts
from kedit.reporting.diagram.boxes import SIZES, WEIGHTS, Text
from kedit.reporting.diagram.layout import Line, Placed, Point, lay_out
from kedit.reporting.diagram.model import UNLABELLED, Diagram, Edge, EdgeKind, Node

_MARGIN = 28.0
_RADIUS = 7.0
_TUCK = 6.0
_INK, _MUTED, _GROUND = "#1e293b", "#64748b", "#fcfcfd"
_FOCUS = ("#fff7e6", "#e69a1c")
_FILLS = {
    "class": ("#ffffff", "#a9b5c6"),
    "relation": ("#eef4fb", "#c3d6ec"),
    "individual": ("#ffffff", "#a9b5c6"),
    "anything": ("#f5f6f8", "#c4cad4"),
}
_LINES: dict[EdgeKind, str] = {"subclass": "#94a3b8", "subproperty": "#94a3b8", "relation": "#5b84b8", "fact": "#5b84b8"}
_TEXTS = {"name": _INK, "title": "#23476f", "row": _INK, "detail": _MUTED, "value": _MUTED}


def to_svg(diagram: Diagram) -> str:
    """The diagram as an SVG document."""
    layout = lay_out(diagram)
    head, top = _heading(diagram)
    foot = list(_legend(diagram, top + layout.height + 34))
    width = max(layout.width, *(text.width + x for text, x, _ in head), 260.0 if foot else 0.0) + 2 * _MARGIN
    height = top + layout.height + (50 if foot else 8) + _MARGIN
    texts = [(WEIGHTS[text.style], text.text) for placed in layout.boxes for text in placed.box.texts]
    texts += [(WEIGHTS[text.style], text.text) for text, _, _ in head] + [("Regular", "".join(UNLABELLED.values()))]
    shift = _MARGIN + max((width - 2 * _MARGIN - layout.width) / 2, 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc" font-family="{escape(fonts.STACK)}">',
        f'<title id="title">{_clean(diagram.title)}</title>',
        f'<desc id="desc">{_clean(_description(diagram))}</desc>',
        f"<style>{fonts.embedded(texts)}</style>",
        f'<rect width="100%" height="100%" rx="10" fill="{_GROUND}"/>',
        *(_text(text, _MARGIN + x, y, _INK if text.style == "name" else _MUTED) for text, x, y in head),
        f'<g transform="translate({shift:.1f} {top:.1f})">',
        *_lines(layout.lines),
        *(part for placed in layout.boxes for part in _box(placed)),
        "</g>",
        *foot,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _heading(diagram: Diagram) -> tuple[list[tuple[Text, float, float]], float]:
    """Title, caption and what was left out, with their places; and where the picture begins."""
    lines = [Text(diagram.title, "name", 0, "start"), Text(diagram.caption, "detail", 0, "start")]
    if diagram.left_out:
        lines.append(Text(diagram.left_out, "detail", 0, "start"))
    return [(line, 0.0, _MARGIN + 10 + 17 * place) for place, line in enumerate(lines)], _MARGIN + 17 * len(lines) + 20


def _description(diagram: Diagram) -> str:
    """The picture in words, for those who do not see it."""
    names = {node.id: node.label for node in diagram.nodes}
    said = [f"{diagram.caption}. {diagram.left_out}".strip()]
    for edge in diagram.edges:
        verb = ", ".join(label.text for label in edge.labels) or UNLABELLED[edge.kind]
        said.append(f"{', '.join(names[one] for one in edge.sources)}: {verb}: {', '.join(names[one] for one in edge.targets)}.")
    return " ".join(said)


def _box(placed: Placed) -> Iterator[str]:
    box, source = placed.box, placed.box.source
    kind = source.kind if isinstance(source, Node) else "relation"
    fill, stroke = _FOCUS if source.focus else _FILLS[kind]
    pill = isinstance(source, Edge) or kind == "relation"
    dash = ' stroke-dasharray="4 3"' if kind == "anything" or (isinstance(source, Edge) and not source.stated) else ""
    radius = min(box.height / 2, 13.0) if pill else _RADIUS
    yield (
        f'<rect x="{placed.x:.1f}" y="{placed.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:.1f}"'
        f' fill="{fill}" stroke="{stroke}" stroke-width="{1.8 if source.focus else 1.2}"{dash}/>'
    )
    if box.rule:
        y = placed.y + box.rule
        yield f'<path d="M{placed.x:.1f} {y:.1f}h{box.width:.1f}" stroke="{stroke}" stroke-opacity=".6"/>'
    for text in box.texts:
        x = {"start": 12.0, "middle": box.width / 2, "end": box.width - 12.0}[text.anchor]
        yield _text(text, placed.x + x, placed.y + text.y, _TEXTS[text.style])


def _text(text: Text, x: float, y: float, colour: str) -> str:
    """A line of text. Its length is given, so that it stays in its box where another font takes the place of ours."""
    weight = ' font-weight="600"' if WEIGHTS[text.style] == "Semibold" else ""
    anchor = f' text-anchor="{text.anchor}"' if text.anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{SIZES[text.style]:g}"{weight}{anchor} fill="{colour}"'
        f' textLength="{text.width:.1f}" lengthAdjust="spacingAndGlyphs">{_clean(text.text)}</text>'
    )


def _lines(lines: Sequence[Line]) -> Iterator[str]:
    """Lines with a light edge, so that one that crosses another is seen to pass over it."""
    for line in sorted(lines, key=lambda line: line.focus):
        path = _path(_tucked(line))
        colour = _FOCUS[1] if line.focus else _LINES[line.edge.kind]
        dash = ' stroke-dasharray="5 4"' if not line.edge.stated else ""
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4"{dash}/>'
        if line.head:
            hollow = not line.edge.labels
            fill = _GROUND if hollow else colour
            yield f'<path d="{_head(line.points, hollow)}" fill="{fill}" stroke="{colour}" stroke-linejoin="round"/>'


def _tucked(line: Line) -> list[Point]:
    """The line with its plain ends drawn on under their boxes, whose corners are round."""
    points = list(line.points)
    points[0] = _towards(points[0], points[1], -_TUCK)
    if not line.head:
        points[-1] = _towards(points[-1], points[-2], -_TUCK)
    return points


def _path(points: Sequence[Point], radius: float = 6.0) -> str:
    """A polyline with round corners."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:]):
        near, far = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{near[0]:.1f} {near[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {far[0]:.1f} {far[1]:.1f}")
    return "".join([*parts, f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"])


def _towards(start: Point, end: Point, way: float) -> Point:
    """The point at most `way` from `start` to `end`, and at most half-way."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    part = min(way / length, 0.5) if length else 0.0
    return start[0] + dx * part, start[1] + dy * part


def _head(points: Sequence[Point], hollow: bool) -> str:
    """A triangle whose tip is the end of the line."""
    (x0, y0), (x, y) = points[-2], points[-1]
    length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5 or 1.0
    ux, uy = (x - x0) / length, (y - y0) / length
    long, half = (10.0, 5.5) if hollow else (8.0, 3.8)
    bx, by = x - ux * long, y - uy * long
    return f"M{x:.1f} {y:.1f}L{bx - uy * half:.1f} {by + ux * half:.1f}L{bx + uy * half:.1f} {by - ux * half:.1f}Z"


def _legend(diagram: Diagram, y: float) -> Iterator[str]:
    """What an arrow without a label means."""
    x = _MARGIN
    for kind, said in UNLABELLED.items():
        if any(edge.kind == kind for edge in diagram.edges):
            line = ((x, y), (x + 34, y))
            yield f'<path d="{_path(line)}" stroke="{_LINES[kind]}" stroke-width="1.4"/>'
            yield f'<path d="{_head(line, True)}" fill="{_GROUND}" stroke="{_LINES[kind]}" stroke-width="1.2"/>'
            text = Text(said, "detail", y, "start")
            yield _text(text, x + 42, y + 4, _MUTED)
            x += 70 + text.width


def _clean(text: str) -> str:
    """Text for XML, without the characters that it must not hold."""
    return escape("".join(c for c in text if c.isprintable() or c == " "))
