"""`kedit:slot` as the loader reads it; which terms stand for others."""

from __future__ import annotations

from typing import Any

import pytest

PEOPLE = ":Person a owl:Class . :father a owl:ObjectProperty ; rdfs:range :Person . :a :father :b . "


def test_relations_and_classes_ask_for_slots(bench: Any) -> None:
    ontology = bench.load(PEOPLE + ':father kedit:slot 3 . :Person kedit:slot "007" . :a kedit:slot 1 .')
    assert ontology.relations[bench.E + "father"].slot == 3
    assert ontology.classes[bench.E + "Person"].slot == 7
    assert "KE046" not in bench.codes(ontology)
    assert bench.load(PEOPLE).relations[bench.E + "father"].slot is None


@pytest.mark.parametrize("value", ["-1", "1.5", '"first"', ":b", "1 , 2", "99999999999999999999", '"٣"', '""', "[]", "true"])
@pytest.mark.parametrize("term", ["father", "Person"])
def test_what_is_no_index_is_a_finding(bench: Any, term: str, value: str) -> None:
    ontology = bench.load(PEOPLE + f":{term} kedit:slot {value} .")
    assert ontology.relations[bench.E + "father"].slot is None
    assert ontology.classes[bench.E + "Person"].slot is None
    assert bench.example(ontology, "KE046").startswith(f":{term} '")
    assert next(finding.severity for finding in ontology.findings if finding.code == "KE046") == "error"


def test_terms_that_are_one_ask_for_one_slot(bench: Any) -> None:
    pair = PEOPLE + ":child owl:inverseOf :father . :dad owl:equivalentProperty :father . "
    pair += ":Human a owl:Class ; owl:equivalentClass :Person . "
    same = bench.load(pair + ":child kedit:slot 2 . :father kedit:slot 2 . :Human kedit:slot 4 .")
    (father,) = same.relations.values()
    assert (father.slot, set(father.folded)) == (2, {bench.E + name for name in ("father", "dad", "child")} - {father.iri})
    assert father.inverse == (bench.E + "child",) or father.iri == bench.E + "child"
    (person,) = same.classes.values()
    assert (person.slot, len(person.folded)) == (4, 1)
    assert same.resolve(person.folded[0], "class") == person.iri
    other = bench.load(pair + ":child kedit:slot 2 . :father kedit:slot 3 .")
    assert next(iter(other.relations.values())).slot is None
    assert bench.example(other, "KE046") == ":child 'child' = :father 'father': 2, 3"
