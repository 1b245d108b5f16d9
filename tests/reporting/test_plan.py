"""The page of `kedit plan`."""

from __future__ import annotations

import pytest

from kedit.editing.foreseen import Cost, CostItem, Width
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.plan import Plan, PlannedEdit, PlannedExpectation
from kedit.reporting import terminal
from kedit.reporting.plan import render_plan


@pytest.fixture
def plan() -> Plan:
    numbers = dict.fromkeys(QUADRANTS, 200)
    edits = tuple(
        PlannedEdit(
            id=f"[b]capital-to-language-{i}", op="swap", slot="ex:capital", target="ex:language", strength="auto" if i else 1.5,
            subjects=1_195, subject_examples=("Peru", "Chad"), when="asked", steps="prompt",
            prompts=dict.fromkeys(QUADRANTS, 1_968),
            measured=numbers, measured_subjects=numbers,
        )
        for i in range(2)
    )  # fmt: skip
    width = Width(edit="a", on=HEADLINE_QUADRANT, bound=0.7, items=135, subjects=45, half_width=0.1264)
    one = CostItem(generations=1_000, minutes=2.5)
    return Plan(
        recipe="recipe", run="runs/x", ontology="https://example.org/world", edits=edits, protect=("ex:continent",),
        controls=("noop", "random_latent"), per_edit=200, locality_n=1000, seed=0, generations=4_000, minutes=10.0,
        expect=(
            PlannedExpectation(metric="hit", edit=None, required="hit >= 0.7", severity="warn", widths=(width, width)),
            PlannedExpectation(metric="drift_kl", edit=None, required="drift_kl <= 0.02", severity="error"),
        ),
        cost=Cost(
            edit=one, controls=one, damage=one, curve=one, training=CostItem(generations=0, minutes=37.5),
            seconds_per_generation=0.04, speed="assumed",
        ),
        notes=("edit c is switched off",), warnings=("a: no unseen subject is in its scope",),
    )  # fmt: skip


def test_everything_is_on_the_page(plan: Plan) -> None:
    text = terminal.to_text(render_plan(plan))
    assert max(map(len, text.splitlines())) <= 100
    for expected in (
        "1,195 subjects in scope: Peru, Chad ... and 1,193 more", "strength auto", "strength 1.5", "unseen × unseen", "0.13",
        "135",
        "Wilson", "protected   ex:continent", "random latent", "training competitors", "37.5", "4,000", "a guess", "switched off",
        "! a: no unseen subject", "(warning)", "[b]capital-to-language-1",
    ):  # fmt: skip
        assert expected in text


def test_a_recipe_without_edits_or_expectations(plan: Plan) -> None:
    text = terminal.to_text(render_plan(plan.model_copy(update={"edits": (), "expect": ()})))
    assert "no edits" in text
    assert "Wilson" not in text
