"""Which properties are relations, of which kind, and which of them are one (equivalent, inverse, cyclic)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kedit.ontology.classes import is_builtin
from kedit.ontology.findings import Findings, Term, joined
from kedit.ontology.index import TripleIndex
from kedit.ontology.templates import TEMPLATE_IRIS
from kedit.ontology.terms import (
    ALIAS_PROPERTIES,
    ANNOTATION_NAMESPACES,
    DOMAINS,
    LABEL_PROPERTIES,
    OWL,
    RANGES,
    RDF,
    RDFS,
    SKOS,
    XSD,
    Curies,
    is_blank,
    is_iri,
)
from kedit.ontology.union import Union, cycles

Kind = Literal["object", "data"]
_DIRECTIONS = ("it is functional", "it has the templates", "its questions have fewer answers")
"""Why one of two directions stands for both, the first that decides."""
SUBPROPERTY, INVERSE = RDFS + "subPropertyOf", OWL + "inverseOf"
_OBJECT = tuple(
    OWL + name
    for name in (
        "ObjectProperty",
        "InverseFunctionalProperty",
        "SymmetricProperty",
        "AsymmetricProperty",
        "TransitiveProperty",
        "ReflexiveProperty",
        "IrreflexiveProperty",
    )
)
_DATA = OWL + "DatatypeProperty"
_GENERIC = (RDF + "Property", OWL + "FunctionalProperty", OWL + "DeprecatedProperty")
_ANNOTATION = (OWL + "AnnotationProperty", OWL + "OntologyProperty")
_ANNOTATION_PARENTS = {
    RDFS + "label",
    RDFS + "comment",
    RDFS + "seeAlso",
    RDFS + "isDefinedBy",
    *LABEL_PROPERTIES,
    *ALIAS_PROPERTIES,
}
_HIERARCHY = (SKOS + "broader", SKOS + "narrower")
_RELATED = SKOS + "related"
CONCEPT_RELATIONS = {SKOS + "broader": "broader concept", SKOS + "narrower": "narrower concept", _RELATED: "related concept"}
"""The relations of a thesaurus with their names; SKOS itself is no part of the file."""
_ANNOTATION_PARENTS |= {
    SKOS + name for name in ("note", "definition", "example", "hiddenLabel", "scopeNote", "changeNote", "notation")
}


@dataclass(frozen=True)
class Group:
    """Properties that are one relation. Members with parity 1 read from object to subject of the canonical one."""

    iri: str
    kind: Kind
    members: Mapping[str, int]
    symmetric: bool
    functional: bool
    direction: str | None = None
    """Why the canonical direction was chosen, if there were two."""

    @property
    def folded(self) -> tuple[str, ...]:
        """Members beside the canonical one, sorted."""
        return tuple(sorted(member for member in self.members if member != self.iri))


@dataclass(frozen=True)
class Properties:
    """All relations of a file, by canonical IRI, with `place` mapping every member to its relation and parity."""

    groups: Mapping[str, Group]
    place: Mapping[str, tuple[str, int]]
    parents: Mapping[str, tuple[str, ...]]
    narrower: Mapping[str, tuple[tuple[str, bool], ...]]
    """Relation -> those whose facts are its facts, with whether they read in the opposite direction."""
    undeclared: frozenset[str]
    mirrors: Mapping[str, tuple[str, ...]]
    """Relation -> those above and below it that read in the opposite direction."""


@dataclass
class _Reader:
    """Knows the index and what to leave out; finds kinds, then groups."""

    index: TripleIndex
    types: Mapping[str, set[str]]
    schema_nodes: set[str]
    annotations: set[str]
    dropped: set[str]
    curies: Curies
    findings: Findings

    def kinds(self) -> tuple[dict[str, Kind], frozenset[str]]:
        """Kind of every relation, and which of them are declared nowhere."""
        objects = set().union(*(self.types.get(kind, set()) for kind in _OBJECT))
        data = self.types.get(_DATA, set())
        objects = (objects - data) | self.types.get(OWL + "ObjectProperty", set())
        notes = set().union(*(self.types.get(kind, set()) for kind in _ANNOTATION))
        generic = set().union(*(self.types.get(kind, set()) for kind in _GENERIC))
        links = [self.index.edges(name) for name in (SUBPROPERTY, INVERSE, OWL + "equivalentProperty")]
        mentioned = {iri for edges in links for edge in edges for iri in edge}
        mentioned |= {iri for name in (*DOMAINS, *RANGES, *TEMPLATE_IRIS) for iri in self.index.pairs(name)}
        undeclared = (set(self.index.data) | mentioned) - objects - data - generic - notes
        undeclared -= {iri for iri in undeclared if iri.startswith(ANNOTATION_NAMESPACES)}
        annotations = self.annotations | self._below_annotations()
        kinds: dict[str, Kind] = dict.fromkeys(self._of_concepts(), "object")
        idle: set[str] = set()
        for iri in sorted(objects | data | (generic - notes) | undeclared):
            if not is_iri(iri) or is_builtin(iri) or iri in self.dropped or iri in annotations:
                continue
            if iri in objects and iri in data:
                self.findings.add("KE016", Term(iri))
            if (iri in objects) != (iri in data):
                kinds[iri] = "object" if iri in objects else "data"
            elif (kind := self._by_facts(iri)) is not None:
                kinds[iri] = kind
                if iri not in objects and iri not in undeclared:
                    self.findings.add("KE050", Term(iri), f": {kind} property")
            elif iri not in undeclared or iri in mentioned:
                idle.add(iri)
        self._by_neighbours(idle, kinds)
        return kinds, frozenset(undeclared & kinds.keys() - idle)

    def _of_concepts(self) -> tuple[str, ...]:
        """SKOS relations that hold between this file's concepts: what a thesaurus states."""
        concepts = self.types.get(SKOS + "Concept", set())
        found = {iri for iri in CONCEPT_RELATIONS if not concepts.isdisjoint(self.index.pairs(iri))}
        if not found.isdisjoint(_HIERARCHY):
            found.update(_HIERARCHY)  # inverse of each other: one relation
        return tuple(sorted(found - self.dropped))

    def _by_neighbours(self, idle: set[str], kinds: dict[str, Kind]) -> None:
        """Kinds of properties that state no fact: what their range says, else what the properties beside them are."""
        beside: dict[str, set[str]] = {}
        for name in (SUBPROPERTY, OWL + "equivalentProperty"):
            for one, other in self.index.edges(name):
                beside.setdefault(one, set()).add(other)
                beside.setdefault(other, set()).add(one)
        known = dict(kinds)
        for iri in sorted(idle):
            ranges = [value for predicate in RANGES for value in self.index.objects(iri, predicate)]
            literal = any(value.startswith(XSD) or value == RDFS + "Literal" for value in ranges)
            near = {known[other] for other in beside.get(iri, ()) if other in known}
            kinds[iri] = "data" if literal or near == {"data"} else "object"

    def _below_annotations(self) -> set[str]:
        """Properties that specialise a label or note: names of things, not facts about them."""
        children: dict[str, list[str]] = {}
        for child, parent in self.index.edges(SUBPROPERTY):
            children.setdefault(parent, []).append(child)
        found: set[str] = set()
        queue = [child for parent in _ANNOTATION_PARENTS for child in children.get(parent, ())]
        while queue:
            node = queue.pop()
            if node not in found:
                found.add(node)
                queue.extend(children.get(node, ()))
        return found

    def _by_facts(self, iri: str) -> Kind | None:
        """Object or data by what most values are; None for a property that states no fact about an individual."""
        pairs, outside = self.index.pairs(iri), self.schema_nodes
        if not any(is_iri(subject) and subject not in outside for subject in pairs):
            return None
        return "data" if 2 * self.index.literals(iri) > sum(map(len, pairs.values())) else "object"

    def unions(self, kinds: Mapping[str, Kind]) -> Union:
        """Equivalent, inverse and cyclic properties joined."""
        union = Union()
        for one, other, turned in _links(self.index, OWL + "equivalentProperty"):
            if turned and kinds.get(one) == kinds.get(other) == "object":
                union.join(one, other, 1)
            elif not turned and one != other and one in kinds and kinds[one] == kinds.get(other):
                union.join(one, other)
                self.findings.add("KE037", *joined((max(one, other), min(one, other))), once=" ".join(sorted((one, other))))
        for one, other in self.index.edges(INVERSE):
            if kinds.get(one) == kinds.get(other) == "object":
                union.join(one, other, 1)
        if _HIERARCHY[0] in kinds:
            union.join(*_HIERARCHY, 1)
        below = _links(self.index, SUBPROPERTY)
        while True:
            edges = [
                (lower[0], upper[0])
                for child, parent, turned in below
                if child in kinds
                and parent in kinds
                and kinds[child] == kinds[parent]
                and (lower := union.find(child))[1] ^ turned == (upper := union.find(parent))[1]
                and lower[0] != upper[0]
            ]
            found = cycles(edges)
            for group in found:
                self.findings.add("KE032", *joined(group))
                for other in group[1:]:
                    union.join(group[0], other)
            if not found:
                break
        for child, parent, turned in below:
            (root, turn), (top, back) = union.find(child), union.find(parent)
            if child in kinds and parent in kinds and root == top and turn ^ turned != back:
                union.contradictory.add(root)  # what entails its own inverse is symmetric
        return union

    def group(self, root: str, members: Mapping[str, int], kind: Kind, contradictory: bool) -> Group:
        """The relation of one group: its canonical direction is the functional one, else the one with templates,
        else the one whose questions have fewer answers."""
        stated = self.types.get(OWL + "SymmetricProperty", set()) | {_RELATED}
        symmetric = contradictory or not stated.isdisjoint(members)
        if symmetric:
            members = dict.fromkeys(members, 0)
        functional = {turn: self._functional(members, turn) for turn in (0, 1)}
        written = {iri for iri in members if any(iri in self.index.pairs(name) for name in TEMPLATE_IRIS)}
        turns, direction = sorted(set(members.values())), None
        if len(turns) > 1:
            sides = self._sides(members)
            ranks = {turn: (not functional[turn], not (written & sides_of(members, turn)), -sides[turn]) for turn in turns}
            turns.sort(key=lambda turn: (*ranks[turn], min(sides_of(members, turn))))
            differs = [one != other for one, other in zip(*(ranks[turn] for turn in turns))]
            direction = next((reason for reason, decides in zip(_DIRECTIONS, differs) if decides), "first by its IRI")
        turn = turns[0]
        # Read both ways, a relation is functional if either of its ends is unique.
        unique = functional[turn] or (symmetric and functional[1 - turn])
        chosen = min(
            (iri for iri in members if members[iri] == turn),
            key=lambda iri: (iri not in written, iri not in self.schema_nodes, -len(self.index.pairs(iri)), iri),
        )
        members = {iri: parity ^ turn for iri, parity in members.items()}
        return Group(chosen, kind, members, symmetric, unique, direction)

    def _functional(self, members: Mapping[str, int], turn: int) -> bool:
        straight, inverse = self.types.get(OWL + "FunctionalProperty", ()), self.types.get(OWL + "InverseFunctionalProperty", ())
        return any(iri in (straight if parity == turn else inverse) for iri, parity in members.items())

    def _sides(self, members: Mapping[str, int]) -> tuple[int, int]:
        """Number of distinct subjects when the group is read with turn 0 and with turn 1."""
        sides: tuple[set[str], set[str]] = (set(), set())
        for iri, parity in members.items():
            pairs = self.index.pairs(iri)
            sides[parity].update(pairs)
            sides[1 - parity].update(value for values in pairs.values() for value in values)
        return len(sides[0]), len(sides[1])


def _links(index: TripleIndex, predicate: str) -> list[tuple[str, str, int]]:
    """Pairs of properties under a predicate, sorted; with 1 if just one of the two is written as `[ owl:inverseOf p ]`."""
    found = [(one, other, 0) for one, other in index.edges(predicate)]
    inverses = {node: values[0] for node, values in index.pairs(INVERSE).items() if is_blank(node) and is_iri(values[0])}
    for subject, objects in index.pairs(predicate).items() if inverses else ():
        for obj in objects:
            one, other = inverses.get(subject, subject), inverses.get(obj, obj)
            if (subject in inverses or obj in inverses) and is_iri(one) and is_iri(other):
                found.append((one, other, int((subject in inverses) != (obj in inverses))))
    return sorted(found)


def sides_of(members: Mapping[str, int], turn: int) -> set[str]:
    """Members of one direction."""
    return {iri for iri, parity in members.items() if parity == turn}


def build_properties(
    index: TripleIndex,
    types: Mapping[str, set[str]],
    schema_nodes: set[str],
    label_property: Sequence[str],
    dropped: set[str],
    curies: Curies,
    findings: Findings,
) -> Properties:
    """Relations of the index after folding. `schema_nodes` are classes, properties and ontologies."""
    annotations = {*LABEL_PROPERTIES, *ALIAS_PROPERTIES, *label_property, *DOMAINS, *RANGES}
    reader = _Reader(index, types, schema_nodes, annotations, dropped, curies, findings)
    kinds, undeclared = reader.kinds()
    union = reader.unions(kinds)
    groups = {}
    for root, members in union.groups(kinds).items():
        group = reader.group(root, members, kinds[root], root in union.contradictory)
        groups[group.iri] = group
        for iri in sorted(iri for iri, parity in group.members.items() if parity):
            findings.add("KE031", Term(iri), " into ", Term(group.iri), f" ({group.direction})")
    findings.add_all("KE014", undeclared)
    groups = dict(sorted(groups.items()))
    place = {member: (iri, parity) for iri, group in groups.items() for member, parity in group.members.items()}
    parents: dict[str, set[str]] = {iri: set() for iri in groups}
    narrower: dict[str, set[tuple[str, bool]]] = {}
    for child, parent, turned in _links(index, SUBPROPERTY):
        if child in place and parent in place:
            (below, turn), (above, other) = place[child], place[parent]
            turn ^= turned
            if below == above or groups[above].kind != groups[below].kind:
                continue
            narrower.setdefault(above, set()).add((below, turn != other))
            # `isFatherOf` under `hasParent` is a statement about opposite directions: no ancestor of the slot.
            if turn == other or groups[above].symmetric:
                parents[below].add(above)
    mirrors: dict[str, set[str]] = {}
    for above, near in narrower.items():
        for below in (iri for iri, turned in near if turned):
            mirrors.setdefault(above, set()).add(below)
            mirrors.setdefault(below, set()).add(above)
    return Properties(
        groups,
        place,
        {iri: tuple(sorted(found)) for iri, found in parents.items()},
        {iri: tuple(sorted(found)) for iri, found in sorted(narrower.items())},
        undeclared,
        {iri: tuple(sorted(found)) for iri, found in mirrors.items()},
    )
