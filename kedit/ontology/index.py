"""Triples as nested plain dicts, `predicate -> subject -> objects`: small enough for millions, quick to ask."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.terms import RDF, is_iri, literal

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
            gc.enable()


class BrokenList(Exception):
    """An RDF list that never ends or has no single next member."""


class TripleIndex:
    """Triples of one or more files. Objects of a subject are sorted and distinct after `finish`."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, list[str]]] = {}
        self.triples = 0
        self.literals: dict[str, int] = {}
        """Predicate -> number of its triples whose object is a literal."""
        self.triple_terms = 0
        self._terms: dict[str, str] = {}

    def add(self, quads: Iterable[Any], mark: str) -> None:
        """Add pyoxigraph quads; `mark` keeps blank nodes of different files apart. Graph names are dropped."""
        from pyoxigraph import BlankNode, Literal, NamedNode

        data, shared = self.data, self._terms.setdefault
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
            key = subject.value if type(subject) is NamedNode else f"_:{mark}{subject.value}"
            key = shared(key, key)
            predicate = quad.predicate.value
            if predicate not in data:
                data[predicate] = {}
            subjects = data[predicate]
            if key in subjects:
                subjects[key].append(value)
            else:
                subjects[key] = [value]

    def merge(self, other: TripleIndex) -> None:
        """Add the triples of another index, which is used up."""
        self.triple_terms += other.triple_terms
        for predicate, pairs in other.data.items():
            subjects = self.data.setdefault(predicate, {})
            for subject, objects in pairs.items():
                subjects.setdefault(subject, []).extend(objects)

    def finish(self) -> None:
        """Drop duplicates, order the objects, count."""
        self._terms = {}
        self.triples = 0
        for predicate, subjects in self.data.items():
            literals = 0
            for subject, objects in subjects.items():
                if len(objects) > 1:
                    objects = subjects[subject] = sorted(set(objects))
                    literals += sum([term[0] == LITERAL_MARK for term in objects])
                elif objects[0][0] == LITERAL_MARK:
                    literals += 1
                self.triples += len(objects)
            self.literals[predicate] = literals

    def pairs(self, predicate: str) -> dict[str, list[str]]:
        """Subject -> objects of a predicate; empty if the predicate does not occur."""
        return self.data.get(predicate, {})

    def objects(self, subject: str, predicate: str) -> list[str]:
        """Objects of one subject, sorted."""
        return self.data.get(predicate, {}).get(subject, [])

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
