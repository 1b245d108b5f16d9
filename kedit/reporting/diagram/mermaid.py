"""A diagram as a Mermaid flowchart, which GitHub and many editors draw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from kedit.reporting.diagram.model import UNLABELLED, Diagram, Edge, Label, Node, joined

_LINKS = {
    (True, True): ('-- "{}" -->', "---", "-->"),
    (True, False): ('-- "{}" ---', "---", "---"),
    (False, True): ('-. "{}" .->', "-.-", "-.->"),
    (False, False): ('-. "{}" .-', "-.-", "-.-"),
}
"""By (stated, directed): a link with text, one into a shape for its text, and one out of it."""
_STYLES = {
    "class": ("boxed", "fill:#ffffff,stroke:#a9b5c6,color:#1e293b"),
    "individual": ("boxed", "fill:#ffffff,stroke:#a9b5c6,color:#1e293b"),
    "relation": ("pill", "fill:#eef4fb,stroke:#c3d6ec,color:#23476f"),
    "anything": ("vague", "fill:#f5f6f8,stroke:#c4cad4,color:#1e293b,stroke-dasharray:4 3"),
    "focus": ("focus", "fill:#fff7e6,stroke:#e69a1c,color:#1e293b"),
}
_ESCAPED = {ord(character): f"#{ord(character)};" for character in '"#<>&%;`\\'}


def to_mermaid(diagram: Diagram) -> str:
    """The diagram as Mermaid text. What its labels hold is never read as Mermaid: it is written as character codes."""
    names = {node.id: f"n{index}" for index, node in enumerate(diagram.nodes)}
    lines = ["---", f"title: {json.dumps(diagram.title, ensure_ascii=False)}", "---", "flowchart LR"]
    lines += [f"  %% {' '.join(part.split())}" for part in (diagram.caption, diagram.left_out) if part]
    lines += [_node(names[node.id], node) for node in diagram.nodes]
    for index, edge in enumerate(diagram.edges):
        lines += _edge(edge, names, f"r{index}", named=diagram.what != "classes")
    lines += [f"  classDef {name} {style}" for name, style in sorted(set(_STYLES.values()))]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Text as it may stand between the quotation marks of a Mermaid label."""
    return " ".join(text.split()).translate(_ESCAPED)


def _node(name: str, node: Node) -> str:
    rows = [joined((row.text, row.detail)) for row in node.rows]
    more = f"+ {node.more:,} more" if node.more else ""
    text = "<br/>".join([f"<b>{quoted(node.label)}</b>", *(quoted(line) for line in (node.detail, *rows, more) if line)])
    start, end = ('(["', '"])') if node.kind == "relation" else ('["', '"]')
    return f"  {name}{start}{text}{end}:::{_STYLES['focus' if node.focus else node.kind][0]}"


def _edge(edge: Edge, names: Mapping[str, str], middle: str, named: bool) -> Iterator[str]:
    """A link with text; a shape of its own for relations that have several sources or targets, or lack them."""
    sources, targets = ([names[end] for end in ends] for ends in (edge.sources, edge.targets))
    with_text, into, out = _LINKS[edge.stated, edge.directed]
    text = "<br/>".join([*map(_label, edge.labels), *([f"+ {edge.more:,} more"] if edge.more else [])])
    if not edge.labels:
        link = with_text.format(UNLABELLED[edge.kind]) if named else "-->"
        yield from (f"  {source} {link} {target}" for source in sources for target in targets)
    elif len(sources) == len(targets) == 1:
        yield f"  {sources[0]} {with_text.format(text)} {targets[0]}"
    else:
        yield f'  {middle}(["{text}"]):::pill'
        yield from (f"  {source} {into} {middle}" for source in sources)
        yield from (f"  {middle} {out} {target}" for target in targets)


def _label(label: Label) -> str:
    said = joined((label.detail, label.extra))
    return f"<b>{quoted(label.text)}</b>" + (f" {quoted(said)}" if said else "")
