"""Edits at work on states: what scopes know of carriers, and which prompts an edit is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kedit.curriculum.prompts import Prompt
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.verification import fluency, stepwise
from kedit.verification.applying import Scopes, is_for, is_not_for
from kedit.verification.controls import Arm
from kedit.verification.items import sample_items

EX = "https://example.org/places#"
HEADLINE = "unseen_template_unseen_subject"
SWAP = {"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}
NORWAY = {"subjects": {"in": ["ex:Norway"]}}


def edit_of(setting, **keys):
    return resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits[0]


def misleading(setting, split):
    """A setting one of whose carriers, of that split, names another country behind the subject; and a text that it makes."""
    chosen = next(c for c in setting.prompts.carriers if c.relation == EX + "hasCapital" and c.split == split)
    chosen = replace(chosen, after=" has, unlike Egypt, as its capital")
    carriers = tuple(chosen if c.id == chosen.id else c for c in setting.prompts.carriers)
    return replace(setting, prompts=replace(setting.prompts, carriers=carriers)), chosen.render("Norway")[0]


@pytest.mark.parametrize(("split", "masked"), [("train", True), ("valid", True), ("heldout", False)])
def test_scopes_do_not_know_the_words_of_a_held_out_carrier(make_setting, split, masked):
    setting, text = misleading(make_setting(), split)
    assert Scopes(setting).covered([edit_of(setting, **SWAP, scope=NORWAY)], [text]).tolist() == [[masked]]


@pytest.mark.parametrize("module", [fluency, stepwise], ids=lambda module: module.__name__.rsplit(".")[-1])
def test_neither_does_an_edited_model_that_is_measured(make_setting, module, monkeypatch):
    setting = make_setting()
    known, whole = [], module.edited

    def watched(*arguments, carriers):
        known.extend(carriers)
        return whole(*arguments, carriers=carriers)

    monkeypatch.setattr(module, "edited", watched)
    edit = edit_of(setting, **SWAP, scope=NORWAY | {"steps": "all"})
    items = sample_items(setting, [edit], quadrants=[HEADLINE]).items
    if module is fluency:
        fluency.fluency(setting, fluency.Applied((edit,), (1.0,), "one"), items)
    else:
        stepwise.stepwise_rows(setting, Arm("edit"), items, None, named=True)
    assert {carrier.split for carrier in known} == {"train", "valid"}


def prompt(setting, relation, subject):
    slots = (setting.slots.index(EX + relation),) if relation else ()
    return Prompt(
        "p", "", EX + relation if relation else None, EX + subject if subject else None, (), "c", "heldout", "test", slots, None
    )


@pytest.mark.parametrize(
    ("relation", "subject", "swap", "made"),
    [
        ("hasCapital", "Norway", "for", "either"),
        ("hasCapital", "Egypt", "not", "not"),
        ("hasContinent", "Norway", "not", "not"),
        (None, "Norway", "not", "for"),
        (None, "Egypt", "not", "not"),
        (None, None, "not", "not"),
    ],
)
def test_which_prompts_an_edit_is_for(make_setting, relation, subject, swap, made):
    setting = make_setting()
    asked = prompt(setting, relation, subject)
    for keys, expected in ((SWAP, swap), ({"op": "set", "slot": "ex:hasCapital"}, made)):
        edit = edit_of(setting, **keys, scope=NORWAY)
        found = (is_for(asked, edit), is_not_for(asked, edit))
        assert found == {"for": (True, False), "not": (False, True), "either": (False, False)}[expected]
