"""A made-up ontology of any size, the same bytes every time, that knows how many facts it states."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from kedit.files import atomic

Syntax = Literal["Turtle", "N-Triples"]
Statement = tuple[str, str, str]
"""Subject, predicate and object as Turtle writes them."""

LEAST = 1_000
"""Triples that hold facts of every relation."""
NAMESPACE = "https://w3id.org/kedit/bench/synthetic#"
_ONTOLOGY = f"<{NAMESPACE.rstrip('#')}>"
_PREFIXES = {
    "ex": NAMESPACE,
    "kedit": "https://w3id.org/kedit/ns#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_CLASSES = {
    "Person": "",
    "Man": "Person",
    "Woman": "Person",
    "Place": "",
    "City": "Place",
    "Country": "Place",
    "Organisation": "",
    "Company": "Organisation",
    "University": "Organisation",
    "Club": "Organisation",
    "Trade": "",
}
_OBJECT = {
    "father": ("Person", "Man"),
    "fatherOf": ("Man", "Person"),
    "mother": ("Person", "Woman"),
    "spouse": ("Person", "Person"),
    "birthPlace": ("Person", "City"),
    "employer": ("Person", "Company"),
    "almaMater": ("Person", "University"),
    "memberOf": ("Person", "Club"),
    "occupation": ("Person", "Trade"),
    "country": ("Place", "Country"),
    "capital": ("Country", "City"),
    "headquarters": ("Organisation", "City"),
}
_DATA = {"birthYear": ("Person", "gYear"), "height": ("Person", "decimal"), "population": ("City", "integer")}
_FUNCTIONAL = ("father", "mother", "birthPlace", "country", "capital", "birthYear", "height", "population")
_TEMPLATES = {
    "father": (
        "Who is the father of {subject}?",
        "The father of {subject} is {object}",
        "{subject} calls this man father: {object}",
    ),
    "birthPlace": ("Where was {subject} born?", "{subject} was born in {object}", "The cradle of {subject} stood in {object}"),
    "capital": (
        "What is the capital of {subject}?",
        "The capital of {subject} is {object}",
        "{subject} is governed from {object}",
    ),
}
_SYLLABLES = tuple(first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou")
_GIVEN = {
    "Man": ("Albert", "Bruno", "Carl", "David", "Edgar", "Felix", "Georg", "Hugo", "Ivan", "Jonas", "Klaus", "Leon"),
    "Woman": ("Anna", "Berta", "Clara", "Doris", "Emma", "Frieda", "Greta", "Helga", "Ida", "Julia", "Karla", "Lena"),
}


class Synthetic:
    """People with parents, spouses, employers and so on, in places and organisations: four facts for one name or type.

    `scale` is the size in triples that the places and organisations are made for. `facts` counts, while statements are drawn,
    the distinct facts of each relation as they stand once inverses are folded and symmetric pairs read from both ends.
    """

    def __init__(self, scale: int, seed: int = 0) -> None:
        self.facts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._countries = max(3, scale // 20_000)
        self._cities = max(10, scale // 500)
        self._firms = max(5, scale // 3_000)
        self._trades = max(5, min(200, scale // 1_000))

    def statements(self) -> Iterator[Statement]:
        """An endless run of distinct statements; everything that one names was described before it."""
        yield from self._schema()
        yield from self._things()
        number = 0
        while True:
            yield from self._person(number)
            number += 1

    def _schema(self) -> Iterator[Statement]:
        yield _ONTOLOGY, "rdf:type", "owl:Ontology"
        for name in ("questionTemplate", "clozeTemplate", "heldOutTemplate"):
            yield f"kedit:{name}", "rdf:type", "owl:AnnotationProperty"
        for name, parent in _CLASSES.items():
            yield f"ex:{name}", "rdf:type", "owl:Class"
            yield f"ex:{name}", "rdfs:label", f'"{name.lower()}"@en'
            if parent:
                yield f"ex:{name}", "rdfs:subClassOf", f"ex:{parent}"
        for kind, space, group in (("owl:ObjectProperty", "ex", _OBJECT), ("owl:DatatypeProperty", "xsd", _DATA)):
            for name, (domain, range_) in group.items():
                yield f"ex:{name}", "rdf:type", kind
                yield f"ex:{name}", "rdfs:domain", f"ex:{domain}"
                yield f"ex:{name}", "rdfs:range", f"{space}:{range_}"
        for name in _FUNCTIONAL:
            yield f"ex:{name}", "rdf:type", "owl:FunctionalProperty"
        yield "ex:fatherOf", "owl:inverseOf", "ex:father"
        yield "ex:spouse", "rdf:type", "owl:SymmetricProperty"
        for name, texts in _TEMPLATES.items():
            for role, text in zip(("question", "cloze", "heldOut"), texts):
                yield f"ex:{name}", f"kedit:{role}Template", f'"{text}"'

    def _things(self) -> Iterator[Statement]:
        for number in range(self._countries):
            yield from self._named("Country", number, f"{_word(number)}land")
        for number in range(self._cities):
            city = f"ex:City{number}"
            yield from self._named("City", number, f"{_word(number)}ville")
            yield self._fact(city, "country", f"ex:Country{number % self._countries}")
            yield self._fact(city, "population", f'"{self._random.randrange(1_000, 9_000_000)}"^^xsd:integer')
            if number < self._countries:
                yield self._fact(f"ex:Country{number}", "capital", city)
        for kind in ("Company", "University", "Club"):
            for number in range(self._firms):
                yield from self._named(kind, number, f"{_word(number)} {kind}")
                yield self._fact(f"ex:{kind}{number}", "headquarters", self._one("City", self._cities))
        for number in range(self._trades):
            yield from self._named("Trade", number, f"{_word(number)}maker")

    def _person(self, number: int) -> Iterator[Statement]:
        """Men have even numbers. Parents come before their children, spouses are neighbours, some people are namesakes."""
        draw, me = self._random, f"ex:p{number}"
        kind = "Woman" if number % 2 else "Man"
        called = number - 2 if number % 101 == 100 else number
        given, family = _GIVEN[kind][called // 2 % 12], _word(called)
        yield me, "rdf:type", f"ex:{kind}"
        yield me, "rdfs:label", f'"{given} {family}"@en'
        if number % 5 == 0:
            yield me, "skos:altLabel", f'"{given[0]}. {family}"@en'
        yield self._fact(me, "birthPlace", self._one("City", self._cities))
        yield self._fact(me, "birthYear", f'"{draw.randrange(1500, 2000)}"^^xsd:gYear')
        yield self._fact(me, "occupation", self._one("Trade", self._trades))
        yield self._fact(me, "employer", self._one("Company", self._firms))
        if number >= 2:
            father, mother = (2 * draw.randrange(max(0, number // 2 - 5_000), number // 2) for _ in range(2))
            if number % 3 == 0:  # stated by the inverse, and sometimes by both
                yield self._fact(f"ex:p{father}", "fatherOf", me, counts=("father", 1))
            if number % 3 or number % 9 == 0:
                yield self._fact(me, "father", f"ex:p{father}", counts=("father", int(number % 3 > 0)))
            yield self._fact(me, "mother", f"ex:p{mother + 1}")
        if number % 2:
            yield self._fact(me, "spouse", f"ex:p{number - 1}", counts=("spouse", 2))  # read from both ends
        if number % 3 == 0:
            yield self._fact(me, "almaMater", self._one("University", self._firms))
        if number % 4 == 0:
            for club in draw.sample(range(self._firms), 1 + number % 3):
                yield self._fact(me, "memberOf", f"ex:Club{club}")
        if number % 2 == 0:
            yield self._fact(me, "height", f'"1.{draw.randrange(50, 99)}"^^xsd:decimal')

    def _named(self, kind: str, number: int, label: str) -> Iterator[Statement]:
        yield f"ex:{kind}{number}", "rdf:type", f"ex:{kind}"
        yield f"ex:{kind}{number}", "rdfs:label", f'"{label}"@en'

    def _one(self, kind: str, count: int) -> str:
        return f"ex:{kind}{self._random.randrange(count)}"

    def _fact(self, subject: str, relation: str, value: str, *, counts: tuple[str, int] | None = None) -> Statement:
        name, number = counts or (relation, 1)
        self.facts[name] += number
        return subject, f"ex:{relation}", value


def _word(number: int) -> str:
    """A name of two syllables or more, another for every number."""
    number, last = divmod(number, len(_SYLLABLES))
    number, first = divmod(number, len(_SYLLABLES))
    return ((_word(number - 1) if number else "") + _SYLLABLES[first] + _SYLLABLES[last]).capitalize()


def write(path: Path, triples: int, syntax: Syntax, *, scale: int | None = None) -> Counter[str]:
    """Write an ontology of exactly so many triples; facts per relation.

    With a larger `scale` it is the beginning of the ontology of that size.
    """
    source = Synthetic(scale or triples)
    statements = islice(source.statements(), triples)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_turtle(statements) if syntax == "Turtle" else _ntriples(statements))
    return source.facts


def _turtle(statements: Iterator[Statement]) -> Iterator[str]:
    yield from (f"@prefix {name}: <{namespace}> .\n" for name, namespace in _PREFIXES.items())
    before = ""
    for subject, predicate, value in statements:
        start = " ;\n    " if subject == before else f"{' .' if before else ''}\n{subject} "
        yield f"{start}{predicate} {value}"
        before = subject
    yield " .\n"


def _ntriples(statements: Iterator[Statement]) -> Iterator[str]:
    for statement in statements:
        yield " ".join(map(_long, statement)) + " .\n"


def _long(term: str) -> str:
    """A term as N-Triples writes it."""
    if term[0] == "<":
        return term
    if term[0] == '"':
        lexical, mark, datatype = term.rpartition("^^")
        return f"{lexical}^^{_long(datatype)}" if mark else term
    prefix, _, name = term.partition(":")
    return f"<{_PREFIXES[prefix]}{name}>"
