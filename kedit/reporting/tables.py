"""The tables of evaluations and reports as rich renderables, made for 100 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from rich.table import Table
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.reporting import format as fmt
from kedit.verification.figures import (
    Binding,
    CurvePoint,
    DictionaryStats,
    Fluency,
    Gate,
    Interference,
    Knowledge,
    Layer,
    Locality,
    Pair,
    Plateau,
    SwapQuadrant,
)
from kedit.verification.report import JudgedExpectation, Transcript

WIDTH: Final = 100
VERDICT_STYLE: Final = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow", "UNVERIFIED": "bold yellow"}
VERDICT_MARK: Final = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "UNVERIFIED": "?"}
MATRIX_LIMIT: Final = 14
"""Relations beyond which a matrix of pairs is wider than the page."""
Justify = Literal["left", "right", "center"]


def table(title: str, columns: Sequence[str], *, left: int = 1) -> Table:
    """An airy table: the first `left` columns are names, the others numbers."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold cyan",
        box=None,
        header_style="dim",
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )
    for index, name in enumerate(columns):
        justify: Justify = "left" if index < left else "right"
        made.add_column(name, justify=justify, no_wrap=index >= left, overflow="ellipsis")
    return made


def knowledge_table(knowledge: Mapping[str, Knowledge]) -> Table:
    """What the unedited model knows, per relation."""
    names = fmt.short_names(knowledge)
    made = table("What the model knows", ("relation", "asked", "known", "any", "majority", "direct"))
    for curie, row in sorted(knowledge.items(), key=lambda item: -item[1].known):
        made.add_row(
            Text(names[curie]),
            str(row.asked),
            Text(str(row.known), style="bold" if row.known >= 30 else "dim"),
            fmt.MISSING if row.any is None else str(row.any),
            fmt.share(row.majority),
            fmt.share(row.direct_ask),
        )
    return made


def layer_table(layers: Iterable[Layer]) -> Table:
    """Each hook point that was tried; the chosen one is marked."""
    made = table("Hook points, on validation", ("", "binding", "hit", "ceiling"))
    for layer in layers:
        name = Text(("▸ " if layer.chosen else "  ") + layer.hook_point)
        row = (fmt.share(layer.binding), fmt.share(layer.hit), fmt.share(layer.interchange))
        made.add_row(name, *row, style="bold green" if layer.chosen else None)
    return made


def dictionary_line(stats: DictionaryStats) -> Text:
    """One line about the dictionary."""
    other = stats.background
    text = Text.assemble(("dictionary  ", "dim"), f"explained variance {fmt.share(stats.explained_variance)}")
    text.append(f" (text {fmt.share(other.explained_variance)})" if other else "", "dim")
    text.append(f" · L0 {fmt.MISSING if stats.l0 is None else format(stats.l0, '.1f')}")
    text.append(f" · dead {fmt.MISSING if stats.dead is None else format(stats.dead, '.1%')}")
    text.append(f" · KL spliced {fmt.nats(stats.kl_spliced)}")
    text.append(f" ({fmt.nats(other.kl_spliced)})" if other else "", "dim")
    return text


def binding_line(binding: Binding) -> Text:
    """Binding accuracy per quadrant and false positives, in one line."""
    text = Text.assemble(("binding     ", "dim"))
    if headline := binding.quadrants.get(HEADLINE_QUADRANT):
        text.append(f"{fmt.quadrant(HEADLINE_QUADRANT)} ")
        text.append(fmt.with_interval(headline.accuracy, headline.ci), "bold")
    others = [row.accuracy for name, row in binding.quadrants.items() if name != HEADLINE_QUADRANT and row.accuracy is not None]
    if others:
        text.append(f" · other quadrants at least {fmt.share(min(others))}", "dim")
    text.append(f" · false positives {fmt.share(binding.false_positive_rate)}")
    if binding.background_rate is not None:
        text.append(f" · on at {binding.background_rate:.2%} of background tokens", "dim")
    return text


def outcome_bar(shares: fmt.Shares, width: int = 20) -> Text:
    """The four outcomes as one coloured bar."""
    parts = fmt.outcome_parts(shares, width)
    text = Text()
    for part, length in zip(parts, fmt.cells(parts), strict=True):
        text.append(part.glyph * length, style=part.colour)
    return text


def outcome_legend() -> Text:
    """What the colours of the bars mean."""
    text = Text()
    for name, colour, glyph in fmt.OUTCOMES:
        text.append(f"{glyph * 2} ", style=colour)
        text.append(f"{fmt.words(name)}  ", style="dim")
    return text


def swap_table(quadrants: Mapping[Any, SwapQuadrant], *, title: str = "Swap") -> Table:
    """Per quadrant: hit with interval, macro, exact, and what became of the rest."""
    columns = ("carrier × subject", "", "hit", "95 %", "macro", "exact", "wrong", "stuck", "derail", "n")
    made = table(title, columns, left=2)
    for name in reversed(QUADRANTS):
        if name in quadrants:
            style = "bold" if name == HEADLINE_QUADRANT else None
            made.add_row(Text(fmt.quadrant(name)), *outcome_cells(quadrants[name]), style=style)
    return made


def outcome_cells(row: SwapQuadrant) -> tuple[Text | str, ...]:
    """The cells of one quadrant, from the bar on."""
    rates = (row.hit_macro, row.exact, row.wrong_subject, row.stuck, row.derailed)
    return (outcome_bar(row), fmt.share(row.hit), fmt.interval(row.ci), *map(fmt.share, rates), str(row.n))


def pair_matrix(pairs: Sequence[Pair], quadrant: str = HEADLINE_QUADRANT) -> Table:
    """Hit of every ordered pair: from (rows) to (columns); where there are too many relations, the worst pairs."""
    mine = {(pair.source, pair.target): pair for pair in pairs if pair.quadrant == quadrant}
    terms = sorted({term for pair in mine for term in pair})
    names = fmt.short_names(terms)
    if len(terms) > MATRIX_LIMIT:
        return _worst_pairs([pair for pair in mine.values() if pair.counts], names)
    made = table("Pairs: from ↓ to →   * never trained", ("", *(str(index + 1) for index in range(len(terms)))))
    for index, source in enumerate(terms):
        cells = [Text("·", style="dim") if source == target else _pair_cell(mine.get((source, target))) for target in terms]
        made.add_row(Text.assemble((f"{index + 1:>2} ", "dim"), names[source]), *cells)
    return made


def _pair_cell(pair: Pair | None) -> Text:
    if pair is None or pair.hit is None:
        return Text(fmt.MISSING, style="dim")
    number = fmt.share(pair.hit).removeprefix("0")[:3] if pair.hit < 1 else "1.0"
    red, green, blue = fmt.heat(pair.hit)
    style = f"black on rgb({red},{green},{blue})" if pair.counts else "dim"
    return Text(number + ("*" if pair.trained is False else " "), style=style)


def _worst_pairs(pairs: Sequence[Pair], names: Mapping[str, str], count: int = 10) -> Table:
    made = table(f"The worst of {len(pairs)} pairs", ("from", "to", "hit", "95 %", "n"), left=2)
    for pair in sorted(pairs, key=lambda pair: (pair.hit if pair.hit is not None else -1.0, pair.source, pair.target))[:count]:
        made.add_row(Text(names[pair.source]), Text(names[pair.target]), fmt.share(pair.hit), fmt.interval(pair.ci), str(pair.n))
    return made


def damage_table(locality: Locality) -> Table:
    """What else moved: as the gate decides, and with the edit on everywhere."""
    made = table("Damage", ("", "as scoped", "forced"))
    for name, kept in locality.retention.items():
        made.add_row(
            Text(f"retention {fmt.words(name)}"), *(fmt.share(s.value if s else None) for s in (kept.scoped, kept.forced))
        )
    for corpus, pair in locality.drift_kl.items():
        cells = [f"{fmt.nats(d.mean)} ({fmt.nats(d.p95)})" if d else fmt.MISSING for d in (pair.scoped, pair.forced)]
        made.add_row(Text(f"KL {fmt.words(corpus)} (p95)"), *cells)
    moved = {name: value for name, value in locality.moved_slots.items() if value is not None}
    if moved:
        name = max(moved, key=lambda term: abs(moved[term]))
        made.add_row(Text(f"moved most: {fmt.short_names(moved)[name]}"), fmt.nats(moved[name]), "")
    return made


def gates_table(gates: Mapping[str, Gate]) -> Table:
    """What each gate kept and dropped."""
    made = table("Gates", ("", "kept", "dropped"))
    for name, gate in gates.items():
        made.add_row(Text(fmt.words(name)), f"{gate.kept:,}", f"{gate.dropped:,}")
    return made


def gates_line(gates: Mapping[str, Gate]) -> Text:
    """What each gate kept, in one line; of several edits what it kept in all."""
    counts: dict[str, Counter[str]] = {}
    for name, gate in gates.items():
        counts.setdefault(name.rsplit(": ", 1)[-1], Counter()).update(kept=gate.kept, all=gate.kept + gate.dropped)
    text = Text.assemble(("gates       ", "dim"))
    return text.append(" · ".join(f"{fmt.words(name)} {some['kept']:,} of {some['all']:,}" for name, some in counts.items()))


def expectations_table(expectations: Iterable[JudgedExpectation]) -> Table:
    """Every expectation, what was measured, and the verdict."""
    made = table("Expectations", ("", "metric", "required", "measured", "n"), left=2)
    for item in expectations:
        about = Text(item.metric)
        for part in (item.edit, fmt.versus(item.versus, item.at), item.on, "forced" if item.forced else None):
            about.append(f" {part}" if part else "", "dim")
        if item.severity == "warn":
            about.append(" (warning)", "yellow")
        measured = fmt.measured(item.metric, item.measured, item.ci)
        mark = Text(f"{VERDICT_MARK[item.verdict]} {item.verdict}", style=VERDICT_STYLE[item.verdict])
        if item.reason:
            about.append(f"\n{item.reason}", "italic dim")
        made.add_row(mark, about, item.required, measured, f"{item.n:,}")
    return made


def curve_line(name: str, curve: Sequence[CurvePoint], plateau: Plateau | None = None, on: str = "validation") -> Text:
    """Strength against hit, as measured `on` some items, as a line of blocks."""
    text = Text.assemble(("strength    ", "dim"), f"{name}  ")
    text.append(fmt.sparkline([point.hit for point in curve]), "green")
    text.append(f"  {curve[0].strength:g} … {curve[-1].strength:g}")
    if (chosen := next((point for point in curve if point.chosen), None)) is not None:
        text.append(f", {fmt.share(chosen.hit)} at {chosen.strength:g} for {fmt.nats(chosen.drift_kl)} nats forced")
    text.append(f", plateau {plateau.low:g} … {plateau.high:g}" if plateau else "")
    return text.append(f" ({on})", "dim")


def fluency_line(name: str, fluency: Fluency) -> Text:
    """How edited text goes on, in one line."""
    ratio, repeated = fluency.perplexity_ratio, fluency.repetition_edited
    text = Text.assemble(("going on    ", "dim"), f"{name}  perplexity × ")
    text.append(fmt.with_interval(ratio.value, ratio.ci) if ratio else fmt.MISSING)
    text.append(f" ({fmt.nats(fluency.perplexity_base)} before) · repetition ")
    text.append(f"{fmt.share(repeated.value if repeated else None)} ({fmt.share(fluency.repetition_base)} before)")
    if fluency.ended_edited and fluency.ended_base:
        text.append(f" · ended at once {fmt.share(fluency.ended_edited.value)} ({fmt.share(fluency.ended_base.value)} before)")
    return text.append(f" · n {fluency.n}", "dim")


def interference_line(name: str, together: Interference) -> Text:
    """What the other edits of the recipe do to one, in one line."""
    lost = together.difference
    text = Text.assemble(("together    ", "dim"), f"{name}  hit {fmt.share(together.hit)}, alone − together ")
    text.append(f"{fmt.signed(lost.value)} {fmt.interval(lost.ci)}" if lost else fmt.MISSING)
    said = {True: "interferes", False: "no interference seen", None: "too few items to rule out interference"}
    return text.append(f"  {said[together.interferes]}", "bold yellow" if together.interferes else "dim")


def transcripts_table(transcripts: Sequence[Transcript], count: int = 4) -> Table:
    """A few answers before and after."""
    made = table("For example", ("prompt", "before", "after", "", "accepted"), left=5)
    colours = {name: colour for name, colour, _ in fmt.OUTCOMES}
    for item in transcripts[:count]:
        prompt = item.prompt if len(item.prompt) <= 38 else "…" + item.prompt[-37:]
        after = Text(_clip(item.after, 16), style=colours.get(item.outcome, ""))
        accepted = Text(_clip(", ".join(item.accepted), 18), style="dim")
        outcome = Text(fmt.words(item.outcome), style="dim")
        made.add_row(Text(prompt.replace("\n", "⏎")), Text(_clip(item.before, 16)), after, outcome, accepted)
    return made


def _clip(text: str, length: int) -> str:
    text = text.strip().replace("\n", "⏎")
    return text if len(text) <= length else text[: length - 1] + "…"
