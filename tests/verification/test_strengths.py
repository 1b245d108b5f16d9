"""Which strength `auto` and a KL budget mean, what is kept of it, and how wide a plateau is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from kedit.curriculum.neutral import train_sentences
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.verification import strengths
from kedit.verification.figures import CurvePoint
from kedit.verification.neutral import NeutralText
from kedit.verification.strengths import curve_items, forced_kl, plateau, settle, settle_edit, smallest_within_noise


def curve(hits, drift=None):
    costs = drift or {strength: strength for strength in hits}
    return [CurvePoint(strength=strength, hit=hit, n=100, drift_kl=costs[strength]) for strength, hit in hits.items()]


def rows(hits, n=100):
    """The first items hit: strengths with like hits agree item by item."""
    return {
        strength: [SimpleNamespace(hit=i < round(hit * n)) for i in range(n)]  # what `item_values` looks at
        for strength, hit in hits.items()
    }


@pytest.mark.parametrize(
    ("hits", "budget", "chosen"),
    [
        ({0.5: 0.2, 1.0: 0.9, 1.5: 0.9, 2.0: 0.6}, None, 1.0),
        ({0.5: 0.2, 0.75: 0.89, 1.0: 0.9}, None, 0.75),  # one item of a hundred is noise
        ({0.5: 0.2, 0.75: 0.8, 1.0: 0.9}, None, 1.0),  # ten are not
        ({0.5: 0.2, 0.75: 0.8, 1.0: 0.9}, 0.75, 0.75),  # the best that the budget allows
        ({0.5: 0.2, 1.0: 0.9}, 0.1, None),
        ({0.5: 0.0, 1.0: 0.0}, None, 0.5),
    ],
)
def test_auto_is_the_smallest_strength_within_noise_of_the_best(hits, budget, chosen):
    assert smallest_within_noise(rows(hits), curve(hits), budget) == chosen


def test_a_plateau_reaches_as_far_as_hits_stay_within_the_tolerance():
    points = curve({0.5: 0.5, 0.75: 0.88, 1.0: 0.9, 1.25: 0.93, 1.5: 0.8, 2.0: 0.9})
    found = plateau(points, 1.0)
    assert (found.low, found.high, found.tolerance) == (0.75, 1.25, 0.05)
    assert plateau(points, 0.5).low == plateau(points, 0.5).high == 0.5
    assert plateau(points, 3.0) is None


def recipe(setting, **edit):
    edits = [{"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"} | edit]
    return resolve(as_recipe({"kedit": 1, "name": "test", "edits": edits}), setting.ontology, setting.slots)


@pytest.fixture
def setting(make_setting, monkeypatch):
    monkeypatch.setattr(strengths, "POSITIONS", 8)
    monkeypatch.setattr(strengths, "STRENGTHS", (0.5, 1.0))
    return make_setting()


def test_where_nothing_hits_calibration_decides(setting):
    found = settle_edit(setting, recipe(setting).edits[0])
    assert (found.how, found.strength) == ("none", 1.0)
    assert "no strength hits" in found.note
    assert len(found.curve) == 2


def test_it_is_said_on_what_a_strength_is_chosen(setting, monkeypatch):
    """Validation carriers first; where these make too few items, training carriers about validation subjects."""
    edit = recipe(setting).edits[0]
    few = Counter(item.quadrant for item in curve_items(setting, edit, 0))
    assert few == {"validation": 1, "validation_subjects": 2}
    assert settle_edit(setting, edit).curve_on == few
    assert settle_edit(setting, replace(edit, strength=0.8)).curve_on == few
    assert settle_edit(setting, replace(edit, steps="all")).curve_on == {}
    monkeypatch.setattr(strengths, "ITEMS", 1)
    monkeypatch.setattr(strengths.curve_items, "__defaults__", (1,))
    assert settle_edit(setting, edit).curve_on == {"validation": 1}


def test_a_given_strength_stays_and_gets_its_curve(setting):
    found = settle_edit(setting, recipe(setting, strength=0.8).edits[0])
    assert (found.strength, found.how) == (0.8, "given")
    assert [point.strength for point in found.curve if point.chosen] == [0.8]


def test_a_budget_is_spent_and_no_more(setting):
    edit = recipe(setting).edits[0]
    text = NeutralText(setting, n=8, sentences=train_sentences())
    costs = forced_kl(setting, edit, [0.5, 2.0], text)
    budget = sum(costs) / 2
    found = settle_edit(setting, replace(edit, kl=budget))
    assert found.how == "budget"
    assert forced_kl(setting, edit, [found.strength], text)[0] == pytest.approx(budget, rel=0.05)


def test_a_budget_that_cannot_be_met_is_said(setting):
    found = settle_edit(setting, replace(recipe(setting).edits[0], kl=1e9))
    assert found.strength == strengths.BUDGET_REACH[1]
    assert "less than" in found.note


def test_what_was_settled_is_not_measured_again(setting, monkeypatch):
    kept: dict[str, object] = {}
    resolved = recipe(setting)
    first, found = settle(setting, resolved, kept, "slots")
    assert first.edits[0].strength == found["one"].strength
    monkeypatch.setattr(strengths, "settle_edit", lambda *_, **__: pytest.fail("measured again"))
    assert settle(setting, resolved, kept, "slots")[1] == found
    with pytest.raises(pytest.fail.Exception):
        settle(setting, resolved, kept, "other slots")


def test_a_suppression_is_settled_on_what_the_model_answers_rightly(setting, monkeypatch):
    one = {"op": "suppress", "slot": "ex:hasCapital", "scope": {"when": "always"}}
    edit = resolve(as_recipe({"kedit": 1, "edits": [one]}), setting.ontology, setting.slots).edits[0]
    assert settle_edit(setting, edit).how == "none"  # a random model answers nothing rightly
    monkeypatch.setattr(strengths, "BELOW_OFF", (0.0, 1.0))
    everything = replace(setting, knowledge=replace(setting.knowledge, hits=(True,) * len(setting.knowledge.hits)))
    found = settle_edit(everything, edit)
    assert found.how == "auto"
    assert [point.strength for point in found.curve] == [0.0, 1.0]
    assert found.strength == 0.0  # its answers are gone without going below off


def test_an_empty_edit_has_nothing_to_settle(setting):
    assert settle_edit(setting, recipe(setting, to="ex:hasCapital").edits[0]).how == "none"
