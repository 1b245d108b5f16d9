"""What a page shows of each edit and of the whole, as plain values for the templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.reporting import figures as draw
from kedit.reporting import format as fmt
from kedit.reporting.figures import Figure
from kedit.reporting.transcripts import Example, example
from kedit.verification.figures import (
    Control,
    CurvePoint,
    DictionaryStats,
    Fluency,
    Interference,
    Knowledge,
    Locality,
    OwnPrompts,
    Pair,
    Rate,
    SwapQuadrant,
)
from kedit.verification.report import EditResult, Evaluation, JudgedExpectation, Report, RunInfo

_SPAN = 128.0


@dataclass(frozen=True, slots=True)
class Section:
    """An edit, or the evaluation's swaps."""

    anchor: str
    title: str
    about: str
    quadrants: list[tuple[str, SwapQuadrant]]
    headline: SwapQuadrant | None
    details: list[str]
    controls: list[tuple[str, Control]]
    pairs: list[tuple[str, Pair]]
    figures: dict[str, Figure | None]
    curve: Sequence[CurvePoint] = ()
    fluency: Fluency | None = None
    together: Interference | None = None
    own_prompts: OwnPrompts | None = None
    locality: Locality | None = None
    notes: Sequence[str] = ()
    transcripts: list[Example] = field(default_factory=list)


def evaluation_section(evaluation: Evaluation) -> Section:
    """The swaps between all pairs of relations."""
    swap, headline = evaluation.swap, evaluation.swap.quadrants.get(HEADLINE_QUADRANT)
    return Section(
        anchor="swap",
        title="Swap",
        about="The slot of one relation off, that of another on: the answer becomes that to the other question.",
        quadrants=_quadrants(swap.quadrants),
        headline=headline,
        details=_details(headline),
        controls=draw.compared(evaluation.controls),
        pairs=_pairs(swap.pairs),
        figures={
            "outcomes": draw.outcome_figure(swap.quadrants, "outcomes"),
            "controls": draw.control_figure(headline, evaluation.controls, "controls"),
            "strength": None,
            "tradeoff": None,
            "pairs": draw.pair_figure(swap.pairs, "pairs"),
        },
    )


def edit_sections(edits: Sequence[EditResult]) -> list[Section]:
    """A section per edit, with names for anchors and files that are all different."""
    made: list[Section] = []
    taken: set[str] = set()
    for edit in edits:
        slug = base = re.sub(r"[^a-z0-9]+", "-", edit.id.lower()).strip("-")[:60] or "edit"
        while slug in taken:
            slug = f"{base}-{len(taken) + 1}"
        taken.add(slug)
        made.append(_edit_section(edit, slug))
    return made


def _edit_section(edit: EditResult, slug: str) -> Section:
    headline = edit.quadrants.get(HEADLINE_QUADRANT)
    origin = fmt.strength_origin(edit.strength_how, edit.curve_on)
    strength = f", strength {fmt.plain(edit.strength)} ({origin})" if edit.strength is not None else ""
    neutral = edit.locality.drift_kl.get("neutral")
    cost = neutral.forced.mean if neutral and neutral.forced else None
    forced = f"; {fmt.nats(cost)} nats of KL on neutral text with it switched on everywhere" if cost is not None else ""
    return Section(
        anchor=f"edit-{slug}",
        title=edit.id or "edit",
        about=f"{what(edit)} at {edit.hook_point}{strength}{forced}",
        quadrants=_quadrants(edit.quadrants),
        headline=headline,
        details=_details(headline),
        controls=draw.compared(edit.controls),
        pairs=_pairs(edit.pairs),
        figures={
            "outcomes": draw.outcome_figure(edit.quadrants, f"outcomes-{slug}", edit.id),
            "controls": draw.control_figure(headline, edit.controls, f"controls-{slug}", edit.id),
            "strength": draw.strength_figure(edit, f"strength-{slug}"),
            "tradeoff": draw.tradeoff_figure(edit, f"tradeoff-{slug}"),
            "pairs": draw.pair_figure(edit.pairs, f"pairs-{slug}", edit.id),
        },
        curve=edit.curve,
        fluency=edit.fluency,
        together=edit.together,
        own_prompts=edit.own_prompts,
        # With one edit the report's own figure says it all.
        locality=edit.locality if edit.together else None,
        notes=edit.notes,
        transcripts=[example(item) for item in edit.transcripts],
    )


def what(edit: EditResult) -> str:
    """`swap capital → language`."""
    if edit.op == "swap":
        names = fmt.short_names(term for term in (edit.source, edit.target) if term)
        return f"swap {names.get(edit.source or '', fmt.MISSING)} → {names.get(edit.target or '', fmt.MISSING)}"
    return f"{edit.op} {edit.slot or edit.source or edit.target or ''}".strip()


def _quadrants(quadrants: Mapping[Any, SwapQuadrant]) -> list[tuple[str, SwapQuadrant]]:
    return [(fmt.quadrant(name), quadrants[name]) for name in reversed(QUADRANTS) if name in quadrants]


def _pairs(pairs: Iterable[Pair]) -> list[tuple[str, Pair]]:
    """The headline's pairs, the worst first."""
    mine = [pair for pair in pairs if pair.quadrant == HEADLINE_QUADRANT]
    names = fmt.short_names(term for pair in mine for term in (pair.source, pair.target))
    mine.sort(key=lambda pair: (pair.hit if pair.hit is not None else -1.0, pair.source, pair.target))
    return [(f"{names[pair.source]} → {names[pair.target]}", pair) for pair in mine]


def _details(row: SwapQuadrant | None) -> list[str]:
    """What else is known of the headline."""
    if row is None:
        return []
    said = []
    if row.hit_macro is not None:
        said.append(
            f"macro {fmt.with_interval(row.hit_macro, row.ci_macro)} over {row.pairs} ordered pair{'s' * (row.pairs != 1)}"
        )
    if row.worst is not None:
        names = fmt.short_names((row.worst.source, row.worst.target))
        said.append(f"worst {names[row.worst.source]} → {names[row.worst.target]} {fmt.share(row.worst.hit)}")
    others: tuple[tuple[str, Rate | None], ...] = (
        ("trained pairs", row.trained_pairs),
        ("never trained", row.untrained_pairs),
        ("answers seen in training", row.answer_seen),
        ("answers unseen", row.answer_unseen),
        ("all facts", row.all_facts),
    )
    return said + [f"{name} {fmt.share(rate.hit)}" for name, rate in others if rate is not None]


def report_facts(report: Report) -> list[tuple[str, str]]:
    """What was claimed, on what, and against what."""
    edits = report.edits
    headlines = [row for edit in edits if (row := edit.quadrants.get(HEADLINE_QUADRANT))]
    names = dict.fromkeys(fmt.words(name) for edit in edits for name in edit.controls)
    strengths = dict.fromkeys(fmt.plain(edit.strength) for edit in edits if edit.strength is not None)
    return [
        ("Claim", "; ".join(dict.fromkeys(map(what, edits))) or "nothing is edited"),
        ("Measured on", _measured_on(headlines)),
        ("Against", ", ".join(names) or "no control was run"),
        *_run_facts(report.run, [edit.hook_point for edit in edits], strengths, report.protocol.seed),
        ("Chosen on", report.protocol.split),
    ]


def evaluation_facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The same of an evaluation."""
    headline = evaluation.swap.quadrants.get(HEADLINE_QUADRANT)
    strength = evaluation.protocol.strength
    return [
        ("Measured on", _measured_on([headline] if headline else [])),
        ("Against", ", ".join(map(fmt.words, evaluation.controls)) or "no control was run"),
        *_run_facts(
            evaluation.run,
            [evaluation.hook_point],
            [fmt.plain(strength)] if strength is not None else [],
            evaluation.protocol.seed,
        ),
        ("Chosen on", evaluation.protocol.split),
    ]


def _measured_on(rows: Sequence[Rate]) -> str:
    if not rows:
        return "nothing on unseen carriers × unseen subjects"
    n = sum(row.n for row in rows)
    subjects = max(row.subjects for row in rows)
    return f"{n:,} answers about {subjects:,} subjects, on carriers and subjects never trained on; 95 % intervals"


def _run_facts(run: RunInfo, hook_points: Iterable[str], strengths: Iterable[str], seed: int) -> list[tuple[str, str]]:
    weights = "taught copy of the model" if run.taught else "untouched weights"
    model = ", ".join(filter(None, (run.model, weights, f"fingerprint {run.fingerprint[:12]}" if run.fingerprint else "")))
    strong = ", ".join(strengths)
    where = ", ".join(dict.fromkeys(hook_points)) + (f"; strength {strong}" if strong else "") + f"; seed {seed}"
    origin = ", ".join(
        filter(None, (run.name, f"preset {run.preset}" if run.preset else "", f"kedit {run.kedit}" if run.kedit else ""))
    )
    return [("Model", model), ("Written at", where), *([("Run", origin)] if origin else [])]


def counted(report: Report) -> str:
    """`5 of 6 expectations met · exit code 1`."""
    hard = [item for item in report.expectations if item.severity == "error"]
    met = sum(item.verdict == "PASS" for item in hard)
    said = f"{met} of {len(hard)} expectations met" if hard else "the recipe expects nothing"
    warnings = sum(item.severity == "warn" and item.verdict != "PASS" for item in report.expectations)
    return said + (f" · {warnings} warning{'s' * (warnings != 1)}" if warnings else "") + f" · exit code {report.exit_code}"


def expectations(items: Iterable[JudgedExpectation]) -> list[tuple[JudgedExpectation, str, dict[str, Any] | None]]:
    """Each with what it is about, and where bound and interval stand."""
    rows = []
    for item in items:
        parts = (item.edit, fmt.versus(item.versus, item.at), f"on {item.on}" if item.on else None)
        about = " ".join(filter(None, (*parts, "forced" if item.forced else None)))
        rows.append((item, about + (" (warning)" if item.severity == "warn" else ""), _chart(item)))
    return rows


def _chart(item: JudgedExpectation) -> dict[str, Any] | None:
    """Places in pixels on a line from 0 (-1 where a difference may be negative) to 1; None for what is no share."""
    bound = re.fullmatch(r"\s*([<>]=?)\s*(-?\d*\.?\d+)\s*", item.required)
    if item.measured is None or bound is None:
        return None
    values = [item.measured, float(bound[2]), *(end for end in item.ci if end is not None)]
    if item.metric.startswith("drift_kl") or item.metric == "read_back" or max(map(abs, values)) > 1:
        return None
    low = -1.0 if min(values) < 0 else 0.0

    def place(value: float) -> float:
        return round(1 + _SPAN * (value - low) / (1 - low), 2)

    at, (left, right) = place(values[1]), item.ci
    ci = None if left is None or right is None else (place(left), round(place(right) - place(left), 2))
    allowed = (at, round(1 + _SPAN - at, 2)) if ">" in bound[1] else (1.0, round(at - 1, 2))
    said = f"{fmt.measured(item.metric, item.measured, item.ci)}, required {item.required}"
    return {"value": place(item.measured), "bound": at - 0.75, "allowed": allowed, "ci": ci, "said": said}


def known(knowledge: Mapping[str, Knowledge]) -> list[tuple[str, Knowledge]]:
    """What the model knows, the best known first."""
    names = fmt.short_names(knowledge)
    return [(names[term], row) for term, row in sorted(knowledge.items(), key=lambda item: -item[1].known)]


def dictionaries(stats: DictionaryStats | None) -> list[tuple[str, DictionaryStats]]:
    """Rows of the dictionary's table."""
    rows = [("decision positions", stats), ("background text", stats.background if stats else None)]
    return [(name, row) for name, row in rows if row]
