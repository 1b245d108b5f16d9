"""A ladder of methods (`kedit.ladder/1`) as a table and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show

Lines = Sequence[Mapping[str, Any]]
OTHERS: Final[tuple[dict[str, str], ...]] = (
    {"match": "exact"},
    {"match": "lenient"},
    {"answers": "behavioural"},
    {"quadrant": "unseen_template_seen_subject"},
    {"quadrant": "seen_template_unseen_subject"},
    {"quadrant": "seen_template_seen_subject"},
)
"""Columns beside the headline: other ways to judge the same answers, and the other quadrants."""


def chosen_lines(document: Mapping[str, Any], method: str, **where: str) -> Lines:
    """The lines of a method at the strength that validation chose, one a seed; `where` names quadrant, match, answers."""
    best = {about["seed"]: about["chosen"][method]["strength"] for about in document["runs"]}
    wanted = {"quadrant": HEADLINE_QUADRANT, "match": "whole", "answers": "factual", **where, "method": method}
    return [
        row
        for row in document["rows"]
        if row["strength"] == best[row["seed"]] and all(row[key] == value for key, value in wanted.items())
    ]


def mean_hit(lines: Lines) -> float | None:
    """Mean over seeds; None where one was not measured."""
    hits = [line["hit"] for line in lines]
    return fmean(hits) if hits and None not in hits else None


def methods(document: Mapping[str, Any]) -> list[str]:
    """In the ladder's order."""
    return list(document["runs"][0]["chosen"])


def render_ladder(document: Mapping[str, Any]) -> RenderableType:
    """One line a method, means over seeds: the headline quadrant by all three matches, the other quadrants, strength and cost."""
    columns = ("method", "at", "whole", "least", "exact", "lenient", "own", "seen people", "seen words", "both", "KL")
    table = tables.table("Swaps of every pair, unseen people x unseen carriers", columns)
    for method in methods(document):
        lines = chosen_lines(document, method)
        strengths = sorted({line["strength"] for line in lines})
        costs = [line["forced_kl"] for line in lines if line["forced_kl"] is not None]
        hits = [line["hit"] for line in lines if line["hit"] is not None]
        table.add_row(
            method,
            ", ".join(f"{strength:g}" for strength in strengths),
            fmt.share(mean_hit(lines)),
            fmt.share(min(hits, default=None)),
            *(fmt.share(mean_hit(chosen_lines(document, method, **other))) for other in OTHERS),
            f"{fmean(costs):.2f}" if costs else fmt.MISSING,
            style="bold" if method == "kedit" else "",
        )
    return Group(table, *(Text(line, style="dim") for line in _notes(document)))


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    size, runs = document["size"], document["runs"]
    headline = chosen_lines(document, "kedit")
    seeds, counts = ", ".join(str(run["seed"]) for run in runs), ", ".join(str(line["n"]) for line in headline)
    yield f"{size['people']} people, {size['layers']} blocks of width {size['width']}, seeds {seeds}"
    yield f"n = {counts} swaps of {headline[0]['subjects']} people; strengths were chosen on validation"
    for run in runs:
        known = ", ".join(f"{name} {fmt.share(share)}" for name, share in run["base"].items())
        worst = min(run["pairs"], key=lambda pair: pair["hit"])
        yield (
            f"seed {run['seed']}: {run['hook_point']}, binding {fmt.share(run['binding'].get(HEADLINE_QUADRANT))}, worst pair "
            f"{worst['from']} -> {worst['to']} {fmt.share(worst['hit'])}; base model: {known}"
        )
        if len(run["layers"]) > 1:
            blocks = (f"{row['layer']}: {fmt.share(row['hit'])} ({fmt.share(row['interchange'])})" for row in run["layers"])
            yield f"    by block, trained in short, on validation (interchange): {', '.join(blocks)}"
        for method, equal in run["equal_cost"].items():
            less = equal["kedit_minus"]
            yield (
                f"    at no more forced KL: {method} {fmt.share(equal['hit'])} (strength {equal['strength']:g}), "
                f"kedit {less['value']:+.2f} [{less['ci'][0]:.2f}, {less['ci'][1]:.2f}]"
            )
    yield "took " + ", ".join(f"{name} {seconds / 60:.1f} min" for name, seconds in document["timing"].items())


def print_ladder(document: Mapping[str, Any]) -> None:
    """Print a ladder."""
    show(render_ladder(document))


def save_ladder(document: Mapping[str, Any], path: Path) -> None:
    """Draw a ladder into an SVG or PNG file."""
    from kedit.reporting.figures import ladder_figure

    ladder_figure(document).save(path)
