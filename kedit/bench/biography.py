"""The biography task of AlignSAE (arXiv 2512.02004) as an ontology: invented people, six facts each, always the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from kedit.bench.turtle import declarations, templates, turtle_name
from kedit.files import atomic
from kedit.yaml import read_yaml

NAMESPACE = "https://w3id.org/kedit/bench/biography#"
BORN = (1950, 1999)
"""First and last year of birth; days run to 28, so that every month has them."""
SPLITS = {"train": 0.6, "valid": 0.15, "test": 0.25}
"""Shares of the people; the same people are held out of alignment whatever its seed."""
_ROLES = ("cloze", "question", "validation", "heldOut")
_CLASSES = ("Person", "City", "University", "Subject", "Company", "Town")


class Pools(NamedTuple):
    """What people, schools and employers are called, each in a fixed order."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[str, ...]
    universities: tuple[str, ...]
    majors: tuple[str, ...]
    employers: tuple[str, ...]
    towns: tuple[str, ...]


class Person(NamedTuple):
    """Somebody invented; `facts` by the local name of the relation, as labels (a date as YYYY-MM-DD)."""

    name: str
    split: str
    facts: Mapping[str, str]


@cache
def _data() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).with_name("biography.yaml")).data)


def pools() -> Pools:
    """The names that people are drawn from."""
    data = _data()
    return Pools(
        given=tuple(data["given"].split()),
        family=tuple(stem + ending for stem in data["family_stems"].split() for ending in data["family_endings"].split()),
        cities=tuple(data["cities"]),
        universities=tuple(_named("university_places", "university_stems", "university_endings", "university_kinds", twice=60)),
        majors=tuple(data["majors"]),
        employers=tuple(_named("employer_names", "employer_stems", "employer_endings", "employer_trades", twice=12)),
        towns=tuple(data["towns"]),
    )


def _named(names: str, stems: str, endings: str, kinds: str, *, twice: int) -> Iterator[str]:
    """Names, and every stem with every ending: each with the kind whose turn it is, the first `twice` with the next one, too."""
    data = _data()
    coined = [stem + ending for stem in data[stems].split() for ending in data[endings].split()]
    for number, name in enumerate([*data[names].split(), *coined]):
        for turn in (number, number + 1) if number < twice else (number,):
            yield data[kinds][turn % len(data[kinds])].format(name)


def people(n: int, seed: int = 0) -> list[Person]:
    """`n` people of distinct names. The town of work follows from the employer: the two relations are entangled on purpose."""
    draw, pool = random.Random(f"people {seed}"), pools()
    seat = {employer: draw.choice(pool.towns) for employer in pool.employers}
    found: dict[str, Person] = {}
    while len(found) < n:
        first, middle = draw.sample(pool.given, 2)
        name = f"{first} {middle} {draw.choice(pool.family)}"
        employer = draw.choice(pool.employers)
        facts = {
            "birthDate": f"{draw.randint(*BORN)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
            "birthCity": draw.choice(pool.cities),
            "university": draw.choice(pool.universities),
            "major": draw.choice(pool.majors),
            "employer": employer,
            "workCity": seat[employer],
        }
        (split,) = draw.choices(list(SPLITS), list(SPLITS.values()))
        found.setdefault(name, Person(name, split, facts))
    return list(found.values())


def biographies(
    names: Mapping[str, str], facts: Mapping[str, Mapping[str, str]], each: int, seed: int = 0
) -> list[tuple[str, str]]:
    """Lives as running text, cut before a fact: (what stands before it, the fact), `each` a person.

    names: of persons, facts: by the local name of the relation, as texts. One to three other facts come before, in any order. As
    in the published world, whose model reads biographies before it is asked: the name stands once, long before the relation,
    so that facts must be found where they are asked for.
    """
    draw, found = random.Random(f"biographies {seed}"), []
    own = {name: str(relation["own"]).removeprefix("{subject} ") for name, relation in _data()["relations"].items()}
    for person, name in names.items():
        known = facts[person]
        for _ in range(each):
            told = draw.sample(sorted(known), draw.randint(2, 4))
            said = ", ".join(own[relation].format(object=known[relation]) for relation in told)
            found.append((f"{name} {said.removesuffix(known[told[-1]]).rstrip()}", known[told[-1]]))
    return found


def write_biography(path: Path, n: int, seed: int = 0) -> None:
    """Write `n` people as Turtle, with the carriers of every relation."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in _turtle(people(n, seed)))


def _turtle(told: Sequence[Person]) -> Iterator[str]:
    relations: dict[str, dict[str, str]] = _data()["relations"]
    yield "# Invented people: nobody here exists, so no pre-trained model can know a fact of this file."
    yield f"@prefix ex: <{NAMESPACE}> ."
    yield "@prefix kedit: <https://w3id.org/kedit/ns#> ."
    yield "@prefix owl: <http://www.w3.org/2002/07/owl#> ."
    yield "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> ."
    yield "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> ."
    yield ""
    yield f"<{NAMESPACE.rstrip('#')}> a owl:Ontology ."
    yield from declarations(_ROLES)
    yield from (f'ex:{name} a owl:Class ; rdfs:label "{name.lower()}"@en .' for name in _CLASSES)
    for name, relation in relations.items():
        yield from _property(name, relation)
    for name, relation in relations.items():
        for label in sorted({person.facts[name] for person in told}) if relation["range"] != "date" else ():
            yield f'ex:{turtle_name(label)} a ex:{relation["range"]} ; rdfs:label "{label}" .'
    for person in told:
        yield f'ex:{turtle_name(person.name)} a ex:Person ; rdfs:label "{person.name}" ; kedit:split "{person.split}" ;'
        yield " ;\n".join(f"    ex:{name} {_value(relations[name], label)}" for name, label in person.facts.items()) + " ."


def _property(name: str, relation: Mapping[str, str]) -> Iterator[str]:
    data = relation["range"] == "date"
    kind, range_ = ("owl:DatatypeProperty", "xsd:date") if data else ("owl:ObjectProperty", f"ex:{relation['range']}")
    phrase, wh = relation["phrase"], relation["wh"]
    words = {"phrase": phrase, "Phrase": phrase.capitalize(), "Wh": wh.capitalize(), "subject": "{subject}", "object": "{object}"}
    yield ""
    yield f'ex:{name} a {kind} , owl:FunctionalProperty ; rdfs:label "{phrase}"@en ;'
    yield f"    rdfs:domain ex:Person ; rdfs:range {range_} ;"
    yield f'    kedit:phrase "{phrase}" ; kedit:wh "{wh}" ;'
    framed = {role: [frame.format(**words) for frame in _data()["frames"][role]] for role in _ROLES}
    framed["cloze"].append(relation["own"])
    yield from templates(framed)


def _value(relation: Mapping[str, str], label: str) -> str:
    return f'"{label}"^^xsd:date' if relation["range"] == "date" else f"ex:{turtle_name(label)}"
