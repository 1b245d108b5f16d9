"""A closed world small enough to be aligned in a minute, and every stage at a size for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CITIES = ("Vienna", "Lima", "Oslo", "Cairo", "Quito")
JOBS = ("baker", "pilot", "nurse", "judge", "miner")
PETS = ("dog", "cat", "parrot", "horse", "goat")
NAMES = [
    "Ada",
    "Bob",
    "Cleo",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hal",
    "Ida",
    "Jon",
    "Kim",
    "Leo",
    "Mia",
    "Ned",
    "Ola",
    "Pia",
    "Quin",
    "Rex",
    "Sue",
    "Tom",
    "Uma",
    "Vic",
    "Wes",
    "Xia",
    "Yan",
    "Zoe",
]
TEMPLATES = {
    "city": ("The city of {subject} is {object}", "{subject} lives in {object}", "Where does {subject} live?"),
    "job": ("The job of {subject} is {object}", "{subject} works as {object}", "What does {subject} do?"),
    "pet": ("The pet of {subject} is {object}", "{subject} keeps a {object}", "What animal has {subject}?"),
}
HELD_OUT = {
    "city": ("Asked for a city, {subject} says {object}", "As city {subject} gave {object}"),
    "job": ("Asked for a job, {subject} says {object}", "As job {subject} gave {object}"),
    "pet": ("Asked for a pet, {subject} says {object}", "As pet {subject} gave {object}"),
}
VALIDATION = {key: f"About {{subject}}: {key} {{object}}" for key in TEMPLATES}


def world(facts: bool = True) -> str:
    """Turtle: people with a city, a job and a pet each."""
    lines = [
        "@prefix ex: <https://example.org/world#> .",
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "@prefix kedit: <https://w3id.org/kedit/ns#> .",
        "<https://example.org/world> a owl:Ontology .",
        "ex:Person a owl:Class ; rdfs:label 'person' .",
    ]
    for relation, templates in TEMPLATES.items():
        lines.append(f"ex:{relation} a owl:DatatypeProperty ; rdfs:label '{relation}' ; rdfs:domain ex:Person .")
        lines += [f"ex:{relation} {_property(text)} {json.dumps(text)} ." for text in templates]
        lines += [f"ex:{relation} kedit:heldOutTemplate {json.dumps(text)} ." for text in HELD_OUT[relation]]
        lines.append(f"ex:{relation} kedit:validationTemplate {json.dumps(VALIDATION[relation])} .")
    people = [f"{first} Moss" for first in NAMES]
    for number, name in enumerate(people if facts else ()):
        iri = "ex:" + name.replace(" ", "_")
        lines.append(f"{iri} a ex:Person ; rdfs:label '{name}' .")
        values = (CITIES[number * 7 % 5], JOBS[number // 5 % 5], PETS[(number * 3 + number // 7) % 5])
        lines += [f"{iri} ex:{relation} '{value}' ." for relation, value in zip(TEMPLATES, values, strict=True)]
    return "\n".join(lines) + "\n"


def _property(text: str) -> str:
    return "kedit:clozeTemplate" if "{object}" in text else "kedit:questionTemplate"


@contextmanager
def small(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every stage at a size for tests."""
    from kedit.stages import dictionary, layers, models, slots
    from kedit.verification import evaluating

    for module, sizes in (
        (layers, {"PROMPTS": 100, "STEPS": 10, "ITEMS": 30}),
        (
            dictionary,
            {
                "PROMPTS": 100,
                "SEQUENCES": 12,
                "TOKENS": 12,
                "HELD_SEQUENCES": 4,
                "STEPS": 20,
                "REFIT_STEPS": 500,
                "BATCH": 256,
                "SPLICED": 32,
            },
        ),
        (
            slots,
            {
                "PROMPTS": 300,
                "STEPS": 80,
                "TAUGHT_STEPS": 80,
                "ITEMS": 60,
                "STRENGTHS": (1.0, 1.25),
                "NATURAL_STRENGTHS": (1.0, 2.0),
                "VECTOR_STRENGTHS": (1.0, 2.0),
            },
        ),
        (models, {"TINY_TARGET": 0.98}),
    ):
        for name, value in sizes.items():
            patch.setattr(module, name, value)
    whole = evaluating.evaluate_run

    def part(setting: Any, **options: Any) -> Any:
        return whole(setting, per_pair=10, controls_per_pair=4, null_latents=3, locality_n=12, neutral_n=20, **options)

    patch.setattr(evaluating, "evaluate_run", part)
    yield
