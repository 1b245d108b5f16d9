"""Perplexity and repetition of edited text: of nothing, of the model's own text, and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.verification import fluency as module
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
    prompt = items[0].prompt
    (text,) = module._written(setting, [prompt], setting.lm.model.generate, False)
    ids = setting.lm.encode(prompt.text) + text.ids
    with torch.no_grad():
        shares = setting.lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    losses = [-shares[place - 1, ids[place]].item() for place in range(len(ids) - len(text.rest), len(ids))]
    assert found.perplexity_base == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-3)
    assert found.n == 1


def collapse(monkeypatch, before, after, n):
    """The first `before` texts of the model, and the first `after` of the edited one, end with their answer."""
    calls = iter((before, after))

    def written(setting, prompts, generate, whole):
        ended = next(calls)
        return [module.Text([7] if i < ended else list(range(5, 15)), 1) for i in range(len(prompts))]

    monkeypatch.setattr(module, "ROWS_PER_CALL", n)
    monkeypatch.setattr(module, "_written", written)


@pytest.mark.parametrize(("before", "after", "usable"), [(0, 0, True), (1, 1, True), (0, 1, False), (2, 1, True), (1, 4, False)])
def test_texts_that_end_at_once_are_counted_not_lost(make_setting, monkeypatch, before, after, usable):
    setting = make_setting()
    work = work_of(setting)
    items = items_of(setting, work)
    n = len({item.prompt.id for item in items})
    assert n < 10  # so that one text is more than ten percentage points
    collapse(monkeypatch, before, after, n)
    found = fluency(setting, work, items)
    assert (found.fluency.ended_base.value, found.fluency.ended_edited.value) == (before / n, after / n)
    assert found.fluency.ended_edited.n == n
    assert (found.gate.kept, found.gate.dropped) == (n - max(before, after), max(before, after))
    assert {number.metric: bool(number.estimate.n) for number in found.numbers} == dict.fromkeys(module.FLUENCY, usable)
    assert (found.fluency.perplexity_ratio is not None) == usable
    assert bool(found.note) != usable
    assert usable or f"{after} of {n}" in found.note


def test_an_edit_that_ends_every_text_is_reported_not_left_out(make_setting, monkeypatch):
    setting = make_setting()
    work = work_of(setting)
    items = items_of(setting, work)
    n = len({item.prompt.id for item in items})
    collapse(monkeypatch, 0, n, n)
    found = fluency(setting, work, items)
    assert (found.fluency.n, found.fluency.ended_edited.value, found.fluency.perplexity_edited) == (0, 1.0, None)
    assert not any(number.estimate.usable for number in found.numbers)


def test_numbers_are_told_by_edit(make_setting):
    setting = make_setting()
    work = work_of(setting)
    found = fluency(setting, work, items_of(setting, work))
    assert {(number.metric, number.edit) for number in found.numbers} == {("perplexity_ratio", "one"), ("repetition", "one")}
    assert fluency(setting, work, []) is None
