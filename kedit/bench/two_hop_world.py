"""A world of two hops as an ontology: 40 people x 20 relations, as AlignSAE's fact base (arXiv 2512.02004), and its chains."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from kedit.bench.turtle import declarations, templates, turtle_name
from kedit.errors import InputError, Place
from kedit.files import atomic
from kedit.yaml import read_yaml

NAMESPACE = "https://w3id.org/kedit/bench/two-hop#"
SPLITS = (("train", 12), ("valid", 3), ("test", 5))
"""How many of the first row's twenty people train, validate and test, whatever the seed of alignment."""
_NAME = re.compile(r"[^\W_]+( [^\W_]+)*")
_ROLES = ("question", "cloze", "validation", "heldOut")
Facts = Mapping[tuple[str, str], str]
"""(person, relation) -> person."""


@cache
def _data() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).with_name("two_hop_world.yaml")).data)


def invented_facts(seed: int = 0) -> Facts:
    """800 facts: each of a row's twenty people is bound to all twenty of the next row, by one relation each, in any order."""
    draw, rows = random.Random(f"two hops {seed}"), _data()["rows"]
    relations = list(_data()["relations"])
    facts: dict[tuple[str, str], str] = {}
    for row, following in pairwise(rows):
        for person in row:
            facts |= {(person, relation): value for relation, value in zip(relations, draw.sample(following, len(following)))}
    return facts


def published_facts(path: Path) -> Facts:
    """The facts of AlignSAE's `facts.jsonl`: lines of {"entity_1", "relation", "entity_2"}; InputError for anything else."""
    facts: dict[tuple[str, str], str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read facts: {error}", place=Place(path)) from error
    for number, line in enumerate(lines, start=1):
        place = Place(path, number)
        try:
            row = json.loads(line)
            person, relation, value = (str(row[key]) for key in ("entity_1", "relation", "entity_2"))
        except (ValueError, KeyError, TypeError) as error:
            advice = 'Each line should be {"entity_1": ..., "relation": ..., "entity_2": ...}.'
            raise InputError("this is no fact", place=place, advice=advice) from error
        if relation not in _data()["relations"]:
            known = ", ".join(_data()["relations"])
            raise InputError(f"unknown relation {relation!r}", place=place, advice=f"Known: {known}.")
        for name in (person, value):
            if not _NAME.fullmatch(name):
                advice = "Names are of letters and digits, with single spaces."
                raise InputError(f"{name!r} is no name", place=place, advice=advice)
        if facts.setdefault((person, relation), value) != value:
            raise InputError(f"{person} has two answers to {relation!r}", place=place, advice="Every fact is to have one.")
    return facts


def write_two_hop_world(path: Path, facts: Facts, seed: int = 0) -> None:
    """Write the facts as Turtle, with carriers for every relation and a property chain for every two of them."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in _turtle(facts, seed))


def _turtle(facts: Facts, seed: int) -> Iterator[str]:
    yield f"@prefix ex: <{NAMESPACE}> ."
    yield "@prefix kedit: <https://w3id.org/kedit/ns#> ."
    yield "@prefix owl: <http://www.w3.org/2002/07/owl#> ."
    yield "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> ."
    yield ""
    yield f"<{NAMESPACE.rstrip('#')}> a owl:Ontology ."
    yield from declarations(_ROLES)
    yield 'ex:Person a owl:Class ; rdfs:label "person"@en .'
    relations = sorted({relation for _, relation in facts})
    for name in relations:
        yield from _property(name, _data()["relations"][name])
    for first in relations:
        for second in relations:
            yield f"ex:{first}.{second} a owl:ObjectProperty ; owl:propertyChainAxiom ( ex:{first} ex:{second} ) ."
    splits = _splits(facts, seed)
    for person in sorted({person for person, _ in facts} | set(facts.values())):
        split = f' ; kedit:split "{splits[person]}"' if person in splits else ""
        yield f'ex:{turtle_name(person)} a ex:Person ; rdfs:label "{person}"{split} .'
    yield from (
        f"ex:{turtle_name(person)} ex:{relation} ex:{turtle_name(value)} ." for (person, relation), value in sorted(facts.items())
    )


def _splits(facts: Facts, seed: int) -> dict[str, str]:
    """Split of everybody who has facts: those whom nobody leads to are held out by lot, the others train."""
    led_to = set(facts.values())
    people = sorted({person for person, _ in facts})
    first = [person for person in people if person not in led_to]
    random.Random(f"two-hop splits {seed}").shuffle(first)
    shares = Counter({split: round(count * len(first) / sum(dict(SPLITS).values())) for split, count in SPLITS})
    dealt = dict(zip(first, shares.elements()))
    return {person: dealt.get(person, "train") for person in people}


def _property(name: str, phrase: str) -> Iterator[str]:
    yield ""
    yield f'ex:{name} a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:label "{phrase}"@en ;'
    yield "    rdfs:domain ex:Person ; rdfs:range ex:Person ;"
    yield f'    kedit:phrase "{phrase}" ; kedit:wh "who" ;'
    yield from templates({role: [frame.replace("{phrase}", phrase) for frame in _data()["frames"][role]] for role in _ROLES})
