"""Pictures of an ontology: its classes, its relations, the facts about an individual; as Mermaid, DOT, SVG or PNG."""

from __future__ import annotations

from typing import assert_never, get_args

from kedit.errors import InputError, Place
from kedit.ontology.model import Ontology
from kedit.reporting.diagram.classes import draw_classes
from kedit.reporting.diagram.facts import draw_facts
from kedit.reporting.diagram.model import MAX_NODES, Diagram, What
from kedit.reporting.diagram.relations import draw_relations

__all__ = ["MAX_NODES", "Diagram", "What", "diagram"]


def diagram(
    ontology: Ontology, what: What, *, focus: str | None = None, depth: int | None = None, max_nodes: int = MAX_NODES
) -> Diagram:
    """What to draw of an ontology; InputError with the nearest terms if it has no `focus`, or if there is nothing to draw."""
    match what:
        case "classes":
            found = draw_classes(ontology, focus, depth, max_nodes)
        case "relations":
            found = draw_relations(ontology, focus, depth, max_nodes)
        case "facts":
            found = draw_facts(ontology, focus, depth, max_nodes)
        case _:
            assert_never(what)
    if not found.nodes:
        others = " or ".join(f"--what {other}" for other in get_args(What) if other != what)
        raise InputError(f"has no {what} to draw", place=Place(ontology.source), advice=f"Try {others}.", code="KE190")
    return found
