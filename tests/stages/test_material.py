"""Stages before the model: what changes the words of the prompts makes them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedit.config import AlignConfig
from kedit.stages.job import Inputs, ModelSource, open_job
from kedit.stages.material import bind_slots, keep_ontology, make_prompts

PEOPLE = "".join(
    f'ex:p{i} a ex:Person ; rdfs:label "Person {i}"@en , "Mensch {i}"@de ; ex:city "City {i % 4}" .\n' for i in range(24)
)
WORLD = (
    """@prefix ex: <https://example.org/world#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix kedit: <https://w3id.org/kedit/ns#> .
ex:Person a owl:Class ; rdfs:label "person" .
ex:city a owl:DatatypeProperty ; rdfs:label "city" ; rdfs:domain ex:Person ;
    kedit:clozeTemplate "The city of {subject} is {object}" , "{subject} lives in {object}" .
"""
    + PEOPLE
)


def prepared(path: Path, **options: Any) -> tuple[list[str], str]:
    """Which stages ran, and the first prompt's text."""
    cfg = AlignConfig(ontology=path, model="tiny", out=path.parent / "run", **options)
    with open_job(Inputs(cfg), ModelSource(cfg)) as job:
        keep_ontology(job)
        bind_slots(job)
        make_prompts(job)
        return job.ran, job.prompts.asked[0].text


def test_another_language_makes_slots_and_prompts_again(tmp_path: Path) -> None:
    path = tmp_path / "world.ttl"
    path.write_text(WORLD, encoding="utf-8")
    ran, text = prepared(path)
    assert ran == ["ontology", "slots", "prompts"]
    assert "Person" in text
    assert prepared(path)[0] == []
    ran, text = prepared(path, lang="de")
    assert ran == ["slots", "prompts"]
    assert "Mensch" in text
