"""Competitors in the table: at their own best, at no more damage than the edit, on the same prompts; and what is refused."""

from __future__ import annotations

import pytest
import torch

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve, with_controls
from kedit.errors import InputError
from kedit.sae.competitors import Das, Directions
from kedit.verification import competing, strengths
from kedit.verification.competing import EQUAL_DAMAGE, check_controls, compete
from kedit.verification.controls import Arm, moved
from kedit.verification.items import sample_items
from kedit.verification.measure import measure
from kedit.verification.outcomes import EDIT
from kedit.verification.strengths import settle_edit

HEADLINE = "unseen_template_unseen_subject"
NAMES = ("linear_probe", "das_r1")


@pytest.fixture
def setting(make_setting, monkeypatch):
    monkeypatch.setattr(competing, "STRENGTHS", (0.5, 1.0))
    monkeypatch.setattr(competing, "POSITIONS", 6)
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
    rows = measure(setting, {Arm(EDIT): items}, named=True)
    shown, beside = compete(setting, edit, settled, items, rows, NAMES, 0)
    assert set(shown) == set(NAMES)
    budget = next(point.drift_kl for point in settled.curve if point.chosen)
    for name in NAMES:
        control = shown[name][HEADLINE]
        assert [point.strength for point in control.curve] == [0.5, 1.0]
        assert [point.strength for point in control.curve if point.chosen] == [control.strength]
        assert control.n == len(items)
        assert control.difference.n == len(items)
        within = [point.strength for point in control.curve if point.drift_kl <= budget]
        assert (control.equal_damage is None) == (not within)
        if within:
            assert control.equal_damage.strength in within
    assert {row.control for row in beside} <= {*NAMES, *(name + EQUAL_DAMAGE for name in NAMES)}
    assert compete(setting, edit, settled, items, rows, (), 0) == ({}, [])


def test_a_competitor_costs_nothing_at_strength_zero(setting, edit):
    costs = competing._costs(setting, edit, "linear_probe", [0.0, 1.0], 0)
    assert costs[0.0] == pytest.approx(0, abs=1e-6)
    assert costs[1.0] > 0


def test_donors_depend_on_the_prompt_and_nothing_else(setting, edit):
    x = torch.zeros(2, setting.lm.d_model)
    slots = [torch.full((2,), slot) for slot in (edit.slot, edit.target)]
    first = moved(setting, "das_r1", x, *slots, torch.ones(2), 0, ["a", "b"])
    assert torch.equal(first.flip(0), moved(setting, "das_r1", x, *slots, torch.ones(2), 0, ["b", "a"]))
    others = [moved(setting, "das_r1", x, *slots, torch.ones(2), seed, ["a", "b"]) for seed in range(1, 6)]
    assert any(not torch.equal(first, other) for other in others)


def test_only_swaps_at_the_prompt_have_competitors(setting, edit):
    from dataclasses import replace

    assert competing.competing(setting, edit, NAMES) == ("diff_means", "trained_vector", *NAMES)
    assert competing.competing(setting, edit, ("noop",)) == ()
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
