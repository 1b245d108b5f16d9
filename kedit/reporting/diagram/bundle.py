"""Individuals that only one arrow touches, gathered in one box: a list is read sooner than a fan of boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from kedit.reporting.diagram.model import Diagram, Edge, Label, Node

_FEWEST = 3


def bundled(diagram: Diagram) -> Diagram:
    """The diagram with a list instead of three or more individuals at the same end of one arrow that nothing else touches."""
    touched = Counter(end for edge in diagram.edges for end in (*edge.sources, *edge.targets))
    single = {node.id: node for node in diagram.nodes if node.kind == "individual" and _is_leaf(node, touched[node.id])}
    lists: list[Node] = []

    def gather(ends: tuple[str, ...]) -> tuple[str, ...]:
        leaves = [single[end] for end in ends if end in single]
        if len(leaves) < _FEWEST:
            return ends
        rows = tuple(Label(leaf.label, leaf.detail) for leaf in sorted(leaves, key=lambda leaf: (leaf.label.casefold(), leaf.id)))
        lists.append(Node(f"list {len(lists)}", "individual", "", rows=rows))
        gathered.update(leaf.id for leaf in leaves)
        return (*(end for end in ends if end not in single), lists[-1].id)

    gathered: set[str] = set()
    edges: list[Edge] = [replace(edge, sources=gather(edge.sources), targets=gather(edge.targets)) for edge in diagram.edges]
    return replace(diagram, nodes=(*(node for node in diagram.nodes if node.id not in gathered), *lists), edges=tuple(edges))


def _is_leaf(node: Node, arrows: int) -> bool:
    return arrows == 1 and not node.rows and not node.focus
