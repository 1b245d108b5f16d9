"""`kedit inspect` on the terminal: a run, or one of its slots, on a page of 100 columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.progress import say
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import beside, headline_lines, show, to_text
from kedit.verification.figures import CurvePoint, Pair
from kedit.verification.inspection import Costs, Inspection, ReportLine, SlotDetail, SlotLine, Spread, StageLine
from kedit.verification.report import Evaluation

_STAGE: Final = {"done": ("✓", "green"), "stale": ("~", "yellow"), "missing": ("✗", "yellow")}
_STAGES_A_LINE: Final = {False: 4, True: 3}
"""By whether their memory is told, too."""
_SHA256: Final = 64
_QUANTILES: Final = ("0.01", "0.05", "0.5", "0.95", "0.99")


def render_inspection(document: Inspection) -> RenderableType:
    """A run; where one of its slots was asked for, that slot."""
    parts: list[RenderableType | None] = [_title(document)]
    if document.slot is not None:
        parts += _slot(document.slot, document)
    else:
        curve = _curve_table(document.strength_curve, document.strength) if document.strength_curve else None
        parts += [
            _stages(document.stages),
            _slot_table(document.slots) if document.slots else None,
            beside(tables.layer_table(document.layers) if document.layers else None, curve),
            _evaluation(document.evaluation) if document.evaluation else None,
            _reports(document.reports) if document.finished or document.reports else None,
        ]
    lines: list[RenderableType] = []
    for part in parts:
        if part is not None:
            lines += [part, ""]
    return Group(*lines[:-1])


def print_inspection(document: Inspection) -> None:
    """Print what a run holds."""
    show(render_inspection(document))


def _title(document: Inspection) -> Panel:
    model = document.model
    lines = [Text(document.path, style="bold")]
    lines.append(Text(f"ontology  {document.ontology.source}  (sha256 {document.ontology.sha256[:12]})"))
    weights = {True: "taught copy of the model", False: "untouched weights", None: "not settled yet whether it is taught"}
    fingerprint = model.edited_fingerprint or model.fingerprint
    shown = f", fingerprint {fingerprint[:12]}" if len(fingerprint) == _SHA256 else ""
    lines.append(Text(f"model     {model.description or model.name}  ({weights[model.taught]}{shown})"))
    facts = [document.hook_point or "", f"strength {document.strength:g}" if document.strength is not None else ""]
    facts += [f"{name} {value}" for name, value in (*document.seeds.items(), *document.versions.items())]
    lines.append(Text(" · ".join(filter(None, facts)), style="dim"))
    if not document.finished:
        lines.append(Text(f"Not finished: {', '.join(document.missing)} missing.", style="bold yellow"))
        lines.append(Text("Run `kedit align` with the same options again: it goes on where it stopped.", style="yellow"))
    return Panel(Group(*lines), border_style="cyan" if document.finished else "yellow", padding=(0, 1))


def render_costs(costs: Costs) -> Table:
    """Time and peak memory of every stage that had something to do, and of the whole, loading included."""
    lines = [line for line in costs.stages if line.name in costs.ran]
    gpu = any(line.gpu_memory is not None for line in lines)
    made = tables.table("Time and memory", ("stage", "time", "peak memory", *(("on GPUs",) if gpu else ())))
    for line in lines:
        more = (fmt.size(line.gpu_memory),) if gpu else ()
        made.add_row(Text(line.name), fmt.duration(line.seconds), fmt.size(line.memory), *more)
    made.add_row("the whole", fmt.duration(costs.seconds), fmt.size(costs.memory), style="bold")
    return made


def print_costs(costs: Costs, *, aside: bool = False) -> None:
    """Print what an alignment took; `aside`: on stderr, where it is news."""
    say(to_text(render_costs(costs)).rstrip()) if aside else show(Group("", render_costs(costs)))


def _stages(stages: Iterable[StageLine]) -> Table:
    """Every stage with its time and peak memory, a few in a line."""
    stages = tuple(stages)
    grid = Table.grid(padding=(0, 2, 0, 0))
    total = fmt.duration(sum(stage.seconds for stage in stages if stage.seconds is not None))
    most = max((stage.memory for stage in stages if stage.memory is not None), default=None)
    whole = f"{total} in all" if most is None else f"{total} in all, at most {fmt.size(most)}"
    cells = [*map(_stage, stages), Text(whole, style="bold")]
    in_line = _STAGES_A_LINE[most is not None]
    for index in range(0, len(cells), in_line):
        grid.add_row(*cells[index : index + in_line])
    return grid


def _stage(stage: StageLine) -> Text:
    mark, style = _STAGE[stage.status]
    text = Text.assemble((f"{mark} {stage.name}", style))
    facts = [fmt.duration(stage.seconds)] if stage.seconds is not None else []
    facts += [fmt.size(stage.memory)] if stage.memory is not None else []
    return text.append(f" {', '.join(facts)}", "dim") if facts else text


def _slot_table(slots: Iterable[SlotLine]) -> Table:
    columns = ("#", "term", "label", "kind", "threshold", "on 5 %", "on mean", "off 95 %", "off 99 %", "bal. acc.", "AUROC")
    made = tables.table("Slots, in calibrated units (on validation, where it has prompts of both kinds)", columns, left=4)
    for slot in slots:
        reads = slot.valid if slot.valid and slot.valid.on.n and slot.valid.off.n else slot.train
        cells = [fmt.MISSING] * 4
        if reads is not None:
            cells = [
                _quantile(reads.on, "0.05"), _number(reads.on.mean), _quantile(reads.off, "0.95"), _quantile(reads.off, "0.99"),
            ]  # fmt: skip
        made.add_row(
            str(slot.index), Text(slot.curie), Text(slot.label), Text(slot.kind, style="dim"),
            _number(slot.threshold), *cells, fmt.share(slot.balanced_accuracy), fmt.share(slot.auroc),
        )  # fmt: skip
    return made


def _number(value: float | None) -> str:
    return fmt.MISSING if value is None else f"{round(value, 2) + 0.0:.2f}"  # no minus before a zero


def _quantile(spread: Spread, name: str) -> str:
    return _number((spread.quantiles or {}).get(name))


def _curve_table(curve: Iterable[CurvePoint], chosen: float | None) -> Table:
    made = tables.table("Strengths, on validation", ("", "hit", ""))
    for point in curve:
        mark = "▸ " if point.strength == chosen else "  "
        bar = Text("█" * round(16 * (point.hit or 0)), style="green")
        made.add_row(f"{mark}{point.strength:g}", fmt.share(point.hit), bar, style="bold" if mark.strip() else None)
    made.columns[2].justify = "left"
    return made


def _evaluation(evaluation: Evaluation) -> Group:
    """Its headline; the whole is a page of its own."""
    lines: list[RenderableType] = []
    if evaluation.dictionary:
        lines.append(tables.dictionary_line(evaluation.dictionary))
    if evaluation.binding.quadrants:
        lines.append(tables.binding_line(evaluation.binding))
    if headline := evaluation.swap.quadrants.get(HEADLINE_QUADRANT):
        lines += headline_lines(headline)
    lines.append(Text("            all of it: evaluation.html, evaluation.json", style="dim"))
    return Group(*lines)


def _reports(reports: Iterable[ReportLine]) -> RenderableType:
    reports = tuple(reports)
    if not reports:
        return Text.assemble(("reports     ", "dim"), "none yet: `kedit verify RECIPE` makes them")
    made = tables.table("Reports", ("recipe", "verdict", "met", "edits", "page"), left=2)
    made.columns[-1].justify = "left"
    for line in reports:
        page = Text(line.path.replace("report.json", "report.html"), style="dim")
        page = Text(f"reports/{line.recipe}/report.html", style="dim") if f"/{line.recipe}/" in line.path else page
        if line.verdict is None:
            made.add_row(Text(line.recipe), Text("cannot be read: verify again", style="yellow"), "", "", page)
        else:
            verdict = Text(f"{tables.VERDICT_MARK[line.verdict]} {line.verdict}", style=tables.VERDICT_STYLE[line.verdict])
            made.add_row(Text(line.recipe), verdict, f"{line.met} of {line.binding}", str(line.edits), page)
    return made


def _slot(detail: SlotDetail, document: Inspection) -> list[RenderableType | None]:
    slot = detail.slot
    facts = [f"slot {slot.index}", slot.kind, f"<{slot.iri}>"]
    if detail.parents:
        facts.append(f"below {', '.join(detail.parents)}")
    lines = [Text.assemble((slot.curie, "bold"), f"  {slot.label}"), Text(" · ".join(facts), style="dim")]
    if slot.reason:
        lines.append(Text(slot.reason, style="dim"))
    if slot.train is None:
        lines.append(Text("not trained yet", style="yellow"))
    elif slot.threshold is None:
        lines.append(Text("reads do not tell its prompts apart: it never switches on", style="yellow"))
    else:
        rates = f"balanced accuracy {fmt.share(slot.balanced_accuracy)} · AUROC {fmt.share(slot.auroc)}"
        lines.append(Text(f"threshold {slot.threshold:.3f} · {rates}"))
    parts: list[RenderableType | None] = [Group(*lines), _reads(slot) if slot.train else None]
    if detail.read_as:
        total = sum(detail.read_as.values())
        shown = [f"{label} {count}" for label, count in sorted(detail.read_as.items(), key=lambda item: -item[1])]
        parts.append(Text.assemble(("read as     ", "dim"), f"{' · '.join(shown)} of {total} unseen prompts that ask for it"))
    parts.append(beside(_pairs("Swaps from it", detail.pairs_out, out=True), _pairs("Swaps to it", detail.pairs_in, out=False)))
    if slot.kind == "relation" and document.evaluation is None:
        parts.append(Text("The run is not evaluated yet: no swaps to show.", style="yellow"))
    return parts


def _reads(slot: SlotLine) -> Table:
    """Quantiles of on and off reads; off reads above the threshold and on reads below it are red."""
    made = tables.table("Reads, in calibrated units", ("", "n", "mean", "std", *(f"{float(q):.0%}" for q in _QUANTILES)))
    for name, reads in (("train", slot.train), ("validation", slot.valid)):
        for kind, spread in (("on", reads.on), ("off", reads.off)) if reads else ():
            cells = [_wrong_side(spread, q, kind == "on", slot.threshold) for q in _QUANTILES]
            made.add_row(f"{name}, {kind}", f"{spread.n:,}", _number(spread.mean), _number(spread.std), *cells)
    return made


def _wrong_side(spread: Spread, quantile: str, on: bool, threshold: float | None) -> Text:
    value = (spread.quantiles or {}).get(quantile)
    wrong = value is not None and threshold is not None and (value > threshold) != on
    return Text(_number(value), style="red" if wrong else "")


def _pairs(title: str, pairs: tuple[Pair, ...], *, out: bool) -> Table | None:
    if not pairs:
        return None
    made = tables.table(f"{title}, {fmt.quadrant(HEADLINE_QUADRANT)}", ("to" if out else "from", "hit", "95 %", "n"))
    names = fmt.short_names(term for pair in pairs for term in (pair.source, pair.target))
    for pair in sorted(pairs, key=lambda pair: (-(pair.hit or 0.0), pair.source, pair.target)):
        name = names[pair.target if out else pair.source] + ("" if pair.trained is not False else " *")
        made.add_row(Text(name), fmt.share(pair.hit), fmt.interval(pair.ci), str(pair.n), style=None if pair.counts else "dim")
    if any(pair.trained is False for pair in pairs):
        made.caption, made.caption_justify, made.caption_style = "* never trained", "left", "dim"
    return made
