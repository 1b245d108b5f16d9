"""What an ontology closes: enumerations (`owl:oneOf`) of the answers there are, and classes that share no member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def disjoint_pairs(index: TripleIndex, classes: Classes, findings: Findings) -> set[tuple[str, str]]:
    """Pairs of classes (canonical, sorted) that are stated to share no member."""
    groups = [list(edge) for edge in index.edges(OWL + "disjointWith")]
    for predicate in ("members", "disjointUnionOf"):
        for heads in index.pairs(OWL + predicate).values():
            for head in heads:
                try:
                    groups.append(index.members(head))
                except BrokenList:
                    findings.add("KE003", f"owl:{predicate}", once=head)
    pairs: set[tuple[str, str]] = set()
    for group in groups:
        known = sorted({classes.canonical[iri] for iri in group if iri in classes.canonical})
        pairs.update((one, other) for number, one in enumerate(known) for other in known[number + 1 :])
    return pairs


def check_disjoint(
    individuals: Mapping[str, Individual], classes: Classes, pairs: set[tuple[str, str]], findings: Findings
) -> None:
    """Individuals that belong to two classes which share no member."""
    if not pairs:
        return
    above: dict[tuple[str, ...], tuple[str, str] | None] = {}
    for individual in individuals.values():
        if len(individual.types) not in (0, 1) and individual.types not in above:
            own = classes.above(individual.types)
            above[individual.types] = next((pair for pair in sorted(pairs) if pair[0] in own and pair[1] in own), None)
        clash = above.get(individual.types)
        if clash:
            findings.add("KE039", Term(individual.iri), ": ", Term(clash[0]), " and ", Term(clash[1]))
