"""What triples were read as: every one is counted, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kedit.ontology import load_ontology

ONTOLOGIES = Path(__file__).parents[2] / "ontologies"


def test_every_kind(bench: Any) -> None:
    ontology = bench.load("""
        @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix swrl: <http://www.w3.org/2003/11/swrl#> .
        :o a owl:ObjectProperty ; rdfs:domain :P . :P a owl:Class ; rdfs:subClassOf [ a owl:Restriction ; owl:onProperty :o ] .
        :a :o :b ; rdfs:label "A"@en , "Ah"@de ; rdfs:comment "c" ; :note "n" ; kedit:split "test" .
        :note a owl:AnnotationProperty .
        _:x :o :b . [] a owl:Axiom ; owl:annotatedSource :a . [] a swrl:Imp . :s a sh:NodeShape ; sh:property [ sh:path :o ] .
    """)
    assert ontology.uses == {
        "types and declarations": 4,
        "class expressions and lists": 3,
        "annotations": 2,
        "axioms": 2,
        "statements about statements": 2,
        "facts about blank nodes": 1,
        "kedit annotations": 1,
        "names": 1,
        "names in other languages": 1,
        "rules": 1,
        "shapes": 1,
        "statements with relations": 1,
    }
    assert sum(ontology.uses.values()) == ontology.triples
    assert ontology.unused == {
        "annotations": 2, "facts about blank nodes": 1, "names in other languages": 1, "restrictions": 1, "rules": 1, "shapes": 1,
        "statements about statements": 1,
    }  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"class_facts": True}, {"lang": "de"}])
@pytest.mark.parametrize("path", sorted(ONTOLOGIES.glob("*.ttl")), ids=lambda path: path.stem)
def test_kinds_add_up(path: Path, options: dict[str, Any]) -> None:
    ontology = load_ontology(path, **options)
    assert sum(ontology.uses.values()) == ontology.triples
