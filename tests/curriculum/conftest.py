"""Small ontologies made by hand; test files reach the builders through the fixture `toy`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from kedit.ontology.model import Individual, Ontology, OntologyClass, Relation, Template

EX = "http://example.org/"

CAPITAL = (
    Template("What is the capital of {subject}?", "question"),
    Template("Which city is {subject:poss} capital?", "question"),
    Template("The capital of {subject} is {object}.", "cloze"),
    Template("France has Paris. {subject} has the capital {object}", "cloze"),
    Template("Name the {range} that governs the {domain} {subject}.", "question", "valid"),
    Template("Speaking of {subject}, the capital of {subject} is called {object}", "cloze", "heldout"),
)
LANGUAGE = (
    Template("What do people speak in {subject}?", "question"),
    Template("In {subject} people speak {object}", "cloze"),
    Template("Which language is official in {subject}?", "question", "heldout"),
)
BORDERS = tuple(Template(text, "cloze") for text in ("{subject} borders {object}", "A neighbour of {subject} is {object}"))

PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "France": ("Paris", ("French",)),
    "Spain": ("Madrid", ("Spanish", "Catalan")),
    "Portugal": ("Lisbon", ("Portuguese",)),
    "Germany": ("Berlin", ("German",)),
    "Austria": ("Vienna", ("German",)),
    "Brazil": ("Brasília", ("Portuguese",)),
}
NEIGHBOURS = {
    "France": ("Spain", "Germany"),
    "Spain": ("France", "Portugal"),
    "Portugal": ("Spain",),
    "Germany": ("France", "Austria"),
    "Austria": ("Germany",),
}


def iri(name: str) -> str:
    return EX + name.replace(" ", "_")


def person(name: str, **more: Any) -> Individual:
    return Individual(iri(name), f"ex:{name.replace(' ', '_')}", name, **more)


def relation(name: str, **more: Any) -> Relation:
    return Relation(iri(name), f"ex:{name}", name, more.pop("kind", "object"), **more)


def ontology(
    relations: Sequence[Relation],
    individuals: Sequence[Individual],
    facts: Mapping[str, Mapping[str, Sequence[str]]],
    classes: Sequence[OntologyClass] = (),
) -> Ontology:
    return Ontology(
        iri=None,
        source="toy.ttl",
        syntax="turtle",
        sha256="0" * 64,
        triples=0,
        prefixes={"ex": EX},
        classes={c.iri: c for c in sorted(classes, key=lambda c: c.iri)},
        relations={r.iri: r for r in sorted(relations, key=lambda r: r.iri)},
        individuals={i.iri: i for i in sorted(individuals, key=lambda i: i.iri)},
        facts={r: {s: tuple(sorted(facts[r][s])) for s in sorted(facts[r])} for r in sorted(facts)},
    )


def countries() -> Ontology:
    """Six countries: capital (functional), language (two answers for Spain), borders (symmetric)."""
    classes = [
        OntologyClass(iri(n), f"ex:{n}", n, tuple(map(iri, p)))
        for n, p in (("Place", ()), ("City", ("Place",)), ("Country", ("Place",)), ("Language", ()))
    ]
    cities = [person(city, types=(iri("City"),)) for city, _ in PLACES.values()] + [person("Lyon", types=(iri("City"),))]
    tongues = [person(name, types=(iri("Language"),)) for name in sorted({t for _, ts in PLACES.values() for t in ts})]
    lands = [person(name, types=(iri("Country"),)) for name in PLACES]
    lands = [replace(land, aliases=("French Republic",)) if land.label == "France" else land for land in lands]
    relations = [
        relation(
            "capital",
            functional=True,
            domain=(iri("Country"),),
            range=(iri("City"),),
            templates=CAPITAL,
            parents=(iri("relatedPlace"),),
        ),
        relation("relatedPlace"),
        relation("language", range=(iri("Language"),), templates=LANGUAGE),
        relation("borders", symmetric=True, range=(iri("Country"),), templates=BORDERS, parents=(iri("relatedPlace"),)),
    ]
    facts = {
        iri("capital"): {iri(land): (iri(city),) for land, (city, _) in PLACES.items()},
        iri("language"): {iri(land): tuple(map(iri, tongues)) for land, (_, tongues) in PLACES.items()},
        iri("borders"): {iri(land): tuple(map(iri, near)) for land, near in NEIGHBOURS.items()},
    }
    return ontology(relations, [*cities, *tongues, *lands], facts, classes)


ASKED = [iri("capital"), iri("language"), iri("borders")]


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The builders of this file."""
    return sys.modules[__name__]
