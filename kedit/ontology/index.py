"""Triples as nested plain dicts, `predicate -> subject -> objects`: small enough for millions, quick to ask."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.terms import LOCAL_BASE, RDF, TYPE, is_iri, literal

FIRST, REST, NIL = RDF + "first", RDF + "rest", RDF + "nil"


@contextmanager
def paused_gc() -> Iterator[None]:
    """Building millions of small containers is twice as fast while the cycle collector does not walk them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # what was built lives on: to the oldest generation, without a walk over it now
                gc.freeze()
                gc.unfreeze()
            gc.enable()


class BrokenList(Exception):
    """An RDF list that never ends or has no single next member."""


class TripleIndex:
    """Triples of one or more files. Objects of a subject are sorted and distinct after `finish`."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Sequence[str]]] = {}
        self.triples = 0
        self.triple_terms = 0
        self._terms: dict[str, str] = {}
        self._several: set[tuple[str, str]] = set()
        """Predicate and subject of what was stated more than once: their objects are lists until they are sorted."""
        self._mixed: set[str] = set()
        """Predicates with literals or blank nodes at either end."""
        self.relative: set[str] = set()
        """Subjects that the file names by relative IRIs without a base."""

    def add(self, quads: Iterable[Any], mark: str) -> None:
        """Add pyoxigraph quads; `mark` keeps blank nodes of different files apart. Graph names are dropped."""
        from pyoxigraph import BlankNode, Literal, NamedNode

        data, shared, several, mixed = self.data, self._terms.setdefault, self._several.add, self._mixed.add
        before = key = ""
        named = True
        for quad in quads:
            obj = quad.object
            kind = type(obj)
            if kind is NamedNode:
                value = obj.value
                value = shared(value, value)
            elif kind is Literal:
                language = obj.language
                value = literal(obj.value, language, "" if language else obj.datatype.value)
            elif kind is BlankNode:
                value = f"_:{mark}{obj.value}"
            else:  # a triple used as a term: a statement about a statement, not a fact
                self.triple_terms += 1
                continue
            subject = quad.subject
            name = subject.value
            if name != before:  # files state what they know of a subject in one place, and a look-up costs more than this
                before = name
                named = type(subject) is NamedNode
                key = name if named else f"_:{mark}{name}"
                key = shared(key, key)
                if name.startswith(LOCAL_BASE):
                    self.relative.add(key)
            predicate = quad.predicate.value
            if predicate not in data:
                data[predicate] = {}
            if kind is not NamedNode or not named:
                mixed(predicate)
            subjects = data[predicate]
            objects = subjects.get(key)
            if objects is None:
                subjects[key] = (value,)  # a tuple of one is half of a list of one, and most are of one
            elif type(objects) is list:
                objects.append(value)
            else:
                subjects[key] = [*objects, value]
                several((predicate, key))

    def merge(self, other: TripleIndex) -> None:
        """Add the triples of another index, which is used up."""
        self.triple_terms += other.triple_terms
        self.relative |= other.relative
        self._several |= other._several
        self._mixed |= other._mixed
        for predicate, pairs in other.data.items():
            subjects = self.data.setdefault(predicate, {})
            both = pairs.keys() & subjects.keys()
            self._several.update((predicate, subject) for subject in both)
            pairs.update({subject: [*subjects[subject], *pairs[subject]] for subject in both})
            subjects.update(pairs)

    def finish(self) -> None:
        """Drop duplicates, order the objects, count."""
        for predicate, subject in self._several:
            self.data[predicate][subject] = tuple(sorted(set(self.data[predicate][subject])))
        self._terms, self._several = {}, set()
        self.triples = sum(sum(map(len, pairs.values())) for pairs in self.data.values())

    def literals(self, predicate: str) -> int:
        """Number of a predicate's triples whose object is a literal."""
        return sum(term[0] == LITERAL_MARK for objects in self.pairs(predicate).values() for term in objects)

    def named(self, predicate: str) -> bool:
        """Whether all subjects and objects of a predicate are IRIs, as its files state them."""
        return predicate not in self._mixed

    def pairs(self, predicate: str) -> dict[str, Sequence[str]]:
        """Subject -> objects of a predicate; empty if the predicate does not occur."""
        return self.data.get(predicate, {})

    def objects(self, subject: str, predicate: str) -> Sequence[str]:
        """Objects of one subject, sorted."""
        return self.data.get(predicate, {}).get(subject, ())

    def instances(self) -> dict[str, set[str]]:
        """Type -> its instances."""
        found: dict[str, set[str]] = {}
        for subject, kinds in self.pairs(TYPE).items():
            for kind in kinds:
                found.setdefault(kind, set()).add(subject)
        return found

    def replace(self, subject: str, predicate: str, objects: Iterable[str]) -> None:
        """Let a subject have these objects of a predicate and no others; none at all if there are none."""
        before, now = self.objects(subject, predicate), sorted(set(objects))
        self.triples += len(now) - len(before)
        pairs = self.data.setdefault(predicate, {})
        pairs.pop(subject, None)
        if now:
            pairs[subject] = tuple(now)
            if not is_iri(subject) or not all(map(is_iri, now)):
                self._mixed.add(predicate)
        elif not pairs:
            del self.data[predicate]

    def edges(self, predicate: str) -> list[tuple[str, str]]:
        """Pairs of IRIs under a predicate, sorted; blank nodes and literals are left out."""
        return sorted(
            (subject, obj)
            for subject, objects in self.pairs(predicate).items()
            if is_iri(subject)
            for obj in objects
            if is_iri(obj)
        )

    def members(self, node: str) -> list[str]:
        """Items of an RDF list; BrokenList if it is cyclic, forked or cut off."""
        items: list[str] = []
        seen: set[str] = set()
        while node != NIL:
            first, rest = self.objects(node, FIRST), self.objects(node, REST)
            if node in seen or len(first) != 1 or len(rest) != 1:
                raise BrokenList(node)
            seen.add(node)
            items.append(first[0])
            node = rest[0]
        return items
