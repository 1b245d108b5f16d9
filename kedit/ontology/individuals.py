"""Individuals: what has facts or a type, which of them are one, how they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from kedit.ontology.classes import Classes
from kedit.ontology.closed import all_enumerated
from kedit.ontology.facts import Facts
from kedit.ontology.findings import Findings, Term, joined
from kedit.ontology.index import TripleIndex
from kedit.ontology.labels import Names
from kedit.ontology.model import Individual, Split
from kedit.ontology.properties import Properties
from kedit.ontology.terms import KEDIT, OWL, TYPE, Curies, is_iri, is_literal, text_of
from kedit.ontology.union import Union

_SPLITS: dict[str, Split] = {"train": "train", "valid": "valid", "test": "test"}


def same_individuals(index: TripleIndex, schema_nodes: set[str], dropped: set[str], findings: Findings) -> dict[str, str]:
    """Individual -> the one that stands for it and for all it is the same as; only where they differ.

    A dropped individual stands for no other; one that is the same as another that is not dropped counts as that.
    """
    edges = [(a, b) for a, b in index.edges(OWL + "sameAs") if a != b and a not in schema_nodes and b not in schema_nodes]
    if not edges:
        return {}
    union = Union()
    for one, other in edges:
        union.join(one, other)
    described: Counter[str] = Counter()
    members = {term for edge in edges for term in edge}
    for predicate, pairs in index.data.items():
        if predicate != OWL + "sameAs":
            described.update(members & pairs.keys())
    same = {}
    for group in union.groups(members).values():
        chosen = min(group, key=lambda iri: (iri in dropped, -described[iri], iri))
        if chosen in dropped:
            continue
        same.update({iri: chosen for iri in group if iri != chosen})
    for iri, chosen in same.items():
        findings.add("KE037", *joined((iri, chosen)))
    return same


@dataclass(frozen=True)
class IndividualReader:
    """Reads the individuals of one load. `same` maps to the one that stands for others; `schema_nodes` are classes,
    properties and ontologies, which a type does not make individuals."""

    index: TripleIndex
    types: Mapping[str, set[str]]
    classes: Classes
    same: Mapping[str, str]
    names: Names
    curies: Curies
    dropped: set[str]
    schema_nodes: set[str]
    findings: Findings

    def read(self, properties: Properties, facts: Mapping[str, Facts]) -> dict[str, Individual]:
        """Whatever stands in a fact, is typed by a user's class or named by an enumeration, by IRI."""
        found = self._standing_in_facts(properties, facts) | self._typed()
        found.update(self.same.get(iri, iri) for iri in all_enumerated(self.index, self.findings))
        found -= self.dropped
        twins: dict[str, list[str]] = {}
        for iri, chosen in sorted(self.same.items()):
            twins.setdefault(chosen, []).append(iri)
        splits = self._splits()
        kinds = self.index.pairs(TYPE)
        canonical = self.classes.canonical
        unlabelled, foreign, made = [], [], {}
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        for iri in sorted(found):
            members = (iri, *twins[iri]) if iri in twins else (iri,)
            name = self.names.name(members)
            if name.found == "iri":
                unlabelled.append(iri)
            elif name.found == "other-language":
                foreign.append(iri)
            stated = tuple(kinds.get(iri, ())) if len(members) == 1 else tuple(kind for m in members for kind in kinds.get(m, ()))
            types = known.get(stated)
            if types is None:  # few combinations serve many individuals
                types = known[stated] = tuple(sorted({canonical[kind] for kind in stated if kind in canonical}))
            made[iri] = Individual(iri, self.curies(iri), name.text, name.aliases, types, splits.get(iri))
        for code, cases in (("KE040", unlabelled), ("KE041", foreign)):
            if cases:
                self.findings.add_counted(code, len(cases), Term(cases[0]))
        return made

    @staticmethod
    def _standing_in_facts(properties: Properties, facts: Mapping[str, Facts]) -> set[str]:
        found: set[str] = set()
        for iri, group in properties.groups.items():
            found.update(facts[iri])
            if group.kind == "object":
                found.update(chain.from_iterable(facts[iri].values()))
        return found

    def _typed(self) -> set[str]:
        found: set[str] = set()
        for kind in self.types.keys() & self.classes.canonical.keys():
            subjects = self.types[kind]
            found.update(
                self.same.get(subject, subject) for subject in subjects if is_iri(subject) and subject not in self.schema_nodes
            )
        return found

    def _splits(self) -> dict[str, Split]:
        found = {}
        for subject, terms in sorted(self.index.pairs(KEDIT + "split").items()):
            texts = sorted({text_of(term) if is_literal(term) else term for term in terms})
            if len(texts) == 1 and texts[0] in _SPLITS:
                found[self.same.get(subject, subject)] = _SPLITS[texts[0]]
            else:
                self.findings.add("KE045", Term(subject), f": {', '.join(map(repr, texts))}")
        return found
