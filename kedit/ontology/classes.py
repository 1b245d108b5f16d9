"""Classes and SKOS concepts with their hierarchy; equivalent and cyclic ones are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kedit.ontology.findings import Findings, Term, joined
from kedit.ontology.index import BrokenList, TripleIndex
from kedit.ontology.labels import Names
from kedit.ontology.model import OntologyClass
from kedit.ontology.slots import asked_slot
from kedit.ontology.terms import BUILTIN, OWL, RDFS, SKOS, Curies, is_blank, is_iri, name_words
from kedit.ontology.union import Union, cycles

SUBCLASS, EQUIVALENT = RDFS + "subClassOf", OWL + "equivalentClass"
_CLASS_TYPES = (OWL + "Class", RDFS + "Class", SKOS + "Concept", OWL + "DeprecatedClass")


@dataclass(frozen=True)
class Classes:
    """The classes of a file: `canonical` maps every class IRI to the one that stands for it."""

    nodes: Mapping[str, OntologyClass]
    canonical: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]

    def above(self, iris: Iterable[str]) -> set[str]:
        """The given classes and everything over them."""
        found: set[str] = set()
        queue = list(iris)
        while queue:
            node = queue.pop()
            if node not in found:
                found.add(node)
                queue.extend(self.parents.get(node, ()))
        return found

    def below(self, tops: Iterable[str]) -> set[str]:
        """The given classes and everything under them."""
        children: dict[str, list[str]] = {}
        for child, parents in self.parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        found: set[str] = set()
        queue = list(tops)
        while queue:
            node = queue.pop()
            if node not in found:
                found.add(node)
                queue.extend(children.get(node, ()))
        return found


def is_builtin(iri: str) -> bool:
    """Whether an IRI belongs to the languages themselves."""
    return iri.startswith(BUILTIN)


def named_members(index: TripleIndex, node: str, findings: Findings, operators: tuple[str, ...] = ("unionOf",)) -> list[str]:
    """Named classes behind a class expression: the class itself, or the members of a union (or intersection)."""
    if not is_blank(node):
        return [node] if is_iri(node) else []
    found: list[str] = []
    for operator in operators:
        for head in index.objects(node, OWL + operator):
            try:
                found += [member for member in index.members(head) if is_iri(member)]
            except BrokenList:
                findings.add("KE003", f"owl:{operator}", once=head)
    return sorted(set(found))


def build_classes(
    index: TripleIndex, types: Mapping[str, set[str]], names: Names, curies: Curies, dropped: set[str], findings: Findings
) -> Classes:
    """Classes of the index. `types` maps a type to its instances; `dropped` are deprecated or excluded terms."""
    edges = _edges(index, findings)
    declared = set().union(*(types.get(kind, set()) for kind in _CLASS_TYPES))
    mentioned = {term for edge in edges for term in edge} | {kind for kind in types if is_iri(kind)}
    known = {iri for iri in declared | mentioned if is_iri(iri) and not is_builtin(iri)} - dropped
    edges = {(child, parent) for child, parent in edges if child in known and parent in known and child != parent}

    union = Union()
    for one, other in index.edges(EQUIVALENT):
        if one in known and other in known and one != other:
            union.join(one, other)
    for group in cycles((union.find(child)[0], union.find(parent)[0]) for child, parent in edges):
        findings.add("KE032", *joined(group))
        for other in group[1:]:
            union.join(group[0], other)

    canonical, groups = {}, {}
    for members in union.groups(known).values():
        chosen = min(members, key=lambda iri: (iri not in declared, names.label(iri) is None, iri))
        canonical.update(dict.fromkeys(members, chosen))
        groups[chosen] = sorted(members)
        for iri in sorted(members.keys() - {chosen}):
            findings.add("KE037", *joined((iri, chosen)))
    above: dict[str, set[str]] = {iri: set() for iri in sorted(set(canonical.values()))}
    for child, parent in edges:
        if canonical[child] != canonical[parent]:
            above[canonical[child]].add(canonical[parent])
    parents = {iri: tuple(sorted(found)) for iri, found in above.items()}
    nodes = {}
    for iri, group in sorted(groups.items()):
        label, folded = names.label(iri), tuple(member for member in group if member != iri)
        if label is None:
            findings.add("KE049", Term(iri))
        slot = asked_slot(index, group, findings)
        nodes[iri] = OntologyClass(iri, curies(iri), label or name_words(iri), parents[iri], folded, slot)
    return Classes(nodes, canonical, parents)


def _edges(index: TripleIndex, findings: Findings) -> set[tuple[str, str]]:
    """Child and parent: asserted, by named parts of intersections and unions, and by SKOS."""
    edges = set(index.edges(SUBCLASS)) | set(index.edges(SKOS + "broader"))
    edges |= {(narrow, broad) for broad, narrow in index.edges(SKOS + "narrower")}
    for predicate in (SUBCLASS, EQUIVALENT):
        for iri, expressions in index.pairs(predicate).items():
            for node in expressions if is_iri(iri) else ():
                if is_blank(node):
                    edges |= {(iri, parent) for parent in named_members(index, node, findings, ("intersectionOf",))}
                    if predicate == EQUIVALENT:
                        edges |= {(child, iri) for child in named_members(index, node, findings)}
    return edges
