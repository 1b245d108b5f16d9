"""Evaluations, reports and the smaller documents on the terminal: about one page each at 100 columns."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from kedit.editing.metric_names import EXTRA_CONTROLS, HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.control_tables import competitors_table, controls_table
from kedit.reporting.scope import own_prompts_lines, read_back_line, scope_table
from kedit.verification.figures import Knowledge, Rate, SwapQuadrant
from kedit.verification.report import EditResult, Evaluation, Report, RunInfo

DETAILED_EDITS: Final = 2
"""A report shows all quadrants of up to this many edits, and one line each of more."""


def render_evaluation(evaluation: Evaluation) -> RenderableType:
    """What a run's slots read and control."""
    swap = evaluation.swap
    headline = swap.quadrants.get(HEADLINE_QUADRANT)
    known = tables.knowledge_table(evaluation.knowledge) if evaluation.knowledge else None
    parts: list[RenderableType | None] = [
        _title(evaluation.run, evaluation.hook_point, evaluation.protocol.strength),
        beside(known, tables.layer_table(evaluation.layers) if evaluation.layers else None),
        _together(
            tables.dictionary_line(evaluation.dictionary) if evaluation.dictionary else None,
            tables.binding_line(evaluation.binding) if evaluation.binding.quadrants else None,
        ),
    ]
    if swap.quadrants:
        title = "Swap: the answer becomes that of another relation"
        controls = controls_table({"edit": (headline, evaluation.controls)}) if evaluation.controls else None
        parts += [
            _together(tables.swap_table(swap.quadrants, title=title), tables.outcome_legend()),
            beside(tables.pair_matrix(swap.pairs) if swap.pairs else None, controls),
            _together(*headline_lines(headline)) if headline else None,
        ]
    damage = tables.damage_table(evaluation.locality) if _has_locality(evaluation) else None
    parts.append(beside(damage, tables.gates_table(evaluation.gates) if evaluation.gates else None))
    parts.append(_together(scope_table(evaluation.locality), read_back_line(evaluation.locality)))
    return _page(parts)


def render_report(report: Report) -> RenderableType:
    """`kedit verify`: what a recipe did, and whether it did what was expected."""
    edits = report.edits
    compared: dict[str, Any] = {e.id: (e.quadrants.get(HEADLINE_QUADRANT), e.controls) for e in edits if e.controls}
    parts: list[RenderableType | None] = [_title(report.run, edits[0].hook_point if edits else "", None, report.recipe)]
    if len(edits) <= DETAILED_EDITS:
        swaps = [tables.swap_table(edit.quadrants, title=_edit_name(edit)) for edit in edits]
    else:
        swaps = [_edits_table(edits)]
    parts += [
        _together(*swaps, tables.outcome_legend()) if edits else None,
        *_compared(report, compared),
        _together(scope_table(report.locality), read_back_line(report.locality)),
        tables.transcripts_table(edits[0].transcripts) if edits and edits[0].transcripts else None,
        _together(
            *(
                tables.curve_line(edit.id, edit.curve, edit.plateau, fmt.chosen_on(edit.curve_on) or "validation")
                for edit in edits
                if edit.curve
            ),
            *(tables.fluency_line(edit.id, edit.fluency) for edit in edits if edit.fluency),
            *(line for edit in edits if edit.own_prompts for line in own_prompts_lines(edit.id, edit.own_prompts)),
            *(tables.interference_line(edit.id, edit.together) for edit in edits if edit.together),
            *(Text.assemble(("note        ", "dim"), f"{edit.id}  {note}") for edit in edits for note in edit.notes),
            *(Text.assemble(("note        ", "dim"), note) for note in report.notes),
            tables.gates_line(report.gates) if report.gates else None,
        ),
        tables.expectations_table(report.expectations) if report.expectations else None,
    ]
    return Group(_page(parts), render_verdict(report))


def _compared(report: Report, compared: Mapping[str, Any]) -> list[RenderableType | None]:
    """Controls and damage: side by side, or, where competitors need the width, one above the other."""
    damage = tables.damage_table(report.locality) if _has_locality(report) else None
    asked_for = any(name in edit.controls for edit in report.edits for name in EXTRA_CONTROLS)
    alone = len(report.edits) == 1 and any(row.curve for cells in report.edits[0].controls.values() for row in cells.values())
    if not (asked_for or alone):
        controls = controls_table(compared) if compared else None
        return [controls, damage] if len(compared) > 1 else [beside(controls, damage)]
    wide = []
    for edit in report.edits:
        if edit.controls:
            hit = edit.quadrants.get(HEADLINE_QUADRANT)
            wide.append(competitors_table(hit, edit.strength, edit.forced_kl, edit.controls))
    return [*wide, damage]


def _together(*parts: RenderableType | None) -> RenderableType | None:
    shown = [part for part in parts if part is not None]
    return Group(*shown) if shown else None


def _page(parts: Sequence[RenderableType | None]) -> RenderableType:
    """The parts that there are, with an empty line between them (none after the title's panel)."""
    shown = [part for part in parts if part is not None]
    lines: list[RenderableType] = []
    for index, part in enumerate(shown):
        lines += ["", part] if index > 1 else [part]
    return Group(*lines)


def render_verdict(report: Report) -> RenderableType:
    """The last line of a report."""
    style = tables.VERDICT_STYLE[report.verdict]
    counted = [item for item in report.expectations if item.severity == "error"]
    passed = sum(item.verdict == "PASS" for item in counted)
    text = Text.assemble((f"{tables.VERDICT_MARK[report.verdict]} {report.verdict}", style))
    text.append(f"  {passed} of {len(counted)} expectations met" if counted else "  the recipe expects nothing", "dim")
    text.append(f" · exit code {report.exit_code}", "dim")
    return Panel(text, border_style=style.removeprefix("bold "), padding=(0, 1))


def beside(left: RenderableType | None, right: RenderableType | None) -> RenderableType | None:
    """Two renderables side by side; one alone where the other is missing."""
    shown = [part for part in (left, right) if part is not None]
    if len(shown) < 2:
        return shown[0] if shown else None
    grid = Table.grid(padding=(0, 4, 0, 0))
    grid.add_row(*shown)
    return grid


def _title(run: RunInfo, hook_point: str, strength: float | None, recipe: str = "") -> RenderableType:
    names = [Text(part, style="bold") for part in (recipe, run.ontology, run.model) if part]
    facts = [hook_point, f"strength {strength:g}" if strength is not None else "", run.name or ""]
    facts.append("taught copy of the model" if run.taught else "untouched weights")
    lines = Text(" × ").join(names) if names else Text("kedit", style="bold")
    return Panel(Group(lines, Text(" · ".join(filter(None, facts)), style="dim")), border_style="cyan", padding=(0, 1))


def headline_lines(row: SwapQuadrant) -> Iterator[Text]:
    """The headline quadrant in three lines."""
    text = Text.assemble(("headline    ", "dim"), f"{fmt.quadrant(HEADLINE_QUADRANT)}, macro over {row.pairs} pairs ")
    yield text.append(fmt.with_interval(row.hit_macro, row.ci_macro), "bold")
    shown = _rates(("trained pairs", row.trained_pairs), ("never trained", row.untrained_pairs))
    if row.worst is not None:
        names = fmt.short_names((row.worst.source, row.worst.target))
        shown.insert(0, f"worst {names[row.worst.source]} → {names[row.worst.target]} {fmt.share(row.worst.hit)}")
    answers = (("answers seen in training", row.answer_seen), ("answers unseen", row.answer_unseen))
    for line in (shown, _rates(*answers, ("all facts", row.all_facts))):
        if line:
            yield Text(" " * 12 + " · ".join(line), style="dim")


def _rates(*rates: tuple[str, Rate | None]) -> list[str]:
    return [f"{name} {fmt.share(rate.hit)}" for name, rate in rates if rate is not None]


def _has_locality(document: Evaluation | Report) -> bool:
    return bool(document.locality.model_dump(exclude_defaults=True))


def _edit_name(edit: EditResult) -> str:
    what = f"{edit.source} → {edit.target}" if edit.op == "swap" else f"{edit.slot or edit.source or edit.target}"
    strength = f", strength {edit.strength:g}" if edit.strength is not None else ""
    return f"{edit.id}: {edit.op} {what}{strength}".replace("[", r"\[")


def _edits_table(edits: tuple[EditResult, ...]) -> Table:
    columns = ("edit", "", "hit", "95 %", "macro", "exact", "wrong", "stuck", "derail", "n")
    made = tables.table(f"Edits, {fmt.quadrant(HEADLINE_QUADRANT)}", columns, left=2)
    for edit in edits:
        shown = edit.quadrants.get(HEADLINE_QUADRANT)
        if shown is None:
            made.add_row(Text(edit.id), "", *[fmt.MISSING] * (len(columns) - 2))
        else:
            made.add_row(Text(edit.id), *tables.outcome_cells(shown))
    return made


def render_knowledge(document: Mapping[str, Any]) -> RenderableType:
    """`kedit probe`: `knowledge` {term: kedit.evaluation/1 knowledge}, `templates` [{relation, template, n, hit}]."""
    knowledge = {term: Knowledge.model_validate(row) for term, row in document.get("knowledge", {}).items()}
    parts: list[RenderableType] = [tables.knowledge_table(knowledge)]
    if document.get("templates"):
        names = fmt.short_names(row["relation"] for row in document["templates"])
        made = tables.table("Templates", ("relation", "template", "n", "hit"), left=2)
        for row in document["templates"]:
            text = row["template"].replace("\n", "⏎")
            made.add_row(Text(names[row["relation"]]), Text(text), str(row["n"]), fmt.share(row["hit"]))
        parts.append(made)
    return Group(*parts)


def render_seeds(document: Mapping[str, Any]) -> RenderableType:
    """`kedit bench seeds`: mean, least and greatest of every figure over seeds; pooled hits; paired differences."""
    seeds = ", ".join(map(str, document["seeds"]))
    spread = tables.table(f"Over seeds {seeds}, {fmt.quadrant(HEADLINE_QUADRANT)}", ("figure", "mean", "min", "max"))
    for name, row in document["figures"].items():
        spread.add_row(name, *(fmt.MISSING if row[key] is None else f"{row[key]:.3f}" for key in ("mean", "min", "max")))
    pooled = tables.table("Pooled over seeds", ("quadrant", "n", "hit", "hit (macro)", "stuck"))
    for name, row in document["pooled"].items():
        rates = (fmt.with_interval(row[key]["value"], row[key]["ci"] or (None, None)) for key in ("hit", "hit_macro"))
        pooled.add_row(fmt.quadrant(name), str(row["hit"]["n"]), *rates, fmt.share(row["stuck"]))
    apart = tables.table("Edit less control, paired (macro)", ("control", "n", "difference"))
    for name, row in document["differences"].items():
        apart.add_row(fmt.words(name), str(row["n"]), fmt.with_interval(row["value"], row["ci"] or (None, None)))
    return Group(spread, pooled, apart)


def render_tree(document: Mapping[str, Any] | BaseModel, title: str) -> Tree:
    """Any document as a tree, for plans and dry runs."""
    value = document.model_dump(mode="json", by_alias=True) if isinstance(document, BaseModel) else document
    tree = Tree(Text(title, style="bold"), guide_style="dim")
    _grow(tree, value)
    return tree


def _grow(tree: Tree, value: Mapping[str, Any]) -> None:
    for key, item in value.items():
        label = Text(str(key), style="cyan")
        if isinstance(item, Mapping):
            _grow(tree.add(label), item)
        elif isinstance(item, (list, tuple)) and any(isinstance(part, Mapping) for part in item):
            branch = tree.add(label)
            for index, part in enumerate(item):
                name = str(part.get("id", index + 1)) if isinstance(part, Mapping) else str(part)
                leaf = branch.add(Text(name, style="bold"))
                if isinstance(part, Mapping):
                    _grow(leaf, {k: v for k, v in part.items() if k != "id"})
        else:
            shown = ", ".join(map(str, item)) if isinstance(item, (list, tuple)) else str(item)
            tree.add(label.append(f"  {fmt.MISSING if item is None else shown}", style="default"))


def to_text(renderable: RenderableType, *, width: int = tables.WIDTH, color: bool = False) -> str:
    """A renderable as plain text (or with ANSI colours)."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=color, highlight=False)
    console.print(renderable)
    return stream.getvalue()


def show(renderable: RenderableType) -> None:
    """Print on stdout: at most 100 columns wide, and 100 where stdout is not a terminal."""
    console = Console()
    width = min(console.width, tables.WIDTH) if sys.stdout.isatty() else tables.WIDTH
    Console(width=width, highlight=False).print(renderable)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print what `kedit align` found."""
    show(render_evaluation(evaluation))


def print_report(report: Report) -> None:
    """Print what `kedit verify` found."""
    show(render_report(report))


def print_knowledge(document: Mapping[str, Any]) -> None:
    """Print what a model knows."""
    show(render_knowledge(document))


def print_dry_run(document: Mapping[str, Any] | BaseModel) -> None:
    """Print what `kedit align` would do."""
    show(render_tree(document, "Dry run"))


def print_seeds(document: Mapping[str, Any]) -> None:
    """Print figures over seeds."""
    show(render_seeds(document))
