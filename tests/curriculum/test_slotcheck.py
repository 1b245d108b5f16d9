"""`check_slots`: what has become of every slot of a map; the loader's kedit:slot and classes that were merged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from kedit.curriculum.prompts import labels_of
from kedit.curriculum.slotcheck import check_slots, load_lock, save_lock, switched_on
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.errors import InputError
from kedit.ontology.model import Ontology, OntologyClass


def changed(ontology: Ontology, iri: str, **fields: object) -> Ontology:
    if iri in ontology.relations:
        return replace(ontology, relations={**ontology.relations, iri: replace(ontology.relations[iri], **fields)})  # type: ignore[arg-type]
    return replace(ontology, classes={**ontology.classes, iri: replace(ontology.classes[iri], **fields)})  # type: ignore[arg-type]


def statuses(ontology: Ontology, relations: list[str], lock: SlotMap) -> dict[str, str]:
    check, longer = check_slots(ontology, relations, lock, "lock")
    assert (longer is None) == (check.verdict == "retrain") == bool(check.retrain)
    return {row.curie[3:]: row.status for row in check.slots if row.status != "kept"}


def test_kept(toy: ModuleType) -> None:
    lock = build_slots(toy.countries(), toy.ASKED)
    check, longer = check_slots(toy.countries(), toy.ASKED, lock, "runs/a/slots.json")
    assert longer == lock
    assert {row.status for row in check.slots} == {"kept"}
    assert (check.verdict, check.retrain, check.lock, check.ontology) == ("compatible", (), "runs/a/slots.json", "toy.ttl")


def test_appended_and_relabelled_are_compatible(toy: ModuleType) -> None:
    lock = build_slots(toy.countries(), [toy.iri("language")])
    ontology = changed(toy.countries(), toy.iri("Language"), label="tongue")
    check, longer = check_slots(ontology, toy.ASKED, lock, "lock")
    assert longer is not None
    assert [(row.index, row.curie, row.status) for row in check.slots] == [
        (0, "ex:language", "kept"),
        (1, "ex:Language", "relabelled"),
        *((slot.index, slot.curie, "appended") for slot in longer.slots[2:]),
    ]
    assert check.slots[1].says == "'Language' is now 'tongue'"
    assert longer.slots[1].label == "tongue"


def test_rewired(toy: ModuleType) -> None:
    ontology = toy.countries()
    lock = build_slots(ontology, toy.ASKED)
    under = changed(ontology, toy.iri("Language"), parents=(toy.iri("Place"),))
    check, _ = check_slots(under, toy.ASKED, lock, "lock")
    assert check.retrain == ("ex:language",)
    assert next(row.says for row in check.slots if row.curie == "ex:language") == "now switches on ex:Place"
    below = changed(ontology, toy.iri("borders"), parents=(toy.iri("capital"),))
    assert statuses(below, toy.ASKED, lock) == {"borders": "rewired"}
    # A new ancestor is appended and trained then: what is trained stays right.
    society = OntologyClass(toy.iri("Culture"), "ex:Culture", "culture")
    above = replace(ontology, classes={**ontology.classes, society.iri: society})
    above = changed(above, toy.iri("Language"), parents=(society.iri,))
    assert statuses(above, toy.ASKED, lock) == {"Culture": "appended"}
    wide = [*toy.ASKED, toy.iri("relatedPlace")]
    assert statuses(ontology, wide, lock) == {"relatedPlace": "appended"}


def test_what_a_question_switches_on_is_the_same_by_map_and_by_ontology(toy: ModuleType) -> None:
    ontology, wide = toy.countries(), [*toy.ASKED, toy.iri("relatedPlace")]
    slots = build_slots(ontology, wide)
    for slot in slots.relations:
        assert switched_on(slots, slot) == set(labels_of(ontology, slots, slot.iri))


def test_vanished_relations_are_named_else_classes(toy: ModuleType) -> None:
    ontology = toy.countries()
    lock = build_slots(ontology, toy.ASKED)
    check, _ = check_slots(ontology, toy.ASKED[:2], lock, "lock")
    assert check.retrain == ("ex:borders",)
    said = {row.curie: row.says for row in check.slots if row.status == "vanished"}
    assert said == {
        "ex:borders": "is no longer used: it is not among those chosen",
        "ex:Country": "is no longer used: it is no class of an answer",
    }
    stray = OntologyClass(toy.iri("Stray"), "ex:Stray", "stray")
    slot = lock.slots[-1].model_copy(update={"index": len(lock), "iri": stray.iri, "curie": stray.curie})
    check, _ = check_slots(ontology, toy.ASKED, SlotMap(schema="kedit.slots/1", slots=(*lock.slots, slot)), "lock")
    assert check.retrain == ("ex:Stray",)


def test_a_disagreement_with_kedit_slot_is_an_error_only_where_the_map_can_be_continued(toy: ModuleType) -> None:
    ontology = toy.countries()
    lock = build_slots(ontology, toy.ASKED)
    asks = changed(ontology, toy.iri("capital"), slot=5)
    with pytest.raises(InputError, match="the slot map keeps it at 1"):
        check_slots(asks, toy.ASKED, lock, "lock")
    check, _ = check_slots(asks, toy.ASKED[:2], lock, "lock")
    assert check.retrain == ("ex:borders",)


def test_where_a_map_is_read_from_and_written_to(toy: ModuleType, tmp_path: Path) -> None:
    slots = build_slots(toy.countries(), toy.ASKED)
    path, run = tmp_path / "slots.json", tmp_path / "run"
    save_lock(slots, path)
    first = path.read_bytes()
    assert load_lock(path) == slots
    with pytest.raises(InputError, match="append-only"):
        save_lock(slots, path)
    with pytest.raises(InputError, match="append-only"):
        save_lock(slots, path, tmp_path / "other.json")
    save_lock(slots, path, tmp_path / "." / "slots.json")
    assert path.read_bytes() == first
    run.mkdir()
    with pytest.raises(InputError, match=r"holds no slots\.json"):
        load_lock(run)
    with pytest.raises(InputError, match="is a directory"):
        save_lock(slots, run)
    slots.save(run / "slots.json")
    assert load_lock(run) == slots
    (run / "run.json").write_text("{}")
    with pytest.raises(InputError, match="belongs to a run"):
        save_lock(slots, run / "slots.json", run / "slots.json")
