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
from kedit.editing.foreseen import Speed, measured_speed
from kedit.editing.grounds import Sample
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.plan import make_plan, plan_recipe
from kedit.errors import InputError
from kedit.intervals import wilson
from kedit.manifest import Manifest, ModelId, OntologyId
from kedit.ontology.model import Ontology

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
                made.append(asking(name, subject, f"c{carrier}", role, split, answers))
    negative = Prompt("n", "text", None, None, (), "c9", "train", None, (), None)
    return PromptSet(0, "raw", (), (*made, negative))


def asking(name: str, subject: str, carrier: str, role: Any, split: Any, answers: tuple[str, ...] = ()) -> Prompt:
    """A prompt about a capital."""
    return Prompt(name, "text", EX + "hasCapital", EX + subject, answers, carrier, role, split, (0,), None)


def bare(name: str, subject: str, role: Any, split: Any) -> Prompt:
    """A text that names a subject and asks nothing."""
    return Prompt(name, "text", None, EX + subject, (), "c9", role, split, (), None)


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
    class_slot = {"op": "suppress", "slot": "ex:City", "id": "d"}  # no prompt here is labelled with the class
    plan = plan_recipe(resolved(scoped, no_target, other, class_slot), world, prompts)
    assert [edit.prompts[HEADLINE_QUADRANT] for edit in plan.edits] == [0, 0, 0, 0]
    assert [sum(edit.prompts.values()) for edit in plan.edits] == [20, 0, 0, 0]
    assert plan.edits[0].subject_examples == ("France",)
    assert sum("no prompt of the run" in warning for warning in plan.warnings) == 3


@pytest.fixture
def many(world: Ontology) -> PromptSet:
    """Six unseen subjects of capitals on three carriers each; what stays as it is: 45 subjects with twenty prompts each."""
    made = [
        asking(f"{name}-{i}", name, f"c{i}", "heldout", "test", world.values(EX + "hasCapital", EX + name))
        for name in ("France", "Peru", "Chad", "Guinea", "GuineaBissau", "Norway")
        for i in range(3)
    ]
    others = [
        Prompt(f"o-{s}-{i}", "text", EX + "inContinent", f"{EX}s{s}", (), f"o{i}", "heldout", "test", (2,), None)
        for s in range(45)
        for i in range(20)
    ]
    return PromptSet(0, "raw", (), (*made, *others, bare("n", "Monaco", "heldout", "test")))


SMALL = {"min_n": 10}
OWN = [
    {"text": "Oslo?", "subject": "Norway", "asks": "capital"},
    {"text": "Peru's seat", "subject": "Peru", "asks": "capital"},
    {"text": "Peru's words", "subject": "Peru", "asks": "language"},
    {"text": "It rains."},
]


@pytest.mark.parametrize(
    ("expectation", "warned"),
    [
        # 18 items of 6 subjects: Wilson's interval of 6 of 6 begins at 0.61, that of 18 of 18 at 0.82.
        ({"metric": "hit", "at_least": 0.6, **SMALL}, None),
        ({"metric": "hit", "at_least": 0.7, **SMALL}, "over 18 items of 6 subjects: 9 are needed"),
        ({"metric": "hit", "at_least": 1.0, **SMALL}, "no number of them is enough"),
        ({"metric": "hit", "at_least": 1.0, **SMALL, "bound": "point"}, None),
        ({"metric": "stuck", "at_most": 0.4, **SMALL}, None),
        ({"metric": "stuck", "at_most": 0.1, **SMALL}, "35 are needed"),
        ({"metric": "hit", "at_least": 0.5}, "there are 18 items at most"),
        ({"metric": "hit", "versus": "noop", "at_least": 0.9, **SMALL}, None),
        ({"metric": "retention", "at_least": 0.98}, "over 900 items of 45 subjects: 189 are needed"),
        ({"metric": "retention", "at_least": 0.98, "bound": "point"}, None),
        ({"metric": "retention", "at_least": 0.9}, None),
        ({"metric": "retention", "on": "same_relation", "at_least": 0.5}, "there are 0 items at most"),
        ({"metric": "scope_leak", "at_most": 0.01}, "over 901 items of 46 subjects"),
        ({"metric": "scope_leak", "at_most": 0.08}, None),
        ({"metric": "scope_miss", "at_most": 0.02, **SMALL}, "over 18 items of 6 subjects"),
        ({"metric": "drift_kl", "at_most": 0.01}, None),
        # Two of the recipe's own prompts are for the edit, two are not.
        ({"metric": "hit", "on": "own_prompts", "at_least": 0.1, "min_n": 3}, "there are 2 items at most"),
        ({"metric": "hit", "on": "own_prompts", "at_least": 0.1, "min_n": 2}, None),
        ({"metric": "scope_miss", "on": "own_prompts", "at_most": 0.5, "min_n": 3}, "there are 2 items at most"),
        ({"metric": "scope_leak", "on": "own_prompts", "at_most": 0.1, "min_n": 2}, "over 2 items of 2 subjects"),
    ],
)
def test_what_even_a_perfect_score_could_not_pass(
    world: Ontology, many: PromptSet, resolved: Callable[..., Any], expectation: dict[str, Any], warned: str | None
) -> None:
    warnings = plan_recipe(resolved(SWAP, expect=[expectation], prompts=OWN), world, many).warnings
    assert len(warnings) == (0 if warned is None else 1), warnings
    assert warned is None or warned in warnings[0]


def test_set_counts_texts_that_ask_nothing(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    texts = [bare(f"b{i}", name, "heldout", "test") for i, name in enumerate(("Peru", "Peru", "Norway", "Paris"))]
    more = PromptSet(0, "raw", (), (*prompts.prompts, *texts))
    (edit,) = plan_recipe(resolved({"op": "set", "slot": "capital"}), world, more).edits
    # Paris has no capital.
    assert edit.prompts == {name: 3 if name == HEADLINE_QUADRANT else 0 for name in QUADRANTS}
    assert edit.subject_examples == ("Norway", "Peru")


def test_what_only_the_model_can_say_is_said_to_be_unknown(
    world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]
) -> None:
    def notes(op: str) -> str:
        return " ".join(plan_recipe(resolved({"op": op, "slot": "capital"}), world, prompts).notes)

    assert "only those that the unedited model answers rightly will count" in notes("suppress")
    assert "answers wrongly, though it knows the fact, will count" in notes("amplify")
    assert notes("set") == ""


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


@given(counts=st.dictionaries(st.text(max_size=3), st.integers(1, 9), min_size=1), cap=st.integers(1, 60))
def test_no_more_subjects_than_items(counts: dict[str, int], cap: int) -> None:
    sample = Sample(Counter(counts))
    assert 0 <= sample.distinct(cap) <= min(len(counts), sample.items(cap)) <= cap
    assert sample.distinct(sum(counts.values())) == len(counts)


def test_cost_is_split_and_by_the_run_s_own_speed(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    guessed = plan_recipe(resolved(SWAP, verify={"per_edit": 4, "locality_n": 10}), world, prompts)
    measured = plan_recipe(resolved(SWAP, verify={"per_edit": 4, "locality_n": 10}), world, prompts, speed=Speed(6.0))
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


def test_competitors_are_foreseen_with_their_training(world: Ontology, prompts: PromptSet, resolved: Callable[..., Any]) -> None:
    def cost(edit: dict[str, Any], *controls: str, **speed: Any) -> Any:
        recipe = resolved(edit, verify={"per_edit": 4, "controls": list(controls)})
        return plan_recipe(recipe, world, prompts, speed=Speed(1.0, **speed)).cost

    plain, others = cost(SWAP), cost({**SWAP, "scope": {"steps": "all"}})
    # The two fixed vectors always compete: a curve of 8 strengths on 64 items each.
    assert plain.curve.generations == 6 * 64 + 2 * 8 * 64
    assert others.curve.generations == 0
    assert plain.training.minutes == 0
    all_of_them = ("reft_r1", "das_r1", "das_r8", "permuted_answers", "linear_probe")
    full = cost(SWAP, *all_of_them, training=120.0)
    assert full.curve.generations == 6 * 64 + 7 * 8 * 64
    assert full.controls.generations == plain.controls.generations + 5 * 2 * 4
    assert full.training.minutes == 4 * 2  # a probe is there at once
    assert cost(SWAP, *all_of_them, training=120.0, trained=frozenset({"das_r1", "das_r8"})).training.minutes == 2 * 2
    assert cost(SWAP, "reft_r1").training.minutes > 0
    assert cost({"op": "suppress", "slot": "capital"}, *all_of_them, training=120.0).training.minutes == 0


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


def test_training_is_foreseen_by_the_run_s_own_and_what_is_there_is_not_trained_again(run: Path) -> None:
    assert measured_speed(run) == Speed(None, None, frozenset())
    manifest = json.loads((run / "run.json").read_text()) | {"timing": {"slot training": 90.0}}
    (run / "run.json").write_text(json.dumps(manifest))
    (run / "competitors").mkdir()
    (run / "competitors" / "das_r1.safetensors").touch()
    assert measured_speed(run) == Speed(None, 90.0, frozenset({"das_r1"}))


def test_planning_loads_no_torch(run: Path, write: Callable[..., Path]) -> None:
    path = write("kedit: 1\nedits: [{op: swap, from: capital, to: language}]\n")
    script = (
        f"import sys; from kedit.cli.main import run; code = run(['plan', {str(path)!r}, '--run', {str(run)!r}]);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
