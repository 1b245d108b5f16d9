"""A recipe's own prompts: fired where they should and only there, judged, counted, and refused where they do not fit."""

from __future__ import annotations

import pytest

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.errors import InputError
from kedit.verification.own_prompts import own_prompts

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
    assert {(number.metric, number.on, number.edit) for number in numbers} == {
        ("scope_leak", "own_prompts", "one"),
        ("scope_miss", "own_prompts", "one"),
    }


def test_a_scope_keeps_an_edit_from_others(make_setting):
    setting = make_setting()
    found = resolved(setting, scope={"when": "always", "subjects": {"in": ["Egypt"]}})
    block, rows, _ = own_prompts(setting, found.edits[0], found.prompts, 0)
    assert block.scope_leak.value == 0.0
    assert block.scope_leak.n == 2
    assert block.scope_miss.value == 0.0
    assert {row.subject.rsplit("#")[-1] for row in rows} == {"Egypt"}


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
