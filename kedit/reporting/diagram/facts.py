"""The neighbourhood of an individual as a diagram: what its facts say, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kedit.ontology.model import LITERAL_MARK, Ontology
from kedit.reporting.diagram.model import MAX_LINES, Diagram, Edge, Label, Node, counted, joined, left_out, title

Fact = tuple[str, str, str]
"""Relation, subject, object; both ends individuals."""
Group = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A relation with its subjects and objects, one of which is single."""
_FAN = 4
"""Neighbours by one relation in one direction that are drawn away from the focus; the rest is counted."""


def draw_facts(ontology: Ontology, focus: str | None, depth: int | None, max_nodes: int) -> Diagram:
    """Facts at most `depth` (default 1) steps from an individual; InputError if it is none.

    Without a focus it is the subject of most facts. Near ones go first, the relations take turns, and of many neighbours by one
    relation only some are drawn and the rest is counted.
    """
    centre = ontology.resolve(focus, "individual") if focus else _best(ontology)
    steps = 1 if depth is None else depth
    facts, hidden, reached = _walk(ontology, centre, steps, max_nodes)
    nodes = tuple(_box(ontology, iri, centre, literals=distance < steps) for iri, distance in reached.items())
    about = ontology.individuals[centre].label if centre else ""
    return Diagram(
        what="facts",
        title=title(ontology, f"facts about {about}" if about else "facts"),
        caption=joined((counted(len(nodes), "individual"), counted(len(facts), "fact"))),
        nodes=nodes,
        edges=_edges(ontology, facts, hidden),
        left_out=left_out((len(set().union(*hidden.values())), "neighbouring fact", "neighbouring facts")),
        notes=() if focus or not about else (f"drawn around {about}, of which most is said; --focus chooses",),
    )


def _best(ontology: Ontology) -> str | None:
    """The subject with most relations, then with most facts."""
    relations: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for relation, subjects in ontology.facts.items():
        if ontology.relations[relation].kind == "object":
            relations.update(subjects.keys())
            facts.update({subject: len(values) for subject, values in subjects.items()})
    return min(relations, key=lambda iri: (-relations[iri], -facts[iri], iri), default=next(iter(ontology.individuals), None))


def _around(ontology: Ontology, level: Iterable[str]) -> dict[str, list[list[Fact]]]:
    """Facts of some individuals by relation and direction, those that they are the subject of first.

    One pass over all facts, no index: only a few of a large file are wanted. A symmetric fact given both ways counts once.
    """
    ahead: dict[str, list[list[Fact]]] = {iri: [] for iri in level}
    into: dict[str, dict[str, list[Fact]]] = {iri: {} for iri in ahead}
    for relation, subjects in ontology.facts.items():
        symmetric = ontology.relations[relation].symmetric

        def drawn(subject: str, value: str, twice: bool = symmetric, given: Mapping[str, tuple[str, ...]] = subjects) -> bool:
            return not (value.startswith(LITERAL_MARK) or (twice and value < subject and subject in given.get(value, ())))

        for iri, groups in ahead.items():
            if found := [(relation, iri, value) for value in subjects.get(iri, ()) if drawn(iri, value)]:
                groups.append(found)
        for subject, values in subjects.items():
            for value in values:
                if value in into and drawn(subject, value):
                    into[value].setdefault(relation, []).append((relation, subject, value))
    return {iri: [*ahead[iri], *into[iri].values()] for iri in ahead}


def _walk(
    ontology: Ontology, centre: str | None, depth: int, max_nodes: int
) -> tuple[list[Fact], dict[tuple[str, str], set[Fact]], dict[str, int]]:
    """Facts to draw, those that are not drawn by (relation, individual), and the individuals reached with their distance."""
    reached = {centre: 0} if centre else {}
    facts: dict[Fact, None] = {}
    known: dict[str, list[list[Fact]]] = {}
    for step in range(depth):
        level = _around(ontology, [iri for iri, distance in reached.items() if distance == step])
        known |= level
        for iri, groups in level.items():
            longest = min(max_nodes if iri == centre else _FAN, max(map(len, groups), default=0))
            for fact in (group[place] for place in range(longest) for group in groups if place < len(group)):
                other = fact[2] if fact[1] == iri else fact[1]
                if other in reached or len(reached) < max_nodes:
                    reached.setdefault(other, step + 1)
                    facts[fact] = None
    hidden: dict[tuple[str, str], set[Fact]] = {}
    for iri, groups in known.items():
        for fact in (fact for group in groups for fact in group if fact not in facts):
            hidden.setdefault((fact[0], iri), set()).add(fact)
    return list(facts), hidden, reached


def _edges(ontology: Ontology, facts: Iterable[Fact], hidden: Mapping[tuple[str, str], set[Fact]]) -> tuple[Edge, ...]:
    """One arrow for many facts that share relation and an end; arrows with the same ends share it."""
    arrows: dict[tuple[tuple[str, ...], tuple[str, ...], bool], list[Label]] = {}
    symmetric = {iri for iri, relation in ontology.relations.items() if relation.symmetric}
    for relation, subjects, values in _groups(facts, symmetric):
        hub = subjects[0] if len(subjects) == 1 else values[0]
        more = len(hidden.get((relation, hub), ()))
        label = Label(ontology.relations[relation].label, f"{more:,} more" if more else "")
        arrows.setdefault((subjects, values, relation not in symmetric), []).append(label)
    return tuple(
        Edge("fact", subjects, values, tuple(labels), directed=directed)
        for (subjects, values, directed), labels in arrows.items()
    )


def _groups(facts: Iterable[Fact], symmetric: set[str]) -> list[Group]:
    """Facts bundled by relation and their busiest end, every fact once. Either end of a symmetric one may be its subject."""
    left = dict.fromkeys(facts)
    groups: list[Group] = []
    while left:
        stars: dict[tuple[str, bool, str], dict[Fact, str]] = {}
        for fact in left:
            relation, subject, value = fact
            stars.setdefault((relation, False, subject), {})[fact] = value
            stars.setdefault((relation, relation not in symmetric, value), {})[fact] = subject
        (relation, into, hub), members = max(stars.items(), key=lambda item: len(item[1]))
        others = tuple(members.values())
        groups.append((relation, others, (hub,)) if into else (relation, (hub,), others))
        for fact in members:
            del left[fact]
    return groups


def _box(ontology: Ontology, iri: str, centre: str | None, *, literals: bool) -> Node:
    """An individual with its classes and, if they are near enough, the literals said of it."""
    individual = ontology.individuals[iri]
    kinds = ", ".join(ontology.classes[kind].label for kind in individual.types if kind in ontology.classes)
    rows = [
        Label(ontology.relations[relation].label, ontology.texts(value)[0])
        for relation, subjects in (ontology.facts.items() if literals else ())
        for value in subjects.get(iri, ())
        if value.startswith(LITERAL_MARK)
    ]
    return Node(iri, "individual", individual.label, kinds, tuple(rows[:MAX_LINES]), max(len(rows) - MAX_LINES, 0), iri == centre)
