"""The schema as a diagram: classes as boxes, relations as labelled arrows from domain to range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kedit.ontology.model import Ontology
from kedit.reporting.diagram.classes import subclass_edges
from kedit.reporting.diagram.ends import Ends, boxes_of, find_ends
from kedit.reporting.diagram.model import Diagram, Edge, counted, joined, left_out, title
from kedit.reporting.diagram.wording import Wording

Key = tuple[tuple[str, ...], tuple[str, ...], bool, bool]
"""Sources, targets, whether they are stated, whether the values are literals: relations that agree are drawn as one."""


def draw_relations(ontology: Ontology, focus: str | None, depth: int | None, max_nodes: int) -> Diagram:
    """The schema, or what is `depth` (default 1) relations away from a relation or class; InputError if `focus` is neither.

    Of too many, the arrows with most facts, then with most relations, stay; the nearest ones first if there is a focus.
    Relations of which neither end is known stand alone, under their super-properties.
    """
    ends = {iri: find_ends(ontology, relation) for iri, relation in ontology.relations.items()}
    centre = ontology.resolve(focus, "slot") if focus else None
    near = _near(ontology, ends, centre, 1 if depth is None else depth) if centre else dict.fromkeys(ends, 0)
    wording = Wording(ontology, centre)
    groups = _groups(ontology, ends, near, wording)

    boxes = dict.fromkeys([centre] if centre and centre in ontology.classes else [])
    arrows: list[Key] = []
    rows: dict[str, list[str]] = {}
    for key, members in groups.items():
        sources, targets, _, literal = key
        new = dict.fromkeys(iri for iri in (*sources, *targets) if iri not in boxes)
        if len(boxes) + len(arrows) + len(new) + (not literal) > max_nodes:
            continue
        boxes |= new
        if not literal:
            arrows.append(key)
        for iri in sources if literal else ():
            rows.setdefault(iri, []).extend(members)
    loose = _loose(ontology, ends, near, wording)[: max(max_nodes - len(boxes) - len(arrows), 0)]

    drawn = {iri for key in arrows for iri in groups[key]} | {iri for found in rows.values() for iri in found} | {*loose}
    alone = set(loose)
    edges = [wording.arrow(*key[:3], groups[key]) for key in arrows]
    edges += subclass_edges(ontology, [iri for iri in boxes if iri in ontology.classes])
    edges += [Edge("subproperty", (iri,), (up,)) for iri in loose for up in ontology.relations[iri].parents if up in alone]
    facts = sum(wording.facts.values())
    return Diagram(
        what="relations",
        title=title(ontology, "relations"),
        caption=joined((counted(len(ontology.relations), "relation"), counted(facts, "fact") if facts else "")),
        nodes=(*(wording.box(iri, rows.get(iri, [])) for iri in boxes), *(wording.alone(iri) for iri in loose)),
        edges=tuple(edges),
        left_out=left_out((len(ontology.relations) - len(drawn), "relation", "relations")),
    )


def _groups(ontology: Ontology, ends: Mapping[str, Ends], near: Mapping[str, int], wording: Wording) -> dict[Key, list[str]]:
    """Relations by their ends, the most important ends first; literals after what makes arrows."""
    groups: dict[Key, list[str]] = {}
    for iri in near:
        if ends[iri].known:
            relation = ontology.relations[iri]
            groups.setdefault((*boxes_of(ends[iri], relation), ends[iri].stated, relation.kind == "data"), []).append(iri)

    def rank(item: tuple[Key, list[str]]) -> tuple[bool, int, int, int, str]:
        (*_, literal), members = item
        return literal, min(near[iri] for iri in members), -sum(wording.facts[iri] for iri in members), -len(members), members[0]

    return dict(sorted(groups.items(), key=rank))


def _loose(ontology: Ontology, ends: Mapping[str, Ends], near: Mapping[str, int], wording: Wording) -> list[str]:
    """Relations of which neither end is known, the most important first: nearest, most facts, most sub-properties."""
    below: dict[str, int] = {}
    for iri in ontology.relations:
        for above in ontology.ancestors(iri):
            below[above] = below.get(above, 0) + 1

    def rank(iri: str) -> tuple[int, int, int, bool, str]:
        return near[iri], -wording.facts[iri], -below.get(iri, 0), not ontology.relations[iri].parents, iri

    return sorted((iri for iri in near if not ends[iri].known), key=rank)


def _near(ontology: Ontology, ends: Mapping[str, Ends], centre: str, depth: int) -> dict[str, int]:
    """Relations at most `depth` away from a relation or a class, with their distance: over shared classes and sub-properties."""
    beside: dict[str, set[str]] = {}

    def touch(one: str, others: Iterable[str]) -> None:
        for other in others:
            beside.setdefault(one, set()).add(other)
            beside.setdefault(other, set()).add(one)

    for iri, found in ends.items():
        touch(iri, (*found.domain, *found.range))
        touch(iri, (parent for parent in ontology.relations[iri].parents if parent in ends))
    distance = {centre: 0}
    queue = [centre]
    for term in queue:
        for other in sorted(beside.get(term, ())):
            if other not in distance and distance[term] < 2 * depth - 1:
                distance[other] = distance[term] + 1
                queue.append(other)
    return {iri: distance[iri] for iri in ends if iri in distance}
