"""A diagram in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kedit.reporting.diagram.model import UNLABELLED, Diagram, Edge, Label, Node, joined

_FONT = 'fontname="Source Sans Pro,Helvetica,Arial,sans-serif"'
_STYLES = {
    "class": 'fillcolor="#ffffff" color="#a9b5c6"',
    "individual": 'fillcolor="#ffffff" color="#a9b5c6"',
    "relation": 'fillcolor="#eef4fb" color="#c3d6ec" fontcolor="#23476f"',
    "anything": 'fillcolor="#f5f6f8" color="#c4cad4" style="rounded,filled,dashed"',
    "focus": 'fillcolor="#fff7e6" color="#e69a1c" penwidth=1.8',
}


def to_dot(diagram: Diagram) -> str:
    """The diagram as DOT text."""
    names = {node.id: f"n{index}" for index, node in enumerate(diagram.nodes)}
    heading = (diagram.title, diagram.caption, diagram.left_out)
    lines = [
        "digraph {",
        f'  graph [rankdir=LR labelloc=t labeljust=l label={quoted(*heading)} bgcolor="#fcfcfd" {_FONT}]',
        f'  node [shape=box style="rounded,filled" fontsize=13 fontcolor="#1e293b" {_FONT}]',
        f'  edge [color="#5b84b8" fontsize=12 fontcolor="#23476f" arrowsize=0.8 {_FONT}]',
        *(_node(names[node.id], node) for node in diagram.nodes),
    ]
    for index, edge in enumerate(diagram.edges):
        lines += _edge(edge, names, f"r{index}", named=diagram.what != "classes")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(*lines: str) -> str:
    """A DOT string of these lines, the empty ones left out; nothing in it is read as an escape or an entity."""
    clean = (" ".join(line.split()).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines if line)
    return '"' + "\\n".join(clean) + '"'


def _node(name: str, node: Node) -> str:
    rows = [joined((row.text, row.detail)) for row in node.rows]
    text = quoted(node.label, node.detail, *rows, f"+ {node.more:,} more" if node.more else "")
    return f"  {name} [label={text} tooltip={quoted(node.id)} {_STYLES['focus' if node.focus else node.kind]}]"


def _edge(edge: Edge, names: Mapping[str, str], middle: str, named: bool) -> Iterator[str]:
    """An edge with its text; a node of its own for relations that have several sources or targets, or lack them."""
    sources, targets = ([names[end] for end in ends] for ends in (edge.sources, edge.targets))
    looks = ("" if edge.directed else " dir=none") + ("" if edge.stated else " style=dashed")
    if not edge.labels:
        said = f' label="{UNLABELLED[edge.kind]}"' if named else ""
        for source in sources:
            yield from (f'  {source} -> {target} [arrowhead=empty color="#94a3b8"{said}]' for target in targets)
        return
    text = quoted(*map(_said, edge.labels), f"+ {edge.more:,} more" if edge.more else "")
    if len(sources) == len(targets) == 1:
        yield f"  {sources[0]} -> {targets[0]} [label={text}{looks}]"
        return
    yield f"  {middle} [label={text} {_STYLES['relation']}]"
    yield from (f"  {source} -> {middle} [{looks.replace(' dir=none', '')} dir=none]" for source in sources)
    yield from (f"  {middle} -> {target} [{looks}]" for target in targets)


def _said(label: Label) -> str:
    return joined((label.text, label.detail, label.extra))
