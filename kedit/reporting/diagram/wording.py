"""What stands in the boxes and on the arrows of a schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kedit.ontology.model import Ontology, Relation
from kedit.reporting.diagram.ends import UNION
from kedit.reporting.diagram.model import MAX_LINES, Edge, Label, Node, counted, joined, local_name

_MARKS = ("functional", "symmetric", "transitive")


class Wording:
    """Words for the relations and classes of one ontology; `centre` is the IRI that the picture is about."""

    def __init__(self, ontology: Ontology, centre: str | None) -> None:
        self.ontology, self.centre = ontology, centre
        self.facts = {iri: sum(map(len, ontology.facts.get(iri, {}).values())) for iri in ontology.relations}
        self._mostly_used = 2 * sum(map(bool, self.facts.values())) > len(self.facts)
        self._members: Counter[str] = Counter()
        for types, number in Counter(one.types for one in ontology.individuals.values()).items():
            kinds = {above for kind in types for above in (kind, *ontology.ancestors(kind))}
            self._members.update(dict.fromkeys(kinds, number))

    def label(self, iri: str) -> Label:
        """Name, number of facts and marks of a relation; then what was folded into it, what it is part of, what makes it up."""
        relation = self.ontology.relations[iri]
        none = "no facts" if self._mostly_used and not relation.chains else ""
        number = counted(self.facts[iri], "fact") if self.facts[iri] else none
        marks = [mark for mark in _MARKS if getattr(relation, mark)]
        inverse = f"inverse {', '.join(map(local_name, relation.inverse))}" if relation.inverse else ""
        equal = [local_name(iri) for iri in relation.folded if iri not in relation.inverse]
        folded = f"also {', '.join(equal)}" if equal else ""
        above = f"under {', '.join(map(self._name, relation.parents))}" if relation.parents else ""
        chain = " of ".join(self._step(step) for step in reversed(relation.chains[0])) if relation.chains else ""
        return Label(relation.label, joined((number, *marks)), joined((inverse, folded, above, f"= {chain}" if chain else "")))

    def arrow(self, sources: tuple[str, ...], targets: tuple[str, ...], stated: bool, members: list[str]) -> Edge:
        """The arrow that relations with the same ends share."""
        order = self._order(members)
        symmetric = sources == targets and all(self.ontology.relations[iri].symmetric for iri in order)
        labels = tuple(self.label(iri) for iri in order[:MAX_LINES])
        return Edge(
            "relation", sources, targets, labels, len(order) - len(labels), not symmetric, stated, focus=self.centre in members
        )  # fmt: skip

    def box(self, iri: str, relations: list[str]) -> Node:
        """A class with its literal-valued relations."""
        order = self._order(relations)
        rows = tuple(self._row(self.ontology.relations[row]) for row in order[:MAX_LINES])
        more = len(order) - len(rows)
        if iri in self.ontology.classes:
            said = counted(self._members[iri], "individual") if self._members[iri] else ""
            return Node(iri, "class", self.ontology.classes[iri].label, said, rows, more, iri == self.centre)
        if UNION in iri:
            names = [self.ontology.classes[member].label for member in iri.split(UNION)]
            return Node(iri, "anything", f"any of {len(names)} classes", f"{', '.join(names[:3])}, …", rows, more)
        return Node(iri, "anything", "anything", "", rows, more)

    def alone(self, iri: str) -> Node:
        """A relation whose ends are not known."""
        label = self.label(iri)
        return Node(iri, "relation", label.text, label.detail, focus=iri == self.centre)

    def _row(self, relation: Relation) -> Label:
        number = f"{self.facts[relation.iri]:,}" if self.facts[relation.iri] else ""
        return Label(relation.label, joined((*map(local_name, relation.range[:1]), number)))

    def _order(self, members: Iterable[str]) -> list[str]:
        return sorted(members, key=lambda iri: (iri != self.centre, -self.facts[iri], self._name(iri).casefold(), iri))

    def _step(self, step: str) -> str:
        return f"inverse {self._name(step[1:])}" if step.startswith("^") else self._name(step)

    def _name(self, iri: str) -> str:
        relation = self.ontology.relations.get(iri)
        return relation.label if relation else local_name(iri)
