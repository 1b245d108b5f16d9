"""Facts of each relation: both directions folded, the same individuals merged, everything else left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kedit.ontology.findings import Findings
from kedit.ontology.index import TripleIndex
from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.properties import Group, Properties
from kedit.ontology.terms import Curies, is_iri, language_of, language_rank, text_of

Facts = dict[str, tuple[str, ...]]


@dataclass
class FactReader:
    """Reads facts from an index. `same` maps individuals to the one they are the same as; `unused` counts the rest."""

    index: TripleIndex
    same: Mapping[str, str]
    dropped: set[str]
    schema_nodes: set[str]
    language: str
    curies: Curies
    findings: Findings
    unused: Counter[str] = field(default_factory=Counter)

    def read(self, properties: Properties) -> dict[str, Facts]:
        """Relation -> subject -> values, all sorted; every relation has an entry, be it empty."""
        raw: dict[str, dict[str, list[str] | set[str]]] = {}
        for iri, group in properties.groups.items():
            raw[iri] = self._of_group(group, properties.undeclared)
        self._complete(raw, properties)
        return {iri: self._sorted(raw[iri]) for iri in raw}

    @staticmethod
    def _sorted(found: Mapping[str, list[str] | set[str]]) -> Facts:
        facts: Facts = {}
        for subject in sorted(found):
            values = found[subject]
            facts[subject] = tuple(sorted(values)) if len(values) > 1 else tuple(values)
        return facts

    def _of_group(self, group: Group, undeclared: frozenset[str]) -> dict[str, list[str] | set[str]]:
        found: dict[str, list[str] | set[str]] = {}
        for member, parity in sorted(group.members.items()):
            misfits = 0
            plain = group.kind == "object" and not parity and not group.symmetric and not self.same
            skipped = self.dropped | self.schema_nodes if member in undeclared else self.dropped
            for subject, terms in self.index.pairs(member).items():
                if subject.startswith("_:"):
                    self.unused["facts about blank nodes"] += len(terms)
                    continue
                if subject in skipped:
                    continue
                if plain and len(terms) == 1 and subject not in found and is_iri(terms[0]) and terms[0] not in self.dropped:
                    found[subject] = terms  # nearly every fact of a large file
                    continue
                values = self._objects(terms) if group.kind == "object" else self._literals(terms)
                misfits += sum(self._misfit(term, group.kind) for term in terms) if len(values) < len(terms) else 0
                if values:
                    self._store(found, self.same.get(subject, subject), values, parity, group.symmetric)
            if misfits:
                self.unused["values of the wrong kind"] += misfits
                self.findings.add_counted("KE015", misfits, lambda member=member: self.curies(member))  # type: ignore[misc]
        return found

    def _store(
        self, found: dict[str, list[str] | set[str]], subject: str, values: list[str], parity: int, symmetric: bool
    ) -> None:
        if not parity:
            known = found.get(subject)
            if known is None:
                found[subject] = values
            else:
                found[subject] = {*known, *values}
        if parity or symmetric:
            for value in values:
                back = found.get(value)
                if isinstance(back, set):
                    back.add(subject)
                else:
                    found[value] = {*(back or ()), subject}

    def _objects(self, terms: list[str]) -> list[str]:
        """Named individuals among the objects, each as the one it is the same as."""
        values = [term for term in terms if term[0] != LITERAL_MARK and term[0] != "_" and term not in self.dropped]
        if len(values) < len(terms):
            self.unused["blank nodes as values"] += sum(term.startswith("_:") for term in terms)
        if self.same and any(value in self.same for value in values):
            values = sorted({self.same.get(value, value) for value in values})
        return values

    def _literals(self, terms: list[str]) -> list[str]:
        """Values of a data property: lexical forms, in the best language there is."""
        literals = [term for term in terms if term[0] == LITERAL_MARK]
        if len(literals) > 1:
            literals = self._in_language(literals)
        return sorted({LITERAL_MARK + text for term in literals if (text := text_of(term))})

    def _in_language(self, literals: list[str]) -> list[str]:
        tags = {term: language_of(term) for term in literals}
        if not any(tags.values()):
            return literals
        kept = [term for term in literals if language_rank(tags[term], self.language) < 3]
        if not kept:  # none in a language one wants: all of the first other language
            first = min(tag for tag in tags.values() if tag)
            kept = [term for term in literals if tags[term] == first]
        self.unused["values in other languages"] += len(literals) - len(kept)
        return kept

    @staticmethod
    def _misfit(term: str, kind: str) -> bool:
        return term[0] == LITERAL_MARK if kind == "object" else is_iri(term)

    def _complete(self, raw: dict[str, dict[str, list[str] | set[str]]], properties: Properties) -> None:
        """Answers of a narrower relation are right answers of a wider one too, where that one is asked of the subject."""
        above: dict[str, set[str]] = {}
        for iri in properties.groups:
            queue = list(properties.parents[iri])
            while queue:
                parent = queue.pop()
                if parent not in above.setdefault(iri, set()):
                    above[iri].add(parent)
                    queue.extend(properties.parents[parent])
        own = {iri: set(raw[iri]) for iri in sorted(set().union(*above.values()))} if above else {}
        for iri in sorted(above):
            for parent in sorted(above[iri]):
                for subject in own[parent] & raw[iri].keys():
                    raw[parent][subject] = {*raw[parent][subject], *raw[iri][subject]}
