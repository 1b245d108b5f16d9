"""What an ontology closes: enumerations (`owl:oneOf`) of the answers there are, and classes that share no member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kedit.ontology.classes import EQUIVALENT, SUBCLASS, Classes
from kedit.ontology.findings import Findings, Term
from kedit.ontology.index import BrokenList, TripleIndex
from kedit.ontology.literals import literal_value
from kedit.ontology.model import Individual
from kedit.ontology.terms import OWL, is_blank, is_iri, is_literal

ONE_OF = OWL + "oneOf"


def enumerated(index: TripleIndex, nodes: Iterable[str], findings: Findings) -> tuple[str, ...]:
    """Members of the enumerations that classes or data ranges are, as terms of the index, sorted; empty if none is one."""
    found: set[str] = set()
    for node in nodes:
        named = [] if is_blank(node) else [other for link in (EQUIVALENT, SUBCLASS) for other in index.objects(node, link)]
        for place in (node, *(other for other in named if is_blank(other))):
            for head in index.objects(place, ONE_OF):
                found.update(_members(index, head, findings))
    return tuple(sorted(found))


def all_enumerated(index: TripleIndex, findings: Findings) -> set[str]:
    """Every individual that some enumeration names."""
    heads = {head for found in index.pairs(ONE_OF).values() for head in found}
    return {member for head in heads for member in _members(index, head, findings) if is_iri(member)}


def as_values(terms: Iterable[str], same: Mapping[str, str], dropped: set[str], language: str) -> tuple[str, ...]:
    """Enumerated terms as the values that answers have; without dropped ones, which nobody can answer."""
    named = (term for term in terms if not is_blank(term))
    values = {literal_value(term, language)[0] if is_literal(term) else same.get(term, term) for term in named}
    return tuple(sorted(values - dropped))


def _members(index: TripleIndex, head: str, findings: Findings) -> list[str]:
    try:
        return index.members(head)
    except BrokenList:
        findings.add("KE003", "owl:oneOf", once=head)
        return []


def disjoint_groups(index: TripleIndex, classes: Classes, findings: Findings) -> list[frozenset[str]]:
    """Groups of classes (canonical) of which no two share a member."""
    groups = [list(edge) for edge in index.edges(OWL + "disjointWith")]
    for predicate in ("members", "disjointUnionOf"):
        for heads in index.pairs(OWL + predicate).values():
            for head in heads:
                try:
                    groups.append(index.members(head))
                except BrokenList:
                    findings.add("KE003", f"owl:{predicate}", once=head)
    return [frozenset(classes.canonical[iri] for iri in group if iri in classes.canonical) for group in groups]


def check_disjoint(
    individuals: Mapping[str, Individual], classes: Classes, groups: Sequence[frozenset[str]], findings: Findings
) -> None:
    """Individuals that belong to two classes which share no member."""
    if not groups:
        return
    within: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        for iri in group:
            within.setdefault(iri, []).append(number)
    clashes: dict[tuple[str, ...], list[str]] = {}
    for individual in individuals.values():
        if len(individual.types) not in (0, 1) and individual.types not in clashes:
            own = [iri for iri in sorted(classes.above(individual.types)) if iri in within]
            met = Counter(number for iri in own for number in within[iri])
            pairs = ([iri for iri in own if iri in groups[number]][:2] for number, count in met.items() if count > 1)
            clashes[individual.types] = min(pairs, default=[])
        clash = clashes.get(individual.types)
        if clash:
            findings.add("KE039", Term(individual.iri), ": ", Term(clash[0]), " and ", Term(clash[1]))
