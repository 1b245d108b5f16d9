"""`kedit compare` on the terminal: A, B and B - A, at 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT, LOWER_IS_BETTER, QUADRANTS
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import beside, show
from kedit.verification.comparison import Change, Comparison, ExpectationChange, PartChange, Side

MOST: Final = 8
"""Pairs and slots that a page shows; the document has all."""
_COLUMNS: Final = ("A", "95 %", "B", "95 %", "B − A", "95 %")
_LOWER: Final = LOWER_IS_BETTER | {"background_rate"}


def render_comparison(comparison: Comparison) -> RenderableType:
    """Two evaluations, or two reports."""
    shown: list[RenderableType | None] = [_title(comparison), _differs(comparison)]
    for part in comparison.parts:
        shown += [_quadrants(part, comparison), beside(_pairs(part), _controls(part))]
    if lonely := [*_only("A", comparison.only_in_a), *_only("B", comparison.only_in_b)]:
        shown.append(Text(" · ".join(lonely), style="yellow"))
    shown += [
        _figures("Binding", comparison.binding) if comparison.binding else None,
        _figures("Damage", comparison.damage) if comparison.damage else None,
        _expectations(comparison.expectations) if comparison.expectations else None,
        _knowledge(comparison) if comparison.knowledge else None,
    ]
    lines: list[RenderableType] = []
    for block in shown:
        if block is not None:
            lines += [block, ""]
    return Group(*lines[:-1])


def print_comparison(comparison: Comparison) -> None:
    """Print two runs or reports side by side."""
    show(render_comparison(comparison))


def _title(comparison: Comparison) -> Panel:
    lines = [_side("A", comparison.a), _side("B", comparison.b)]
    if comparison.identical:
        lines.append(Text("A and B are the same, down to every answer.", style="green"))
    lines.append(Text(f"Differences of hits are {comparison.pairing}.", style="dim"))
    return Panel(Group(*lines), border_style="cyan", padding=(0, 1))


def _side(name: str, side: Side) -> Text:
    text = Text.assemble((f"{name}  ", "bold cyan"), (side.path, "bold"))
    if side.verdict:
        text.append(f"  {tables.VERDICT_MARK[side.verdict]} {side.verdict}", tables.VERDICT_STYLE[side.verdict])
    facts = (side.recipe, side.run.ontology, side.run.model, side.hook_point)
    return text.append("\n   " + " · ".join(fact for fact in facts if fact), "dim")


def _differs(comparison: Comparison) -> Table:
    if not comparison.differs:
        made = tables.table("Made alike: protocol, ontology, model and hook point are the same", ("",))
        made.show_header = False
        return made
    made = tables.table("Made differently", ("", "A", "B"), left=3)
    for item in comparison.differs:
        made.add_row(Text(item.what), *(Text(_short(value)) for value in (item.a, item.b)))
    return made


def _short(value: str) -> str:
    """A hash by its beginning."""
    return value[:12] + "…" if len(value) == 64 and value.isalnum() else value or fmt.MISSING


def _quadrants(part: PartChange, comparison: Comparison) -> Table:
    title = f"{part.name}: hit" if part.name else "Swap: hit"
    made = tables.table(title, ("carrier × subject", "", *_COLUMNS, "common"), left=2)
    for name in reversed(QUADRANTS):
        if name in part.quadrants:
            row = part.quadrants[name]
            bold = "bold" if name == HEADLINE_QUADRANT else None
            made.add_row(Text(fmt.quadrant(name)), "hit", *_cells("hit", row.hit), _common(row.hit), style=bold)
            made.add_row("", "macro", *_cells("hit_macro", row.hit_macro), _common(row.hit_macro), style=bold)
    shares = part.quadrants[HEADLINE_QUADRANT].shares if HEADLINE_QUADRANT in part.quadrants else {}
    for index, (name, change) in enumerate(shares.items()):
        about = Text(fmt.quadrant(HEADLINE_QUADRANT) if index == 0 else "", style="dim")
        made.add_row(about, fmt.words(name), *_cells(name, change), "")
    return made


def _common(change: Change) -> str:
    """How many items a paired difference is over."""
    return str(change.n) if change.method == "paired" else fmt.MISSING


def _cells(metric: str, change: Change) -> tuple[Text | str, ...]:
    """A, its interval, B, its interval, B - A, its interval."""
    one, _, ci_a = fmt.measured(metric, change.a, change.ci_a).partition(" ")
    other, _, ci_b = fmt.measured(metric, change.b, change.ci_b).partition(" ")
    digits = 3 if metric.startswith("drift_kl") or metric == "read_back" else 2
    return one, ci_a, other, ci_b, _difference(metric, change, digits), fmt.interval(change.ci, digits)


def _difference(metric: str, change: Change, digits: int = 2) -> Text:
    """B - A: green for the better, red for the worse, plain where the interval holds 0."""
    value = change.difference
    if value is None:
        return Text(fmt.MISSING, style="dim")
    text = f"{round(value, digits) + 0.0:+.{digits}f}"  # no minus before a zero
    if not change.excludes_zero:
        return Text(text)
    better = (value > 0) != (metric in _LOWER)
    return Text(text, style="bold green" if better else "bold red")


def _pairs(part: PartChange) -> Table | None:
    mine = [pair for pair in part.pairs if pair.quadrant == HEADLINE_QUADRANT and pair.hit.difference]
    if not mine:
        return None
    names = fmt.short_names(term for pair in mine for term in (pair.source, pair.target))
    more = f" (of {len(mine)})" if len(mine) > MOST else ""
    made = tables.table(f"Pairs that changed most{more}", ("", "A", "B", "B − A", "95 %"))
    for pair in mine[:MOST]:
        name = Text(f"{names[pair.source]} → {names[pair.target]}", style="" if pair.counts else "dim")
        cells = (fmt.share(pair.hit.a), fmt.share(pair.hit.b), _difference("hit", pair.hit), fmt.interval(pair.hit.ci))
        made.add_row(name, *cells)
    return made


def _controls(part: PartChange) -> Table | None:
    if not part.controls:
        return None
    made = tables.table("Controls, hit", ("", "A", "B", "B − A"))
    for name, change in part.controls.items():
        # Whether a control that hits more is better is not for a colour to say.
        made.add_row(Text(fmt.words(name)), fmt.share(change.a), fmt.share(change.b), fmt.signed(change.difference))
    return made


def _only(side: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield f"only in {side}: {name}"


def _figures(title: str, figures: Mapping[str, Change]) -> Table:
    made = tables.table(title, ("", *_COLUMNS))
    for name, change in figures.items():
        metric, _, where = name.partition(" ")
        if metric == "auroc" and not change.difference:
            continue  # one for every relation, and nearly always 1
        where = fmt.quadrant(where) if where in QUADRANTS else fmt.words(where)
        about = fmt.words(metric.replace("drift_kl", "KL")).replace("auroc", "AUROC")
        made.add_row(Text(f"{about} {where}".rstrip()), *_cells(metric, change))
    return made


def _expectations(expectations: Iterable[ExpectationChange]) -> Table:
    made = tables.table("Expectations; those that changed verdict are bold", ("", "A", "B", "", "required"), left=4)
    for item in expectations:
        about = Text(item.metric)
        for part in (item.edit, fmt.versus(item.versus, item.at), item.on, "forced" if item.forced else None):
            about.append(f" {part}" if part else "", "dim")
        sides = [_verdict(item.verdict_a, item.metric, item.measured.a), _verdict(item.verdict_b, item.metric, item.measured.b)]
        required = dict.fromkeys(text for text in (item.required_a, item.required_b) if text)
        changed = Text("changed", style="yellow") if item.changed else Text("")
        made.add_row(about, *sides, changed, " / ".join(required), style="bold" if item.changed else None)
    return made


def _verdict(verdict: str | None, metric: str, value: float | None) -> Text:
    if verdict is None:
        return Text("not expected", style="dim")
    number = fmt.measured(metric, value)
    return Text(f"{tables.VERDICT_MARK[verdict]} {verdict} {number}", style=tables.VERDICT_STYLE[verdict].removeprefix("bold "))


def _knowledge(comparison: Comparison) -> Table:
    """Known of asked; where both know the same of all relations, one line."""
    rows = comparison.knowledge
    changed = {
        term: row
        for term, row in rows.items()
        if (row.asked_a, row.known_a) != (row.asked_b, row.known_b) or row.direct_ask.difference
    }
    if not changed:
        made = tables.table(f"What the model knows is the same, over {len(rows)} relations", ("",))
        made.show_header = False
        return made
    names = fmt.short_names(rows)
    made = tables.table("What the model knows: known of asked", ("relation", "A", "B", "", "direct ask A", "B", "B − A"))
    for term, row in rows.items():
        counts = [
            fmt.MISSING if known is None else f"{known} of {asked}"
            for known, asked in ((row.known_a, row.asked_a), (row.known_b, row.asked_b))
        ]
        more = (row.known_b or 0) - (row.known_a or 0)
        direct = row.direct_ask
        cells = (fmt.share(direct.a), fmt.share(direct.b), fmt.signed(direct.difference))
        made.add_row(Text(names[term]), *counts, f"{more:+d}" if more else "", *cells)
    return made
