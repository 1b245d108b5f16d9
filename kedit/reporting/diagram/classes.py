"""The class hierarchy as a diagram: superclasses first, with what stands below and how many individuals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kedit.ontology.model import Ontology
from kedit.reporting.diagram.model import Diagram, Edge, Node, counted, joined, left_out, title


def draw_classes(ontology: Ontology, focus: str | None, depth: int | None, max_nodes: int) -> Diagram:
    """Classes and their direct superclasses; InputError if `focus` is no class.

    With a focus: all that stands above it, and `depth` steps below. Without: `depth` steps from the top. Of too many, those with
    most individuals and subclasses at or below them stay, so a class that is shown has its superclasses beside it.
    """
    children = _children(ontology)
    centre = ontology.resolve(focus, "class") if focus else None
    weights = _weights(ontology, children)
    if centre:
        distance = dict.fromkeys(ontology.ancestors(centre), 0) | _steps([centre], children)
    else:
        tops = [iri for iri, node in ontology.classes.items() if not set(node.parents) & ontology.classes.keys()]
        distance = _steps(tops, children)
    within = [iri for iri, steps in distance.items() if depth is None or steps <= depth]
    ranked = sorted(within, key=lambda iri: (iri != centre, bool(centre) and distance[iri], *_importance(iri, weights, distance)))
    shown = set(ranked[:max_nodes])
    order = [iri for iri in ranked if iri in shown]
    nodes = []
    for iri in order:
        hidden = len(_steps([iri], children).keys() - shown)
        members = weights[iri][0]
        said = joined((counted(members, "individual") if members else "", f"{hidden:,} more below" if hidden else ""))
        nodes.append(Node(iri, "class", ontology.classes[iri].label, said, focus=iri == centre))
    return Diagram(
        what="classes",
        title=title(ontology, "classes"),
        caption=counted(len(ontology.classes), "class", "classes"),
        nodes=tuple(nodes),
        edges=subclass_edges(ontology, order),
        left_out=left_out((len(ontology.classes) - len(shown), "class", "classes")),
    )


def subclass_edges(ontology: Ontology, shown: Iterable[str]) -> tuple[Edge, ...]:
    """Generalisations between the shown classes, across classes that are not shown; no arrow that others imply."""
    order = list(shown)
    known = set(order)
    edges = []
    for iri in order:
        nearest: dict[str, None] = {}
        queue, seen = list(ontology.classes[iri].parents), {iri}
        while queue:
            parent = queue.pop(0)
            if parent in seen or parent not in ontology.classes:
                continue
            seen.add(parent)
            if parent in known:
                nearest[parent] = None
            else:
                queue.extend(ontology.classes[parent].parents)
        implied = {above for parent in nearest for above in ontology.ancestors(parent)}
        edges += [Edge("subclass", (iri,), (parent,)) for parent in nearest if parent not in implied]
    return tuple(edges)


def _children(ontology: Ontology) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {iri: [] for iri in ontology.classes}
    for iri, node in ontology.classes.items():
        for parent in node.parents:
            if parent in children:
                children[parent].append(iri)
    return children


def _steps(starts: Iterable[str], onward: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Distance of everything that can be reached, nearest first."""
    distance = dict.fromkeys(starts, 0)
    queue = list(distance)
    for node in queue:
        for following in onward[node]:
            if following not in distance:
                distance[following] = distance[node] + 1
                queue.append(following)
    return distance


def _weights(ontology: Ontology, children: Mapping[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Individuals, and classes, at or below every class."""
    direct: dict[str, set[str]] = {iri: set() for iri in ontology.classes}
    for individual in ontology.individuals.values():
        for kind in individual.types:
            if kind in direct:
                direct[kind].add(individual.iri)
    below = {iri: _steps([iri], children).keys() for iri in ontology.classes}
    return {iri: (len(set().union(*(direct[kind] for kind in found))), len(found)) for iri, found in below.items()}


def _importance(iri: str, weights: Mapping[str, tuple[int, int]], distance: Mapping[str, int]) -> tuple[int, int, str]:
    individuals, classes = weights[iri]
    return -individuals - classes, distance[iri], iri
