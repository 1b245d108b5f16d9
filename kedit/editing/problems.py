"""What no single key of a recipe shows: where well-formed keys contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from kedit.editing.metric_names import COMPETITORS, EDIT_METRICS, EXTRA_CONTROLS, LOCALITY_METRICS, OWN_PROMPTS, RUN_METRICS
from kedit.editing.recipe import FORCIBLE, SHARES, Edit, Expectation, Recipe, Verify
from kedit.errors import did_you_mean
from kedit.yaml import Location


def problems(recipe: Recipe) -> Iterator[tuple[Location, str, str | None]]:
    """What no single key shows: (location, message, advice) of everything in a well-formed recipe that contradicts itself."""
    seen: dict[str, int] = {}
    for i, edit in enumerate(recipe.edits):
        if edit.name in seen:
            first = recipe.place("edits", seen[edit.name])
            key: Location = ("edits", i, "id") if edit.id else ("edits", i)
            yield key, f"the edit id {edit.name!r} is used twice", f"The first stands at {first}. Give this one an id of its own."
        seen.setdefault(edit.name, i)
        yield from _edit_problems(edit, ("edits", i))
    for i, expectation in enumerate(recipe.expect):
        if expectation.edit is not None and expectation.edit not in seen:
            yield ("expect", i, "edit"), f"unknown edit id {expectation.edit!r}", did_you_mean(expectation.edit, seen)
        if expectation.on == OWN_PROMPTS and not recipe.prompts:
            advice = "Add `prompts: [{text: ..., subject: ..., asks: ...}]`, or include a file with them."
            yield ("expect", i, "on"), "the recipe has no prompts of its own", advice
        yield from _expectation_problems(expectation, recipe.verify, ("expect", i))


def _edit_problems(edit: Edit, at: Location) -> Iterator[tuple[Location, str, str | None]]:
    strength = getattr(edit, "strength", None)
    if edit.op == "suppress" and isinstance(strength, float) and strength < 0:
        yield (*at, "strength"), f"a suppression of {strength:g} would switch the slot on", "Use 0 (off) or more."
    if edit.op == "amplify" and isinstance(strength, float) and strength < 0:
        yield (*at, "strength"), f"a slot cannot be amplified {strength:g} times", "Use a number above 1, or `op: suppress`."
    if edit.scope.steps == "asked" and edit.scope.when == "always":
        message = "`steps: asked` fires where the slot crosses its threshold, `when: always` without regard to it"
        yield (*at, "scope", "when"), message, "Leave `when` out, or choose `steps: prompt` or `steps: all`."
    subjects = edit.scope.subjects
    if subjects is not None:
        given = [key for key, value in (("class", subjects.class_), ("in", subjects.in_), ("sparql", subjects.sparql)) if value]
        if len(given) > 1:
            yield (*at, "scope", "subjects", given[1]), f"`{given[0]}` and `{given[1]}` exclude each other", "Keep one of them."
        if not given and not subjects.except_:
            yield (*at, "scope", "subjects"), "names no subject", "Write class, in, except or sparql, or leave `subjects` out."


def _expectation_problems(expectation: Expectation, verify: Verify, at: Location) -> Iterator[tuple[Location, str, str | None]]:
    metric = expectation.metric
    if expectation.at_least is None and expectation.at_most is None:
        yield at, "bounds nothing", "Add `at_least` or `at_most`."
    for key in ("at_least", "at_most"):
        bound = getattr(expectation, key)
        lowest = -1 if expectation.versus else 0
        if bound is not None and metric in SHARES and not lowest <= bound <= 1:
            advice = f"Did you mean {bound / 100:g}?" if 1 < bound <= 100 else None
            yield (*at, key), f"{metric} is a share, between 0 and 1 (got {bound:g})", advice
    if expectation.edit is not None and metric in RUN_METRICS and metric != "direct_ask":
        yield (*at, "edit"), f"{metric} belongs to the run, not to an edit", "Leave `edit` out."
    if expectation.on is not None and expectation.on not in expectation.corpora:
        advice = did_you_mean(expectation.on, expectation.corpora) if expectation.corpora else "Leave `on` out."
        yield (*at, "on"), f"{metric} is not measured on {expectation.on!r}", advice
    if expectation.forced and metric not in FORCIBLE:
        yield (*at, "forced"), f"{metric} has no forced figure", f"These have: {', '.join(sorted(FORCIBLE))}."
    if expectation.versus is not None and metric not in EDIT_METRICS:
        kind = "damage" if metric in LOCALITY_METRICS else "the run"
        message = f"{metric} is a figure of {kind}; controls are compared by metrics of an edit"
        yield (*at, "versus"), message, "Leave `versus` out."
    elif expectation.versus not in (None, "noop") and expectation.on == OWN_PROMPTS:
        yield (*at, "versus"), f"{expectation.versus} is not measured on a recipe's own prompts", "Compare with noop."
    elif expectation.at == "equal_damage" and expectation.versus not in COMPETITORS:
        name = expectation.versus
        message = "`at: equal_damage` compares with a competitor" + ("" if name is None else f", and {name} has no strength")
        yield (*at, "at"), message, f"Say `versus:` one of {', '.join(COMPETITORS)}."
    elif expectation.versus in EXTRA_CONTROLS and expectation.versus not in verify.controls:
        advice = f"Add it: `verify: {{controls: [{expectation.versus}]}}`."
        yield (*at, "versus"), f"the control {expectation.versus!r} is measured on demand only", advice
