"""Perplexity and repetition of edited text: of nothing, of the model's own text, and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.verification.applying import applied
from kedit.verification.fluency import fluency, repetition
from kedit.verification.items import sample_items

HEADLINE = "unseen_template_unseen_subject"


def work_of(setting, **edit):
    recipe = as_recipe(
        {"kedit": 1, "edits": [{"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"} | edit]}
    )
    return applied(setting, resolve(recipe, setting.ontology, setting.slots).edits, "one")


def items_of(setting, work):
    return sample_items(setting, work.edits, quadrants=(HEADLINE,)).items


@pytest.mark.parametrize(
    ("ids", "share"),
    [([1, 2, 3, 4, 5, 6], 0.0), ([1, 2, 1, 2, 1, 2, 1, 2], 3 / 5), ([7] * 10, 6 / 7), ([1, 2, 3], 0.0), ([], 0.0)],
)
def test_repetition_is_the_share_of_4_grams_seen_before(ids, share):
    assert repetition(ids) == pytest.approx(share)


def test_the_empty_edit_changes_no_text(make_setting):
    setting = make_setting()
    work = work_of(setting, to="ex:hasCapital")
    items = items_of(setting, work_of(setting))
    found = fluency(setting, work, items).fluency
    assert found.perplexity_ratio.value == 1
    assert found.perplexity_ratio.ci == (1, 1)
    assert found.repetition_base == found.repetition_edited.value


def test_the_perplexity_is_that_of_a_plain_forward_pass(make_setting):
    setting = make_setting()
    work = work_of(setting, strength=30.0)
    items = items_of(setting, work)[:1]
    found = fluency(setting, work, items).fluency
    from kedit.verification import fluency as module

    prompt = items[0].prompt
    (text,) = module._written(setting, [prompt], setting.lm.model.generate, False)
    ids = setting.lm.encode(prompt.text) + text.ids
    with torch.no_grad():
        shares = setting.lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    losses = [-shares[place - 1, ids[place]].item() for place in range(len(ids) - len(text.rest), len(ids))]
    assert found.perplexity_base == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-3)
    assert found.n == 1


def test_numbers_are_told_by_edit(make_setting):
    setting = make_setting()
    work = work_of(setting)
    found = fluency(setting, work, items_of(setting, work))
    assert {(number.metric, number.edit) for number in found.numbers} == {("perplexity_ratio", "one"), ("repetition", "one")}
    assert fluency(setting, work, []) is None
