"""Competitors in the table: at their own best, at no more damage than the edit, on the same prompts; and what is refused."""

from __future__ import annotations

import pytest
import torch

from kedit.curriculum.neutral import eval_sentences
from kedit.editing.metric_names import STANDPOINTS
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve, with_controls
from kedit.errors import InputError
from kedit.sae.competitors import Das, Directions
from kedit.verification import competing, strengths
from kedit.verification.competing import (
    Rival,
    check_controls,
    rival_arms,
    rival_figures,
    rivals_of,
    told_apart,
)
from kedit.verification.controls import Arm
from kedit.verification.items import sample_items
from kedit.verification.measure import measure
from kedit.verification.moving import moved
from kedit.verification.neutral import NeutralText
from kedit.verification.outcomes import EDIT, EQUAL_DAMAGE
from kedit.verification.strengths import settle_edit, spending
from kedit.verification.verifying import verify_recipe

HEADLINE = "unseen_template_unseen_subject"
NAMES = ("linear_probe", "das_r1")


@pytest.fixture
def setting(make_setting, monkeypatch):
    monkeypatch.setattr(competing, "STRENGTHS", (0.5, 1.0))
    monkeypatch.setattr(competing, "POSITIONS", 6)
    monkeypatch.setattr(competing, "COST_POSITIONS", 6)
    monkeypatch.setattr(strengths, "STRENGTHS", (0.5, 1.0))
    monkeypatch.setattr(strengths, "POSITIONS", 6)
    base = make_setting()
    d = base.lm.d_model
    generator = torch.Generator().manual_seed(0)
    donors = {iri: torch.randn(4, d, generator=generator) for iri in base.relations}
    basis = torch.linalg.qr(torch.randn(d, 1, generator=generator)).Q.T.contiguous()
    competitors = {"linear_probe": Directions(torch.randn(3, d, generator=generator)), "das_r1": Das(basis)}
    return make_setting(competitors=competitors, donors=donors)


@pytest.fixture
def edit(setting):
    edits = [{"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}]
    return resolve(as_recipe({"kedit": 1, "edits": edits}), setting.ontology, setting.slots).edits[0]


def test_competitors_stand_beside_the_edit_at_their_best_and_at_equal_damage(setting, edit):
    settled = settle_edit(setting, edit)
    items = sample_items(setting, [edit], quadrants=(HEADLINE,)).items
    rivals = rivals_of(setting, edit, settled, NAMES, 0)
    assert list(rivals) == ["diff_means", "trained_vector", *NAMES]
    rows = measure(setting, {Arm(EDIT): items, **rival_arms(rivals, items)}, named=True)
    rows = told_apart(rows, rivals)
    shown, cost = rival_figures(setting, edit, rows, rivals, 0)
    assert set(shown) == set(rivals)
    assert cost > 0
    budget = next(point.drift_kl for point in settled.curve if point.chosen)
    for name, rival in rivals.items():
        control = shown[name][HEADLINE]
        assert [point.strength for point in control.curve if point.chosen] == [control.strength]
        assert control.n == len(items)
        assert control.difference.n == len(items)
        cost = {point.strength: point.drift_kl for point in control.curve}
        hit = {point.strength: point.hit for point in control.curve}
        assert hit[control.strength] == max(hit.values())
        affordable = [strength for strength, kl in cost.items() if kl <= budget]
        assert (control.equal_damage is None) == (not affordable)
        if affordable:
            assert hit[control.equal_damage.strength] == max(hit[strength] for strength in affordable)
            assert control.equal_damage.n == len(items)
        else:
            assert f"{name} costs more" in rival.note
    assert {row.control for row in rows} <= {EDIT, *shown, *(name + EQUAL_DAMAGE for name in shown)}


def test_a_competitor_may_spend_all_that_the_edit_costs(setting, edit):
    """Not only what a grid of strengths happens to offer below that."""
    settled = settle_edit(setting, edit)
    budget = next(point.drift_kl for point in settled.curve if point.chosen)
    cost = [point.drift_kl for point in rivals_of(setting, edit, settled, ["linear_probe"], 0)["linear_probe"].curve]
    assert max(kl for kl in cost if kl <= budget) == pytest.approx(budget, rel=0.05)


def test_an_expectation_at_equal_damage_is_held_against_the_table_s_own_figure(setting):
    expect = [{"metric": "hit", "versus": "linear_probe", "at": at, "at_least": 0, "min_n": 1} for at in STANDPOINTS]
    edits = [{"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}]
    verify = {"controls": ["linear_probe"], "per_edit": 3, "locality_n": 3}
    recipe = as_recipe({"kedit": 1, "name": "r", "edits": edits, "expect": expect, "verify": verify})
    report, rows = verify_recipe(setting, resolve(recipe, setting.ontology, setting.slots), null_latents=0, neutral_n=6)
    control = report.edits[0].controls["linear_probe"][HEADLINE]
    assert {"linear_probe", "linear_probe" + EQUAL_DAMAGE} <= {row.control for row in rows}
    own, equal = report.expectations
    assert (own.measured, own.n) == (control.difference.value, control.difference.n)
    assert (equal.measured, equal.n) == (control.equal_damage.difference.value, control.equal_damage.difference.n)


def test_fixed_vectors_are_measured_alike_whoever_competes(setting, edit):
    settled = settle_edit(setting, edit)
    few, many = (rivals_of(setting, edit, settled, names, 0) for names in ((), NAMES))
    assert list(few) == ["diff_means", "trained_vector"]
    assert all(few[name] == many[name] for name in few)


def test_rows_at_one_strength_for_both_purposes_count_twice(make_rows):
    rivals = {"linear_probe": Rival((), 2.0, 2.0), "das_r1": Rival((), 2.0, 1.0), "reft_r1": Rival((), 2.0, None)}
    rows = [row for name in rivals for s in (1.0, 2.0) for row in make_rows("a", "b", ["hit"], control=name, strength=s)]
    made = [(row.control, row.strength) for row in told_apart(rows, rivals)]
    assert made == [
        ("linear_probe", 2.0),
        ("linear_probe" + EQUAL_DAMAGE, 2.0),
        ("das_r1" + EQUAL_DAMAGE, 1.0),
        ("das_r1", 2.0),
        ("reft_r1", 2.0),
    ]


def test_a_competitor_costs_nothing_at_strength_zero(setting, edit):
    text = NeutralText(setting, n=6, sentences=eval_sentences())
    costs = competing.costs_of(setting, edit, "linear_probe", [0.0, 1.0], text, 0)
    assert costs[0] == pytest.approx(0, abs=1e-6)
    assert costs[1] > 0


def test_spending_finds_the_budget_and_says_where_it_lies_out_of_reach():
    def costs(strengths):
        return [strength**2 for strength in strengths]

    strength, note = spending(costs, 4.0, (0.01, 64.0), "it")
    assert (strength, note) == (pytest.approx(2.0, rel=0.02), "")
    assert costs([strength])[0] <= 4.0
    assert spending(costs, 1e9, (0.01, 64.0), "it") == (64.0, "even at strength 64 it costs less than 1e+09 nats")
    assert spending(costs, 1e-9, (0.01, 64.0), "it")[0] == 0.01
    assert spending(lambda strengths: [None] * len(strengths), 1.0, (0.01, 64.0), "it")[0] == 0.01


def test_donors_depend_on_the_prompt_and_nothing_else(setting, edit):
    x = torch.zeros(2, setting.lm.d_model)
    slots = [torch.full((2,), slot) for slot in (edit.slot, edit.target)]
    first = moved(setting, "das_r1", x, *slots, torch.ones(2), 0, ["a", "b"])
    assert torch.allclose(first.flip(0), moved(setting, "das_r1", x, *slots, torch.ones(2), 0, ["b", "a"]), atol=1e-5)
    others = [moved(setting, "das_r1", x, *slots, torch.ones(2), seed, ["a", "b"]) for seed in range(1, 6)]
    assert any(not torch.allclose(first, other, atol=1e-5) for other in others)


def test_only_swaps_of_relations_at_the_prompt_have_competitors(setting, edit):
    from dataclasses import replace

    assert competing.competing(setting, edit, NAMES) == ("diff_means", "trained_vector", *NAMES)
    assert competing.competing(setting, edit, ("noop",)) == ("diff_means", "trained_vector")
    assert competing.competing(setting, replace(edit, slot_iri="ex:Country"), NAMES) == ()
    assert competing.competing(setting, replace(edit, steps="all"), NAMES) == ()


def test_what_was_not_trained_or_does_not_exist_is_bad_input(setting):
    check_controls(setting, ("noop", *NAMES))
    with pytest.raises(InputError, match="'reft_r1' has not been trained"):
        check_controls(setting, ("reft_r1",))
    resolved = resolve(as_recipe({"kedit": 1, "edits": []}), setting.ontology, setting.slots)
    with pytest.raises(InputError, match="unknown competitor 'reft'") as caught:
        with_controls(resolved, ["reft"])
    assert "reft_r1" in str(caught.value.advice)
    assert "permuted_answers" in with_controls(resolved, ["all"]).verify.controls
