"""What a recipe would do: sample sizes per quadrant, cost, and warnings about what cannot be decided."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.curriculum.slots import SlotMap
from kedit.editing.foreseen import Sample, half_width
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.plan import make_plan, plan_recipe
from kedit.errors import InputError
from kedit.manifest import Manifest, ModelId, OntologyId
from kedit.ontology.model import Ontology
from kedit.verification.statistics import wilson

EX = "https://example.org/world#"
SWAP = {"op": "swap", "from": "capital", "to": "language", "id": "a"}


@pytest.fixture
def prompts(world: Ontology) -> PromptSet:
    """Ten prompts a quadrant about capitals of France (seen) and Peru (unseen); Chad lies in the validation split."""
    made = []
    for carrier, role in enumerate(("train", "heldout", "valid")):
        for subject, split in (("France", "train"), ("Peru", "test"), ("Chad", "valid")):
            for i in range(10):
                name = f"{subject}-{carrier}-{i}"
                answers = world.values(EX + "hasCapital", EX + subject)
                made.append(
                    Prompt(name, "text", EX + "hasCapital", EX + subject, answers, f"c{carrier}", role, split, (0,), None)  # type: ignore[arg-type]
                )
    negative = Prompt("n", "text", None, None, (), "c9", "train", None, (), None)
    return PromptSet(0, "raw", (), (*made, negative))


def test_prompts_per_quadrant_and_the_cap(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    plan = plan_recipe(resolved(SWAP, verify={"per_edit": 4}), world, prompts)
    (edit,) = plan.edits
    assert edit.prompts == dict.fromkeys(QUADRANTS, 10)
    assert edit.measured == dict.fromkeys(QUADRANTS, 4)
    assert (edit.slot, edit.target, edit.strength, edit.subjects) == ("ex:hasCapital", "ex:hasLanguage", "auto", 3)
    assert plan.generations > 16
    assert plan.model_dump(by_alias=True)["schema"] == "kedit.plan/1"


def test_scope_and_missing_targets_shrink_the_sample(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    scoped = {**SWAP, "scope": {"subjects": {"in": ["France"]}}}
    no_target = {**SWAP, "id": "b", "to": "continent of"}
    other = {"op": "suppress", "slot": "language", "id": "c"}
    class_slot = {"op": "suppress", "slot": "ex:City", "id": "d"}
    plan = plan_recipe(resolved(scoped, no_target, other, class_slot), world, prompts)
    assert [edit.prompts[HEADLINE_QUADRANT] for edit in plan.edits] == [0, 0, 0, 10]
    assert [sum(edit.prompts.values()) for edit in plan.edits] == [20, 0, 0, 40]
    assert plan.edits[0].subject_examples == ("France",)
    assert sum("no prompt of the run" in warning for warning in plan.warnings) == 2


@pytest.mark.parametrize(
    ("expectation", "warned"),
    [
        ({"metric": "hit", "at_least": 0.7, "min_n": 10}, None),
        ({"metric": "hit", "at_least": 0.75, "min_n": 10}, "12 items are needed"),
        ({"metric": "hit", "at_least": 1.0, "min_n": 10}, "no number of items is enough"),
        ({"metric": "hit", "at_least": 1.0, "min_n": 10, "bound": "point"}, None),
        ({"metric": "stuck", "at_most": 0.3, "min_n": 10}, None),
        ({"metric": "stuck", "at_most": 0.1, "min_n": 10}, "35 items are needed"),
        ({"metric": "hit", "at_least": 0.5}, "there are 10 items at most"),
        ({"metric": "retention", "at_least": 0.99}, None),
    ],
)
def test_what_even_a_perfect_score_could_not_pass(
    world: Ontology, prompts: PromptSet, resolved: Callable[..., Any], expectation: dict[str, Any], warned: str | None
) -> None:
    warnings = plan_recipe(resolved(SWAP, expect=[expectation]), world, prompts).warnings
    assert len(warnings) == (0 if warned is None else 1)
    assert warned is None or warned in warnings[0]


def test_a_recipe_without_expectations_is_said_to_be_unverified(world: Ontology, prompts: PromptSet, resolved: Any) -> None:
    assert any("UNVERIFIED" in warning for warning in plan_recipe(resolved(SWAP), world, prompts).warnings)


def test_a_scope_without_unseen_subjects_is_warned_of(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    for subjects, warned in ((["France"], True), (["France", "Peru"], False), (["Norway"], False)):
        plan = plan_recipe(resolved({**SWAP, "scope": {"subjects": {"in": subjects}}}), world, prompts)
        assert any("no unseen subject" in warning for warning in plan.warnings) == warned


def test_widths_are_wilson_s_over_subjects(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    expect = [
        {"metric": "hit", "at_least": 0.7},
        {"metric": "stuck", "edit": "b", "on": "seen_template_seen_subject", "at_most": 0.1},
        {"metric": "hit", "versus": "majority", "at_least": 0.1},
        {"metric": "drift_kl", "on": "neutral", "at_most": 0.02},
        {"metric": "hit_macro", "at_least": 0.2, "at_most": 0.9},
    ]
    plan = plan_recipe(resolved(SWAP, {**SWAP, "id": "b"}, expect=expect, verify={"per_edit": 4}), world, prompts)
    both, one, *_, ranged = (item.widths for item in plan.expect)
    assert [(width.edit, width.items, width.subjects) for width in both] == [("a", 4, 1), ("b", 4, 1)]
    low, high = wilson(0.7, 1)
    assert both[0].half_width == pytest.approx((high - low) / 2, abs=1e-4)
    assert [(width.edit, width.on, width.bound) for width in one] == [("b", "seen_template_seen_subject", 0.1)]
    assert [len(item.widths) for item in plan.expect] == [2, 1, 0, 0, 4]
    assert {width.bound for width in ranged} == {0.2, 0.9}
    assert "Wilson" in plan.width_method


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_half_widths_are_those_of_verification(n: int, share: float) -> None:
    low, high = wilson(share * n, n)
    assert half_width(share, n) == pytest.approx((high - low) / 2, abs=1e-9)


@given(counts=st.dictionaries(st.text(max_size=3), st.integers(1, 9), min_size=1), cap=st.integers(1, 60))
def test_no_more_subjects_than_items(counts: dict[str, int], cap: int) -> None:
    sample = Sample(Counter(counts))
    assert 0 <= sample.distinct(cap) <= min(len(counts), sample.items(cap)) <= cap
    assert sample.distinct(sum(counts.values())) == len(counts)


def test_cost_is_split_and_by_the_run_s_own_speed(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    guessed = plan_recipe(resolved(SWAP, verify={"per_edit": 4, "locality_n": 10}), world, prompts)
    measured = plan_recipe(resolved(SWAP, verify={"per_edit": 4, "locality_n": 10}), world, prompts, seconds=6.0)
    assert (guessed.cost.speed, measured.cost.speed) == ("assumed", "measured")
    parts = [getattr(measured.cost, name) for name in ("edit", "controls", "damage", "curve")]
    assert [part.generations for part in parts][::2] == [16, 30]
    assert measured.generations == sum(part.generations for part in parts)
    assert measured.minutes == pytest.approx(measured.generations / 10, abs=0.3)
    more = [{"metric": "hit", "versus": "noop", "on": "seen_template_seen_subject", "at_least": 0}]
    wider = plan_recipe(resolved(SWAP, verify={"per_edit": 4, "locality_n": 10}, expect=more), world, prompts)
    assert wider.cost.controls.generations > guessed.cost.controls.generations
    suppressed = plan_recipe(resolved({"op": "suppress", "slot": "capital"}, verify={"per_edit": 4}), world, prompts)
    assert suppressed.cost.curve.generations > 0
    assert suppressed.cost.controls.generations < guessed.cost.controls.generations


@pytest.fixture
def run(tmp_path: Path, slots: SlotMap, prompts: PromptSet) -> Path:
    """A run directory with what a plan reads."""
    folder = tmp_path / "run"
    folder.mkdir()
    turtle = f"@prefix ex: <{EX}> . @prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
    turtle += "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
    for name, label in (("hasCapital", "capital"), ("hasLanguage", "language"), ("inContinent", "continent of")):
        turtle += f'ex:{name} a owl:ObjectProperty ; rdfs:label "{label}" .\n'
    turtle += "ex:Country a owl:Class .\n"
    for country, capital in (("France", "Paris"), ("Peru", "Lima"), ("Chad", "Ndjamena")):
        turtle += f'ex:{country} a ex:Country ; rdfs:label "{country}" ; ex:hasCapital ex:{capital} .\n'
        turtle += f"ex:{country} ex:hasLanguage ex:L{country} ; ex:inContinent ex:C{country} .\n"
    (folder / "ontology.ttl").write_text(turtle)
    (folder / "slots.json").write_text(slots.model_dump_json(by_alias=True))
    prompts.save(folder / "prompts.jsonl")
    manifest = Manifest(
        schema="kedit.run/1", ontology=OntologyId(source="geo.ttl", sha256="0"), model=ModelId(name="m", fingerprint="0")
    )
    (folder / "run.json").write_text(manifest.model_dump_json(by_alias=True))
    return folder


def test_make_plan_reads_the_run_directory(run: Path, write: Callable[..., Path]) -> None:
    path = write("kedit: 1\nedits: [{op: swap, from: capital, to: language}]\n")
    plan = make_plan(path, run=run)
    assert plan.run == str(run)
    assert plan.edits[0].prompts[HEADLINE_QUADRANT] == 10
    sparql = '{op: suppress, slot: capital, scope: {subjects: {sparql: "SELECT ?s { ?s ex:hasCapital ex:Lima }"}}}'
    assert make_plan(write(f"kedit: 1\nrun: {run}\nedits: [{sparql}]\n")).edits[0].subjects == 1


def test_terms_are_named_in_the_run_s_own_language(run: Path, write: Callable[..., Path]) -> None:
    german = '<https://example.org/world#hasCapital> <http://www.w3.org/2000/01/rdf-schema#label> "Hauptstadt"@de .\n'
    with (run / "ontology.ttl").open("a", encoding="utf-8") as stream:
        stream.write(german)
    path = write("kedit: 1\nedits: [{op: suppress, slot: Hauptstadt}]\n")
    with pytest.raises(InputError, match="Hauptstadt"):
        make_plan(path, run=run)
    manifest = json.loads((run / "run.json").read_text()) | {"config": {"lang": "de"}}
    (run / "run.json").write_text(json.dumps(manifest))
    assert make_plan(path, run=run).edits[0].slot == "ex:hasCapital"


def test_run_directories_that_cannot_be_used(run: Path, tmp_path: Path, write: Callable[..., Path]) -> None:
    text = "kedit: 1\nrun: nowhere\nedits: [{op: suppress, slot: capital}]\n"
    with pytest.raises(InputError, match="no run directory nowhere") as caught:
        make_plan(write(text))
    assert caught.value.place is not None
    assert caught.value.place.line == 2
    with pytest.raises(InputError, match="names no run"):
        make_plan(write(text.replace("run: nowhere\n", "")))
    (run / "slots.json").write_text("{}")
    with pytest.raises(InputError, match="is not a slot map"):
        make_plan(write(text), run=run)
    (run / "slots.json").unlink()
    with pytest.raises(InputError, match=r"no slots\.json"):
        make_plan(write(text), run=run)


def test_the_speed_is_that_of_the_run_s_evaluation(run: Path, write: Callable[..., Path]) -> None:
    path = write("kedit: 1\nedits: [{op: swap, from: capital, to: language}]\n")
    assert make_plan(path, run=run).cost.speed == "assumed"
    manifest = json.loads((run / "run.json").read_text()) | {"timing": {"evaluation": 5.0}}
    (run / "run.json").write_text(json.dumps(manifest))
    assert make_plan(path, run=run).cost.speed == "assumed"
    (run / "rows.jsonl").write_text("{}\n" * 10)
    cost = make_plan(path, run=run).cost
    assert (cost.speed, cost.seconds_per_generation) == ("measured", 0.5)


def test_planning_loads_no_torch(run: Path, write: Callable[..., Path]) -> None:
    path = write("kedit: 1\nedits: [{op: swap, from: capital, to: language}]\n")
    script = (
        f"import sys; from kedit.cli.main import run; code = run(['plan', {str(path)!r}, '--run', {str(run)!r}]);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
