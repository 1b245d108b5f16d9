"""Facts of each relation: both directions folded, the same individuals merged, everything else left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kedit.ontology.findings import Findings, Term
from kedit.ontology.index import TripleIndex
from kedit.ontology.literals import literal_value
from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.properties import Group, Properties
from kedit.ontology.terms import Curies, is_iri, language_of, language_rank

Facts = dict[str, tuple[str, ...]]
_Found = dict[str, Collection[str]]
"""Facts on the way: subject -> values, in no order."""


@dataclass
class FactReader:
    """Reads facts from an index. `same` maps individuals to the one they are the same as; `unused` counts the rest."""

    index: TripleIndex
    same: Mapping[str, str]
    dropped: set[str]
    schema_nodes: set[str]
    one_way: frozenset[tuple[str, str, str]]
    """Triples that hold in their own direction only: what restrictions say of classes."""
    language: str
    curies: Curies
    findings: Findings
    unused: Counter[str] = field(default_factory=Counter)
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Literal -> its texts by datatype, where these are more than its lexical form."""
    _values: dict[str, str] = field(default_factory=dict)

    def read(self, properties: Properties) -> dict[str, Facts]:
        """Relation -> subject -> values, all sorted; every relation has an entry, be it empty."""
        raw: dict[str, _Found] = {}
        # What is said of a property describes the schema; of a class it may be a fact, where the property is declared.
        nobody = self.dropped.union(properties.place)
        for iri, group in properties.groups.items():
            raw[iri] = self._of_group(group, properties.undeclared, nobody)
        order = sorted(set().union(*raw.values()))
        return {iri: self._sorted(raw[iri], order) for iri in raw}

    @staticmethod
    def _sorted(found: _Found, order: list[str]) -> Facts:
        # Relations of a large file share their subjects: to pick from what is sorted is cheaper than to sort again.
        subjects = [one for one in order if one in found] if 10 * len(found) > len(order) else sorted(found)
        facts = {subject: tuple(found[subject]) for subject in subjects}
        for subject in [subject for subject, values in facts.items() if len(values) > 1]:
            facts[subject] = tuple(sorted(facts[subject]))
        return facts

    def _of_group(self, group: Group, undeclared: frozenset[str], nobody: set[str]) -> _Found:
        if group.kind == "data" and (self.same or len(group.members) > 1):
            return self._literals_of_all(group, undeclared, nobody)
        found: _Found = {}
        one_way = {prop for _, prop, _ in self.one_way}
        for member, parity in sorted(group.members.items()):
            misfits = 0
            skipped = nobody | self.schema_nodes if member in undeclared else nobody
            pairs: Mapping[str, Sequence[str]] = self.index.pairs(member)
            if not found and not parity and not group.symmetric and not self.same:
                found = self._plain(member, skipped) if group.kind == "object" else self._plain_literals(member, skipped)
                pairs = {subject: pairs[subject] for subject in pairs.keys() - found.keys()}
            for subject, terms in self._named(pairs, skipped):
                if member in one_way and (parity or group.symmetric):
                    terms = self._both_ways(found, subject, member, terms, parity)
                values = self._objects(terms) if group.kind == "object" else self._literals(terms)
                misfits += sum(self._misfit(term, group.kind) for term in terms) if len(values) < len(terms) else 0
                if values:
                    self._store(found, self.same.get(subject, subject), values, parity, group.symmetric)
            self._tell_misfits(member, misfits)
        return found

    def _literals_of_all(self, group: Group, undeclared: frozenset[str], nobody: set[str]) -> _Found:
        """Facts of a data property where it or its subjects have several names: one language is chosen among all its literals."""
        together: dict[str, set[str]] = {}
        for member in sorted(group.members):
            misfits = 0
            skipped = nobody | self.schema_nodes if member in undeclared else nobody
            for subject, terms in self._named(self.index.pairs(member), skipped):
                misfits += sum(self._misfit(term, group.kind) for term in terms)
                together.setdefault(self.same.get(subject, subject), set()).update(terms)
            self._tell_misfits(member, misfits)
        return {subject: values for subject, terms in together.items() if (values := self._literals(sorted(terms)))}

    def _named(self, pairs: Mapping[str, Sequence[str]], skipped: set[str]) -> Iterator[tuple[str, Sequence[str]]]:
        """Pairs about named subjects that are not to be skipped; those about blank nodes are counted."""
        for subject, terms in pairs.items():
            if subject[:2] == "_:":
                self.unused["facts about blank nodes"] += len(terms)
            elif subject not in skipped:
                yield subject, terms

    def _both_ways(self, found: _Found, subject: str, member: str, terms: Sequence[str], parity: int) -> list[str]:
        """The objects that may be read both ways; what holds one way only is stored, or left out if that way is the other."""
        said = [term for term in terms if (subject, member, term) in self.one_way]
        if said and not parity:
            self._store(found, self.same.get(subject, subject), self._objects(said), 0, symmetric=False)
        self.unused["restrictions that read the other way"] += len(said) if parity else 0
        return [term for term in terms if term not in said]

    def _tell_misfits(self, member: str, misfits: int) -> None:
        if misfits:
            self.unused["values of the wrong kind"] += misfits
            self.findings.add_counted("KE015", misfits, Term(member))

    def _plain(self, member: str, skipped: set[str]) -> _Found:
        """Facts of named subjects about one named individual each: nearly all of a large file, so taken at one go."""
        marks, pairs = (LITERAL_MARK, "_"), self.index.pairs(member)
        if self.index.named(member) and not self.dropped and pairs.keys().isdisjoint(skipped):
            return dict(pairs)
        found: _Found = {
            subject: terms
            for subject, terms in pairs.items()
            if len(terms) == 1 and subject[0] != "_" and terms[0][0] not in marks and terms[0] not in self.dropped
        }
        for subject in found.keys() & skipped:
            del found[subject]
        return found

    def _plain_literals(self, member: str, skipped: set[str]) -> _Found:
        """Facts of named subjects about one literal each, likewise."""
        found: _Found = {
            subject: (value,)
            for subject, terms in self.index.pairs(member).items()
            if len(terms) == 1 and subject[0] != "_" and terms[0][0] == LITERAL_MARK and (value := self._value(terms[0]))[1:]
        }
        for subject in found.keys() & skipped:
            del found[subject]
        return found

    def _store(self, found: _Found, subject: str, values: Collection[str], parity: int, symmetric: bool) -> None:
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

    def _objects(self, terms: Sequence[str]) -> list[str]:
        """Named individuals among the objects, each as the one it is the same as."""
        values = [term for term in terms if term[0] != LITERAL_MARK and term[0] != "_" and term not in self.dropped]
        if len(values) < len(terms):
            self.unused["blank nodes as values"] += sum(term.startswith("_:") for term in terms)
        if self.same and any(value in self.same for value in values):
            values = sorted({self.same.get(value, value) for value in values})
        return values

    def _literals(self, terms: Sequence[str]) -> list[str]:
        """Values of a data property: lexical forms, in the best language there is."""
        literals = [term for term in terms if term[0] == LITERAL_MARK]
        if len(literals) > 1:
            literals = self._in_language(literals)
        values = [value for term in literals if (value := self._value(term)) != LITERAL_MARK]
        return sorted(set(values)) if len(values) > 1 else values

    def _value(self, term: str) -> str:
        """A literal as a value. What was met before is not worked out again."""
        value = self._values.get(term)
        if value is None:
            value, texts = literal_value(term, self.language)
            self._values[term] = value
            if len(texts) > 1:
                self.said[value] = texts
        return value

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
