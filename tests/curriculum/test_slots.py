"""The slot map: relations first, append-only, nothing vanishes in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
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
    with pytest.raises(InputError, match="has become a class"):
        build_slots(turned, toy.ASKED[:2], slots)


def test_an_unknown_relation_is_an_error_with_the_nearest(toy: ModuleType) -> None:
    with pytest.raises(InputError, match="is no relation") as caught:
        build_slots(toy.countries(), [toy.iri("capitol")])
    assert toy.iri("capital") in str(caught.value)
    with pytest.raises(InputError, match="has no slot"):
        build_slots(toy.countries(), toy.ASKED).index(toy.iri("capitol"))


def asking(ontology: Ontology, **asked: int) -> Ontology:
    """The ontology with kedit:slot on terms by their local names."""
    relations = {iri: replace(node, slot=asked.get(node.curie[3:])) for iri, node in ontology.relations.items()}
    classes = {iri: replace(node, slot=asked.get(node.curie[3:])) for iri, node in ontology.classes.items()}
    return replace(ontology, relations=relations, classes=classes)


def order(slots: SlotMap) -> list[str]:
    return [slot.curie[3:] for slot in slots.slots]


def test_a_term_gets_the_slot_that_it_asks_for_and_the_others_fill_the_rest(toy: ModuleType) -> None:
    slots = build_slots(asking(toy.countries(), language=0, City=6, capital=2), toy.ASKED)
    assert order(slots) == ["language", "borders", "capital", "Country", "Language", "Place", "City"]
    assert [slot.index for slot in slots.slots] == list(range(7))
    assert order(build_slots(asking(toy.countries(), relatedPlace=99), toy.ASKED))[0] == "borders"  # it gets no slot at all


@pytest.mark.parametrize(
    ("asked", "said", "advised"),
    [
        ({"language": 1, "borders": 1}, "ex:language asks for slot 1 (kedit:slot), which ex:borders asks for, too", "0 to 6"),
        ({"capital": 2, "City": 2}, "ex:City asks for slot 2 (kedit:slot), which ex:capital asks for, too", "from ex:City"),
        ({"capital": 7}, "ex:capital asks for slot 7 (kedit:slot), but there are 7 slots", "0 to 6"),
    ],
)
def test_a_slot_that_cannot_be_granted(toy: ModuleType, asked: dict[str, int], said: str, advised: str) -> None:
    with pytest.raises(InputError) as caught:
        build_slots(asking(toy.countries(), **asked), toy.ASKED)
    assert caught.value.message == said
    assert advised in str(caught.value.advice)
    assert "toy.ttl" in str(caught.value)


def test_the_slot_map_wins_over_what_a_term_asks_for(toy: ModuleType) -> None:
    few = build_slots(toy.countries(), [toy.iri("language")])
    assert order(build_slots(asking(toy.countries(), language=0, Place=2), toy.ASKED, few)) == [
        "language",
        "Language",
        "Place",
        "borders",
        "capital",
        "City",
        "Country",
    ]
    for asked, said in (
        ({"language": 1}, "ex:language asks for slot 1 (kedit:slot), but the slot map keeps it at 0"),
        ({"capital": 1}, "ex:capital asks for slot 1 (kedit:slot), which belongs to ex:Language in the slot map"),
    ):
        with pytest.raises(InputError) as caught:
            build_slots(asking(toy.countries(), **asked), toy.ASKED, few)
        assert caught.value.message == said
        assert caught.value.advice


def test_answers_and_direction_are_part_of_the_lock(toy: ModuleType) -> None:
    ontology = toy.countries()
    slots = build_slots(ontology, toy.ASKED)
    capital = ontology.relations[toy.iri("capital")]
    assert slots.by_iri[capital.iri].answers == "individuals"
    for node, said in (
        (replace(capital, kind="data"), "has literals for answers, no longer individuals"),
        (replace(capital, domain=capital.range, range=capital.domain), "domain and range have changed places"),
    ):
        changed = replace(ontology, relations={**ontology.relations, capital.iri: node})
        with pytest.raises(InputError, match=said):
            build_slots(changed, toy.ASKED, slots)


def test_a_file_without_answers_is_read(toy: ModuleType) -> None:
    slots = build_slots(toy.countries(), toy.ASKED)
    older = SlotMap(schema="kedit.slots/1", slots=tuple(slot.model_copy(update={"answers": None}) for slot in slots.slots))
    assert build_slots(toy.countries(), toy.ASKED, older) == slots


@pytest.mark.parametrize(
    ("content", "where", "said"),
    [
        (b'{"schema": "kedit.slots/1",\n "slots": [,]}', "s.json:2:12", "is damaged JSON"),
        (b"", "s.json:1:1", "is damaged JSON"),
        (b'{"schema": "kedit.prompts/1"}', "s.json", "its schema is 'kedit.prompts/1', not 'kedit.slots/1'"),
        (b"[]", "s.json", "it names no schema"),
        (b"\xff\xfe", "s.json", "it is not UTF-8"),
        (b"[" * 100_000, "s.json", "is not a slot map"),
        (b'{"schema": "kedit.slots/1", "slots": [{"index": 0}]}', "s.json (slots.0.iri)", "Field required"),
        (b'{"schema": "kedit.slots/1", "slots": [], "more": 1}', "s.json (more)", "Extra inputs"),
    ],
)
def test_a_file_that_is_no_slot_map(tmp_path: Path, content: bytes, where: str, said: str) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        SlotMap.load(path)
    assert str(caught.value.place).endswith(where)
    assert said in caught.value.message
    assert "kedit ontology slots" in str(caught.value.advice)


def test_indices_and_iris_are_one_to_one(toy: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    slots = build_slots(toy.countries(), toy.ASKED)
    slots.save(path)
    assert SlotMap.load(path) == slots
    document = json.loads(path.read_text())
    document["slots"][1]["iri"] = document["slots"][0]["iri"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="ex:borders has two slots: 0 and 1"):
        SlotMap.load(path)
    document["slots"] = document["slots"][1:]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="slot 1 stands where slot 0 should"):
        SlotMap.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        SlotMap.load(tmp_path / "none.json")
