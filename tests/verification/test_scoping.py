"""Leak and miss: by group, on the prompts that an edit is for, and scope and gate each for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kedit.editing.reading import as_recipe
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import resolve
from kedit.verification.applying import applied
from kedit.verification.locality import damage
from kedit.verification.scoping import scope_parts, where_asked
from kedit.verification.setting import states_of
from kedit.verification.statistics import EMPTY
from kedit.verification.verdict import Measurements, judge

EX = "https://example.org/places#"
HEADLINE = "unseen_template_unseen_subject"
SWAP = {"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}
NORWAY = {"subjects": {"in": ["ex:Norway"]}}
OPEN, SHUT = -1e9, 1e9


def edit_of(setting, **keys):
    return resolve(as_recipe({"kedit": 1, "edits": [SWAP | keys]}), setting.ontology, setting.slots).edits[0]


def with_threshold(setting, value):
    return replace(setting, sae=replace(setting.sae, threshold=torch.full_like(setting.sae.threshold, value)))


def parts(setting, edit, prompts=None):
    prompts = setting.by_cell[HEADLINE] if prompts is None else prompts
    return scope_parts(setting, [edit], prompts, states_of(setting, prompts), 0)


@pytest.mark.parametrize(("threshold", "leak", "miss"), [(OPEN, 1, 0), (SHUT, 0, 1)])
def test_a_gate_is_held_against_what_is_asked_whoever_it_is_about(make_setting, threshold, leak, miss):
    setting = with_threshold(make_setting(), threshold)
    found = parts(setting, edit_of(setting, scope=NORWAY))
    assert (found.gate_leak.value, found.gate_miss.value) == (leak, miss)
    assert found.gate_miss.n == 4  # one held-out carrier, four subjects, of whom three are out of scope
    # The scope has nothing to do with it: a shut gate hides no leak of the scope, an open one makes none.
    assert (found.subject_leak.value, found.subject_miss.value) == (0, 0)
    asked = [prompt for prompt in setting.by_cell[HEADLINE] if prompt.subject == EX + "Norway"]
    assert (found.subject_miss.n, found.subject_leak.n) == (len(asked), len(setting.by_cell[HEADLINE]) - len(asked))


def test_a_scope_is_held_against_whom_prompts_are_about_whatever_they_ask(make_setting):
    setting = with_threshold(make_setting(), SHUT)
    edit = edit_of(setting, scope=NORWAY)
    misread = {EX + "Norway": "Norway is not Egypt, whose capital is", EX + "Egypt": "Egypt is not Norway, whose capital is"}
    prompts = [replace(p, text=misread.get(p.subject, p.text)) for p in setting.by_cell[HEADLINE] if p.relation is not None]
    found = parts(setting, edit, prompts)
    assert (found.subject_miss.value, found.subject_miss.n) == (1.0, 3)
    assert (found.subject_leak.value, found.subject_leak.n) == (pytest.approx(1 / 3), 9)


def test_a_text_about_nobody_is_no_leak_of_a_scope(make_setting):
    setting = make_setting()
    neutral = [replace(prompt, text="They spoke of Norway and") for prompt in setting.prompts.negatives if prompt.subject is None]
    assert parts(setting, edit_of(setting, scope=NORWAY), neutral).subject_leak == EMPTY


def test_what_an_edit_has_not_is_not_measured(make_setting):
    setting = make_setting()
    everyone = parts(setting, edit_of(setting))
    assert everyone.subject_leak == everyone.subject_miss == EMPTY
    assert everyone.gate_leak.n
    always = parts(setting, edit_of(setting, scope=NORWAY | {"when": "always"}))
    assert always.gate_leak == always.gate_miss == EMPTY
    assert always.subject_leak.n
    assert parts(setting, edit_of(setting, scope={"when": "always"})).figures().model_dump(exclude_none=True) == {}


def test_any_of_several_edits_that_errs_is_an_error(make_setting):
    setting = with_threshold(make_setting(), OPEN)
    edits = [edit_of(setting), edit_of(setting, **{"id": "two", "from": "ex:hasLanguage", "to": "ex:hasCapital"})]
    prompts = [prompt for prompt in setting.by_cell[HEADLINE] if prompt.relation is not None]
    found = scope_parts(setting, edits, prompts, states_of(setting, prompts), 0)
    assert (found.gate_leak.value, found.gate_leak.n) == (1, len(prompts))


def test_the_worst_group_decides_on_a_leak(make_setting):
    setting = with_threshold(make_setting(), OPEN)
    found = damage(setting, [applied(setting, [edit_of(setting, scope=NORWAY)])], neutral_n=5)
    # The scope keeps the gate from other subjects; whatever else is asked of Norway, the edit fires.
    assert {name: (leak.value, leak.n) for name, leak in found.leaks.items()} == {
        "other_relations": (0.25, 4),
        "other_subjects": (0.0, 3),
        "negatives": (pytest.approx(found.leaks["negatives"].value), 69),
    }
    assert found.leaks["negatives"].value < 0.1
    expectations = [
        Expectation(metric="scope_leak", at_most=0.2, min_n=1, bound="point", **on)
        for on in ({}, {"on": "other_subjects"}, {"on": "negatives"}, {"on": "other_relations"})
    ]
    judged = judge(expectations, Measurements(numbers=found.numbers("one"))).expectations
    assert [item.verdict for item in judged] == ["FAIL", "PASS", "PASS", "FAIL"]
    assert judged[0].on == "other_relations"


@pytest.mark.parametrize("source", ["hasCapital", "hasContinent", "hasLanguage"])
@pytest.mark.parametrize("n", [1, 2])
def test_prompts_are_chosen_among_those_that_ask(make_setting, source, n):
    """The first few of all prompts may well ask for something else."""
    setting = make_setting()
    target = "hasCapital" if source != "hasCapital" else "hasLanguage"
    work = applied(setting, [setting.swap(EX + source, EX + target)])
    found = where_asked(setting, [work], setting.by_cell[HEADLINE], n, 0)
    assert (found.miss.n, found.read_back.n) == (n, n)


def test_set_is_missed_on_the_texts_that_it_is_for(make_setting):
    setting = make_setting()
    keys = {"op": "set", "slot": "ex:hasCapital", "scope": NORWAY | {"when": "asked"}}
    edit = resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits[0]
    bare = [p for p in setting.by_cell[HEADLINE] if p.relation is None and p.subject == EX + "Norway"]
    assert bare
    for threshold, miss in ((OPEN, 0), (SHUT, 1)):
        changed = with_threshold(setting, threshold)
        found = where_asked(changed, [applied(changed, [edit])], changed.by_cell[HEADLINE], 100, 0)
        assert (found.miss.value, found.miss.n) == (miss, len(bare))
