"""What a recipe would do: terms resolved, defaults filled in, sample sizes and rough cost. Never loads a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.curriculum.slots import SlotMap
from kedit.editing.foreseen import METHOD, Cost, Speed, Width, cost, measured_speed, too_few, widths
from kedit.editing.grounds import Grounds, Sample, by_quadrant
from kedit.editing.metric_names import FIXED_CONTROLS, HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.reach import in_reach
from kedit.editing.reading import load_recipe
from kedit.editing.recipe import Expectation, Recipe, Steps, When
from kedit.editing.resolving import Op, ResolvedEdit, ResolvedRecipe, resolve
from kedit.errors import InputError
from kedit.manifest import MANIFEST, read_manifest
from kedit.ontology.model import Ontology


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedEdit(_Frozen):
    """One edit as it would be applied."""

    id: str
    op: Op
    slot: str
    """CURIE of the slot that gates the edit."""
    target: str | None
    strength: float | Literal["auto"]
    subjects: int
    """Subjects in scope that prompts ask about."""
    subject_examples: tuple[str, ...]
    when: When
    steps: Steps
    prompts: dict[str, int]
    """Quadrant -> prompts in scope, before the gate on known facts."""
    measured: dict[str, int]
    """Quadrant -> items that `verify` takes, at most `per_edit`."""
    measured_subjects: dict[str, int]
    """Quadrant -> of how many subjects they will be, about."""


class PlannedExpectation(_Frozen):
    """One bound in words."""

    metric: str
    edit: str | None
    required: str
    severity: Literal["error", "warn"]
    widths: tuple[Width, ...] = ()
    """How wide its intervals will be; none for what is no share, or a difference to a control."""


class Plan(_Frozen):
    """`kedit plan --json`."""

    schema_: Literal["kedit.plan/1"] = Field("kedit.plan/1", alias="schema")
    recipe: str
    run: str | None
    ontology: str
    edits: tuple[PlannedEdit, ...]
    protect: tuple[str, ...]
    controls: tuple[str, ...]
    per_edit: int
    locality_n: int
    seed: int
    expect: tuple[PlannedExpectation, ...]
    width_method: str = METHOD
    cost: Cost
    generations: int
    """Upper bound of the answers that `verify` generates."""
    minutes: float
    """Rough time for them, and for training competitors."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def make_plan(recipe: str | Path | Recipe, *, run: str | Path | None = None) -> Plan:
    """Plan a recipe against its run directory (`run` wins over the recipe's own); InputError if either cannot be read."""
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    folder = run_folder(loaded, run)
    from kedit.ontology import load_ontology

    ontology = load_ontology(folder / "ontology.ttl", **read_manifest(folder).wording)
    slots = SlotMap.load(folder / "slots.json")
    resolved = resolve(loaded, ontology, slots, graph=folder / "ontology.ttl")
    prompts = PromptSet.load(folder / "prompts.jsonl")
    return plan_recipe(resolved, ontology, prompts, run=str(folder), speed=measured_speed(folder))


def run_folder(recipe: Recipe, run: str | Path | None) -> Path:
    """The run directory that `run`, or else the recipe, names; InputError if there is none."""
    named = run if run is not None else recipe.run
    if named is None:
        raise InputError("the recipe names no run", place=recipe.place(), advice="Add `run: runs/NAME`, or say --run DIR.")
    folder = Path(named)
    missing = [name for name in ("ontology.ttl", "slots.json", "prompts.jsonl", MANIFEST) if not (folder / name).is_file()]
    if missing:
        place = recipe.place("run") if run is None else None
        problem = f"there is no {missing[0]} in {folder}" if folder.is_dir() else f"there is no run directory {folder}"
        advice = "A run is made by `kedit align`; its path is relative to the working directory."
        raise InputError(problem, place=place, advice=advice)
    return folder


def plan_recipe(
    resolved: ResolvedRecipe, ontology: Ontology, prompts: PromptSet, *, run: str | None = None, speed: Speed | None = None
) -> Plan:
    """The plan of a resolved recipe over a run's prompts; `speed`, where it has been measured."""
    in_scope = {edit.id: [prompt for prompt in prompts.prompts if in_reach(edit, prompt, ontology)] for edit in resolved.edits}
    samples = {edit.id: by_quadrant(in_scope[edit.id], QUADRANTS) for edit in resolved.edits}
    verify = resolved.verify
    edits = tuple(_planned(edit, ontology, in_scope[edit.id], samples[edit.id], verify.per_edit) for edit in resolved.edits)
    grounds, spent = Grounds(resolved, ontology, prompts, samples), cost(resolved, ontology, samples, speed or Speed())
    parts = (spent.edit, spent.controls, spent.damage, spent.curve, spent.training)
    return Plan(
        schema="kedit.plan/1",
        recipe=resolved.name,
        run=run,
        ontology=ontology.iri or ontology.source,
        edits=edits,
        protect=tuple(ontology.curie(iri) for iri in resolved.protect),
        controls=(*FIXED_CONTROLS, *(name for name in verify.controls if name not in FIXED_CONTROLS)),
        per_edit=verify.per_edit,
        locality_n=verify.locality_n,
        seed=verify.seed,
        expect=tuple(
            PlannedExpectation(
                metric=e.metric,
                edit=e.edit,
                required=required(e),
                severity=e.severity,
                widths=tuple(widths(e, grounds.of(e))),
            )
            for e in resolved.expect
        ),
        cost=spent,
        generations=sum(part.generations for part in parts),
        minutes=round(sum(part.minutes for part in parts), 1),
        notes=(*resolved.notes, *_notes(resolved)),
        warnings=tuple(_warnings(resolved, edits, grounds)),
    )


def _planned(
    edit: ResolvedEdit, ontology: Ontology, candidates: list[Prompt], samples: dict[str, Sample], per_edit: int
) -> PlannedEdit:
    subjects = sorted({prompt.subject for prompt in candidates if prompt.subject is not None})
    return PlannedEdit(
        id=edit.id,
        op=edit.op,
        slot=ontology.curie(edit.slot_iri),
        target=ontology.curie(edit.target_iri) if edit.target_iri else None,
        strength="auto" if edit.strength is None else edit.strength,
        subjects=len(subjects),
        subject_examples=tuple(ontology.individuals[iri].label for iri in subjects[:5]),
        when=edit.when,
        steps=edit.steps,
        prompts={name: sample.subjects.total() for name, sample in samples.items()},
        measured={name: sample.items(per_edit) for name, sample in samples.items()},
        measured_subjects={name: sample.distinct(per_edit) for name, sample in samples.items()},
    )


def required(expectation: Expectation) -> str:
    """A bound in words: "hit - diff_means >= 0.2 (interval, n >= 30)"."""
    name = expectation.metric if expectation.versus is None else f"{expectation.metric} - {expectation.versus}"
    name += " at equal damage" if expectation.at == "equal_damage" else ""
    where = f" on {expectation.on}" if expectation.on else ""
    bounds = [("<=", expectation.at_most), (">=", expectation.at_least)]
    limits = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
    forced = ", forced" if expectation.forced else ""
    return f"{name}{where} {limits} ({expectation.bound}{forced}, n >= {expectation.min_n})"


def _warnings(resolved: ResolvedRecipe, edits: tuple[PlannedEdit, ...], grounds: Grounds) -> Iterator[str]:
    if not resolved.expect:
        yield "The recipe expects nothing: its verdict will be UNVERIFIED."
    for edit in edits:
        if not any(edit.prompts.values()):
            yield f"{edit.id}: no prompt of the run is in its scope."
        elif not any(n for name, n in edit.prompts.items() if name.endswith("_unseen_subject")):
            yield f"{edit.id}: no unseen subject is in its scope, so that nothing tells learning from remembering."
    for expectation in resolved.expect:
        for ground in grounds.of(expectation):
            if (why := too_few(expectation, ground)) is not None:
                on = "" if expectation.on or ground.on == HEADLINE_QUADRANT else f" on {ground.on}"
                yield f"{ground.edit}: {required(expectation)}{on} {why}."


def _notes(resolved: ResolvedRecipe) -> Iterator[str]:
    """What is known only when the model has answered."""
    for edit in resolved.edits:
        if edit.op in ("suppress", "amplify"):
            kind = "rightly" if edit.op == "suppress" else "wrongly, though it knows the fact,"
            yield f"{edit.id}: of these prompts only those that the unedited model answers {kind} will count."
