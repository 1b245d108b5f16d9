"""What is asked is framed as the prompts of a run are; what an edit did there, and what kept it from that, is said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.curriculum.slots import Slot, SlotMap
from kedit.editing import as_recipe, resolve
from kedit.errors import InputError
from kedit.ontology.model import Individual, Ontology, OntologyClass, Relation
from kedit.stages.asked import answer, as_prompt
from kedit.verification.report import RunInfo

EX = "https://example.org/world#"
TEXT = "The capital of France is"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Who?", "Q: Who?\nA:"),
        ("The capital of Mali is", "The capital of Mali is"),
        ("Q: Who?\\nA:", "Q: Who?\nA:"),
    ],
)
def test_bare_questions_get_the_frame(text: str, prompt: str) -> None:
    assert as_prompt(text) == prompt


def test_an_empty_text_is_refused_before_anything_is_loaded() -> None:
    nothing: Any = None
    with pytest.raises(InputError, match="empty"):
        answer(nothing, "  ")


@pytest.fixture
def make_run(random_lm: Callable[..., Any]) -> Callable[..., Any]:
    """`make_run(threshold)`: two countries with a capital and a language, a random model, slots that read and write exactly."""

    def make(threshold: float) -> Any:
        import torch

        from kedit.editing.edited import edited
        from kedit.sae.dictionary import AlignedSAE, FreeBank

        labels = {"hasCapital": "capital", "hasLanguage": "language"}
        relations = {EX + key: Relation(EX + key, f"ex:{key}", label, "datatype") for key, label in labels.items()}
        people = {EX + key: Individual(EX + key, f"ex:{key}", key, (), (EX + "Country",)) for key in ("France", "Peru")}
        facts = {EX + key: dict.fromkeys(people, ('"x',)) for key in labels}
        kinds = {EX + "Country": OntologyClass(EX + "Country", "ex:Country", "country")}
        world = Ontology(None, "w.ttl", "turtle", "0" * 64, 4, {"ex": EX}, kinds, relations, people, facts)
        slots = [
            Slot(index=i, iri=iri, curie=f"ex:{iri.removeprefix(EX)}", label=relations[iri].label, kind="relation")
            for i, iri in enumerate(relations)
        ]
        lm = random_lm("gpt2")
        generator = torch.Generator().manual_seed(0)
        d, W = lm.d_model, torch.randn(lm.d_model, 2, generator=generator) / lm.d_model**0.5
        bank = FreeBank(torch.randn(d, 3), torch.zeros(3), torch.randn(3, d), torch.zeros(d), torch.zeros(3))
        sae = AlignedSAE.with_slots(1, bank, W, torch.zeros(2), torch.linalg.pinv(W), torch.full((2,), threshold))
        slot_map = SlotMap(schema="kedit.slots/1", slots=tuple(slots))
        run = SimpleNamespace(lm=lm, sae=sae, ontology=world, slots=slot_map, info=RunInfo(name="r"))
        run.prompts = SimpleNamespace(carriers=())
        run.resolve = lambda recipe: resolve(as_recipe(recipe), world, slot_map)

        @contextmanager
        def edit(recipe: Any) -> Any:
            with edited(lm, sae, run.resolve(recipe), world) as handle:
                yield handle

        run.edit = edit
        return run

    return make


def recipe(**edit: Any) -> dict[str, Any]:
    """A recipe of one edit."""
    return {"kedit": 1, "name": "r", "edits": [{"op": "swap", "from": "capital", "to": "language", "id": "e", **edit}]}


def test_without_a_recipe_there_is_one_answer(make_run: Callable[..., Any]) -> None:
    found = answer(make_run(-1e6), TEXT, max_new_tokens=3)
    assert (found.after, found.edits, found.recipe, found.max_new_tokens) == (None, (), None, 3)
    assert [slot.after for slot in found.slots] == [None, None]
    assert all(slot.active for slot in found.slots)
    assert found.slots[0].before >= found.slots[1].before  # type: ignore[operator]
    assert found.document()["schema"] == "kedit.answer/1"


def test_slots_are_read_of_the_edited_state(make_run: Callable[..., Any]) -> None:
    run = make_run(-1e6)
    found = answer(run, TEXT, recipe(strength=3.0), max_new_tokens=3)
    (edit,) = found.edits
    assert (edit.fired, edit.blocked_by, edit.reason, edit.strength) == (True, None, "", 3.0)
    after = {slot.slot: slot.after for slot in found.slots}
    assert after["ex:hasLanguage"] == pytest.approx(3.0, abs=1e-3)
    assert after["ex:hasCapital"] == pytest.approx(0.0, abs=1e-3)
    plain = answer(run, TEXT, max_new_tokens=3)
    assert found.before == plain.before
    assert {slot.slot: slot.before for slot in found.slots} == {slot.slot: slot.before for slot in plain.slots}


@pytest.mark.parametrize(
    ("threshold", "edit", "blocked_by", "said"),
    [
        (1e6, {}, "gate", "ex:hasCapital is off: it reads"),
        (1e6, {"scope": {"steps": "asked"}}, "gate", "crosses its threshold nowhere"),
        (-1e6, {"scope": {"subjects": {"in": ["Peru"]}}}, "scope", "France is not in its scope"),
        (-1e6, {"to": "capital"}, "empty", "with itself"),
    ],
)
def test_what_kept_an_edit_from_firing(
    make_run: Callable[..., Any], threshold: float, edit: dict[str, Any], blocked_by: str, said: str
) -> None:
    found = answer(make_run(threshold), TEXT, recipe(**edit), max_new_tokens=3)
    assert (found.edits[0].fired, found.edits[0].blocked_by) == (False, blocked_by)
    assert said in found.edits[0].reason
    assert found.after == found.before
    assert all(slot.after == slot.before for slot in found.slots)


def test_a_text_without_a_subject_is_out_of_scope(make_run: Callable[..., Any]) -> None:
    scoped = recipe(scope={"subjects": {"in": ["Peru"]}})
    (edit,) = answer(make_run(-1e6), "Once upon a time", scoped, max_new_tokens=2).edits
    assert edit.reason == "the text names no subject of its scope"


def test_a_wrong_term_is_found_before_the_model_is_touched(make_run: Callable[..., Any]) -> None:
    run = make_run(0.0)
    run.lm = None
    with pytest.raises(InputError, match="unknown"):
        answer(run, TEXT, recipe(to="anthem"))
