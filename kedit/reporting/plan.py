"""`kedit plan` on the terminal: edits, samples, how wide intervals will be, cost, warnings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.plan import Plan, PlannedEdit, PlannedExpectation
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show


def render_plan(plan: Plan) -> RenderableType:
    """What a recipe would do."""
    parts: list[RenderableType | None] = [
        _title(plan),
        Group(*(line for edit in plan.edits for line in _edit(edit))) if plan.edits else Text("no edits", style="dim"),
        _samples(plan.edits) if plan.edits else None,
        _expectations(plan.expect) if plan.expect else None,
        Text(f"±: {plan.width_method}.", style="dim") if any(item.widths for item in plan.expect) else None,
        _settings(plan),
        _cost(plan),
    ]
    parts += [Text(note, style="dim") for note in plan.notes]
    parts += [Text.assemble(("! ", "bold yellow"), (warning, "yellow")) for warning in plan.warnings]
    lines: list[RenderableType] = []
    for part in parts:
        if part is not None:
            lines += [part, ""]
    return Group(*lines[:-1])


def print_plan(plan: Plan) -> None:
    """Print what a recipe would do."""
    show(render_plan(plan))


def _title(plan: Plan) -> Panel:
    facts = " · ".join(fact for fact in (plan.run, plan.ontology) if fact)
    return Panel(Group(Text(plan.recipe, style="bold"), Text(facts, style="dim")), border_style="cyan", padding=(0, 1))


def _edit(edit: PlannedEdit) -> Iterable[Text]:
    what = f"{edit.op} {edit.slot}" + (f" → {edit.target}" if edit.target else "")
    strength = edit.strength if isinstance(edit.strength, str) else f"{edit.strength:g}"
    gate = "where the slot is on" if edit.when == "asked" else "always"
    text = Text.assemble((edit.id, "bold"), f"  {what}")
    text.append(f"  strength {strength} · fires {gate} · steps: {edit.steps}", "dim")
    yield text
    more = edit.subjects - len(edit.subject_examples)
    names = ", ".join(edit.subject_examples) + (f" ... and {more:,} more" if more > 0 else "")
    yield Text(f"  {edit.subjects:,} subjects in scope" + (f": {names}" if names else ""), style="dim")


def _samples(edits: Iterable[PlannedEdit]) -> Table:
    columns = ("edit", "carrier × subject", "prompts in scope", "measured", "subjects, about")
    made = tables.table("Samples, at most", columns, left=2)
    for edit in edits:
        for index, name in enumerate(reversed(QUADRANTS)):
            numbers = (edit.prompts[name], edit.measured[name], edit.measured_subjects[name])
            style = "bold" if name == HEADLINE_QUADRANT else None
            made.add_row(Text(edit.id if index == 0 else ""), Text(fmt.quadrant(name)), *(f"{n:,}" for n in numbers), style=style)
    return made


def _expectations(expectations: Iterable[PlannedExpectation]) -> Table:
    made = tables.table("Expectations, and half the width of their intervals", ("edit", "required", "±", "n", "subjects"), left=2)
    for item in expectations:
        required = Text(item.required)
        if item.severity == "warn":
            required.append(" (warning)", "yellow")
        for index, width in enumerate(item.widths):
            about = width.edit or ""
            if width.on != HEADLINE_QUADRANT and f"on {width.on}" not in item.required:
                about += f", {fmt.words(width.on)}"
            first = required if index == 0 else Text("")
            made.add_row(Text(about), first, f"{width.half_width:.2f}", f"{width.items:,}", f"{width.subjects:,}")
        if not item.widths:
            made.add_row(Text(item.edit or ""), required, *[fmt.MISSING] * 3)
    return made


def _settings(plan: Plan) -> Text:
    text = Text.assemble(("controls    ", "dim"), ", ".join(map(fmt.words, plan.controls)))
    if plan.protect:
        text.append("\nprotected   ", "dim").append(", ".join(plan.protect))
    text.append("\nsample      ", "dim")
    return text.append(f"{plan.per_edit} per edit and quadrant · {plan.locality_n} for damage · seed {plan.seed}")


_COSTS: Final = {"edit": "edits", "training": "training competitors"}


def _cost(plan: Plan) -> Group:
    made = tables.table("Cost, at most", ("", "answers", "minutes"))
    for name in ("edit", "controls", "damage", "curve", *(["training"] if plan.cost.training.minutes else [])):
        part = getattr(plan.cost, name)
        made.add_row(_COSTS.get(name, name), f"{part.generations:,}" if part.generations else "", f"{part.minutes:.1f}")
    made.add_row("all", f"{plan.generations:,}", f"{plan.minutes:.1f}", style="bold")
    by = "this run's own speed" if plan.cost.speed == "measured" else "a guess: this run has no evaluation to go by"
    return Group(made, Text(f"by {by}", style="dim"))
