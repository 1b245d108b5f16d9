"""Facts about classes as a whole: `Pizza subClassOf (hasBase some PizzaBase)` says what the base of a pizza is."""

from __future__ import annotations

from collections.abc import Iterator

from kedit.ontology.classes import EQUIVALENT, SUBCLASS, is_builtin
from kedit.ontology.findings import Findings
from kedit.ontology.index import BrokenList, TripleIndex
from kedit.ontology.terms import OWL, is_blank, is_iri

Fact = tuple[str, str, str]


def class_facts(index: TripleIndex, findings: Findings) -> list[Fact]:
    """Class, property and value of every `hasValue` and `someValuesFrom` restriction on a named class, sorted.

    Restrictions that are parts of an intersection count; those inside unions, complements and other restrictions do not,
    for they do not hold of the whole class.
    """
    found: set[Fact] = set()
    for predicate in (SUBCLASS, EQUIVALENT):
        for iri, expressions in index.pairs(predicate).items():
            if is_iri(iri):
                for node in expressions:
                    found.update((iri, prop, value) for prop, value in _restrictions(index, node, findings))
    return sorted(found)


def _restrictions(index: TripleIndex, node: str, findings: Findings) -> Iterator[tuple[str, str]]:
    if not is_blank(node):
        return
    for prop in index.objects(node, OWL + "onProperty"):
        if is_iri(prop):
            yield from ((prop, value) for value in index.objects(node, OWL + "hasValue") if not is_blank(value))
            fillers = index.objects(node, OWL + "someValuesFrom")
            yield from ((prop, value) for value in fillers if is_iri(value) and not is_builtin(value))
    for head in index.objects(node, OWL + "intersectionOf"):
        try:
            for member in index.members(head):
                yield from _restrictions(index, member, findings)
        except BrokenList:
            findings.add("KE003", "owl:intersectionOf", once=head)


def add_facts(index: TripleIndex, facts: list[Fact]) -> frozenset[Fact]:
    """State facts in an index as if they stood in the file; those that do not."""
    added = frozenset(fact for fact in facts if fact[2] not in index.objects(fact[0], fact[1]))
    for subject, prop, value in added:
        index.replace(subject, prop, {*index.objects(subject, prop), value})
    return added
