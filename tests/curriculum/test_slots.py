"""The slot map: relations first, append-only, nothing vanishes in silence."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from kedit.curriculum.slots import SlotMap, build_slots
from kedit.errors import InputError
from kedit.ontology.model import Ontology, OntologyClass


def without(ontology: Ontology, iri: str) -> Ontology:
    return replace(ontology, relations={key: node for key, node in ontology.relations.items() if key != iri})


def test_relations_come_first_in_iri_order_then_answer_classes_with_ancestors(toy: ModuleType) -> None:
    slots = build_slots(toy.countries(), toy.ASKED[::-1])
    assert [slot.curie for slot in slots.slots] == [
        "ex:borders",
        "ex:capital",
        "ex:language",
        "ex:City",
        "ex:Country",
        "ex:Language",
        "ex:Place",
    ]
    assert [slot.index for slot in slots.slots] == list(range(7))
    assert slots.by_iri[toy.iri("City")].parents == (toy.iri("Place"),)
    assert slots.by_iri[toy.iri("capital")].parents == ()  # relatedPlace was not asked for
    assert slots.by_iri[toy.iri("capital")].range == (toy.iri("City"),)
    assert len(slots.relations) == 3


def test_a_selected_super_relation_is_a_parent(toy: ModuleType) -> None:
    slots = build_slots(toy.countries(), [toy.iri("capital"), toy.iri("relatedPlace")])
    assert slots.by_iri[toy.iri("capital")].parents == (toy.iri("relatedPlace"),)


def test_without_a_change_nothing_changes(toy: ModuleType) -> None:
    slots = build_slots(toy.countries(), toy.ASKED)
    assert build_slots(toy.countries(), toy.ASKED, slots) == slots
    assert SlotMap.model_validate_json(slots.model_dump_json(by_alias=True)) == slots


def test_new_terms_are_appended_and_no_index_moves(toy: ModuleType) -> None:
    ontology = toy.countries()
    few = build_slots(ontology, [toy.iri("language")])
    more = build_slots(ontology, toy.ASKED, few)
    assert [slot.curie for slot in more.slots][:2] == ["ex:language", "ex:Language"]
    assert all(more.by_iri[slot.iri].index == slot.index for slot in few.slots)
    assert [slot.curie for slot in more.slots][2:] == ["ex:borders", "ex:capital", "ex:City", "ex:Country", "ex:Place"]


@pytest.mark.parametrize("how", ["gone", "unused", "folded"])
def test_a_vanished_term_is_an_error_that_says_what_to_retrain(toy: ModuleType, how: str) -> None:
    ontology = toy.countries()
    slots = build_slots(ontology, toy.ASKED)
    rest = [iri for iri in toy.ASKED if iri != toy.iri("borders")]
    if how != "unused":
        ontology = without(ontology, toy.iri("borders"))
    if how == "folded":
        heir = replace(ontology.relations[toy.iri("capital")], folded=(toy.iri("borders"),))
        ontology = replace(ontology, relations={**ontology.relations, heir.iri: heir})
    with pytest.raises(InputError) as caught:
        build_slots(ontology, rest, slots)
    said = {"gone": "gone from the ontology", "unused": "no longer used", "folded": "folded into ex:capital"}[how]
    assert said in caught.value.message
    assert "ex:borders" in caught.value.message
    assert "slot 0" in caught.value.message
    assert "--overwrite" in str(caught.value)


def test_a_relation_that_became_a_class_is_an_error(toy: ModuleType) -> None:
    ontology = toy.countries()
    slots = build_slots(ontology, toy.ASKED)
    iri = toy.iri("borders")
    turned = replace(without(ontology, iri), classes={**ontology.classes, iri: OntologyClass(iri, "ex:borders", "borders")})
    with pytest.raises(InputError, match="gone"):
        build_slots(turned, toy.ASKED[:2], slots)


def test_an_unknown_relation_is_an_error_with_the_nearest(toy: ModuleType) -> None:
    with pytest.raises(InputError, match="is no relation") as caught:
        build_slots(toy.countries(), [toy.iri("capitol")])
    assert toy.iri("capital") in str(caught.value)
    with pytest.raises(InputError, match="has no slot"):
        build_slots(toy.countries(), toy.ASKED).index(toy.iri("capitol"))
