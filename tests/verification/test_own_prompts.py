"""A recipe's own prompts: fired where they should and only there, judged, counted, and refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.errors import InputError
from kedit.verification.figures import Gate
from kedit.verification.own_prompts import own_prompts

EX = "https://example.org/places#"
SWAP = {"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage", "scope": {"when": "always"}}
PROMPTS = [
    {"text": "The seat of government of Norway is", "subject": "Norway", "asks": "capital"},
    {"text": "Which town rules Egypt? It is", "subject": "Egypt", "asks": "capital"},
    {"text": "It rained all day and"},
]


def resolved(setting, prompts=PROMPTS, **keys):
    recipe = as_recipe({"kedit": 1, "edits": [SWAP | keys], "prompts": prompts})
    return resolve(recipe, setting.ontology, setting.slots)


def test_an_edit_without_a_gate_leaks_on_all_that_asks_nothing(make_setting):
    setting = make_setting()
    found = resolved(setting)
    block, rows, numbers = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert (block.n, block.scope_leak.value, block.scope_leak.n) == (3, 1.0, 1)
    assert (block.scope_miss.value, block.scope_miss.n) == (0.0, 2)
    assert block.all_facts.n == 2
    assert {row.quadrant for row in rows} == {"own_prompts"}
    assert {row.control for row in rows} == {"edit", "noop"}
    assert {(number.on, number.edit) for number in numbers} == {("own_prompts", "one")}
    assert {number.metric: number.estimate.n for number in numbers} == {
        "scope_leak": 1, "scope_miss": 2, "subject_leak": 0, "subject_miss": 0, "gate_leak": 0, "gate_miss": 0,
    }  # fmt: skip


def test_a_scope_keeps_an_edit_from_others(make_setting):
    setting = make_setting()
    found = resolved(setting, scope={"when": "always", "subjects": {"in": ["Egypt"]}})
    block, rows, _ = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert block.scope_leak.value == 0.0
    assert block.scope_leak.n == 2
    assert block.scope_miss.value == 0.0
    assert {row.subject.rsplit("#")[-1] for row in rows} == {"Egypt"}


def test_scope_and_gate_are_told_apart(make_setting):
    """The scope takes the last name for the subject, the gate is open everywhere: each has its own errors."""
    setting = make_setting()
    setting = replace(setting, sae=replace(setting.sae, threshold=torch.full_like(setting.sae.threshold, -1e9)))
    prompts = [
        {"text": "The capital of Egypt, unlike that of Norway, is", "subject": "Egypt", "asks": "capital"},
        {"text": "The capital of Norway, unlike that of Egypt, is", "subject": "Norway", "asks": "capital"},
        {"text": "The capital of Japan is", "subject": "Japan", "asks": "capital"},
        {"text": "Egypt lies in", "subject": "Egypt", "asks": "continent"},
    ]
    found = resolved(setting, prompts, scope={"subjects": {"in": ["Egypt"]}})
    block, _, _ = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert (block.subject_leak.value, block.subject_leak.n) == (0.5, 2)
    assert (block.subject_miss.value, block.subject_miss.n) == (0.5, 2)
    assert (block.gate_leak.value, block.gate_leak.n) == (1.0, 1)
    assert (block.gate_miss.value, block.gate_miss.n) == (0.0, 3)
    assert (block.scope_leak.n, block.scope_miss.n) == (3, 1)


def test_answers_that_would_tell_nothing_are_left_out_and_said(make_setting, places):
    facts = {**places.facts, EX + "hasLanguage": {**places.facts[EX + "hasLanguage"], EX + "Egypt": (EX + "Cairo",)}}
    setting = make_setting(ontology=replace(places, facts=facts))
    said = {"text": "They speak Norwegian in Norway, the capital of which is", "subject": "Norway", "asks": "capital"}
    found = resolved(setting, [*PROMPTS, said])
    block, rows, _ = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert block.informative == Gate(kept=1, dropped=2, note="old and new answer share a text: 1; answer stands in the prompt: 1")
    assert block.all_facts.n == 1
    assert {row.prompt_id for row in rows} == {"own_prompts-0"}
    assert block.scope_miss.n == 3  # whether the edit fires there is told all the same


def test_of_an_edit_that_fires_later_only_the_scope_is_told(make_setting):
    setting = make_setting()
    found = resolved(setting, scope={"subjects": {"in": ["Egypt"]}, "steps": "all"})
    block, _, numbers = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert {number.metric for number in numbers if number.estimate.n} == {"subject_leak", "subject_miss"}
    assert block.scope_leak is None


def test_set_is_for_texts_that_ask_nothing(make_setting):
    setting = make_setting()
    keys = {"id": "one", "op": "set", "slot": "ex:hasLanguage"}
    recipe = as_recipe({"kedit": 1, "edits": [keys], "prompts": [*PROMPTS, {"text": "Consider Norway", "subject": "Norway"}]})
    found = resolve(recipe, setting.ontology, setting.slots)
    block, _, _ = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert (block.scope_miss.n, block.scope_leak.n, block.scope_leak.value) == (1, 2, 1.0)


def test_no_prompts_no_figures(make_setting):
    setting = make_setting()
    found = resolved(setting, [])
    assert own_prompts(setting, found.edits[0], found.prompts, 0) is None


@pytest.mark.parametrize(
    ("prompt", "message", "advice"),
    [
        ({"text": "Hello", "subject": "Norwai"}, "unknown individual 'Norwai'", "Norway"),
        ({"text": "Hello", "asks": "capitol"}, "unknown relation 'capitol'", "capital"),
    ],
)
def test_terms_that_are_not_there_are_bad_input(make_setting, prompt, message, advice):
    with pytest.raises(InputError, match=message) as caught:
        resolved(make_setting(), [prompt])
    assert advice in str(caught.value.advice)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"prompts": [{"text": ""}]}, "at least 1 character"),
        ({"prompts": [{"txt": "Hello"}]}, "unknown key 'txt'"),
        ({"expect": [{"metric": "hit", "at_least": 0.5, "on": "own_prompts"}]}, "no prompts of its own"),
    ],
)
def test_a_recipe_says_what_is_wrong_with_its_prompts(data, message):
    with pytest.raises(InputError, match=message):
        as_recipe({"kedit": 1, "edits": [SWAP], **data})
