"""Questions over two steps (`kedit.two-hop/1`) as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show

ARMS: Final = {"edit": "swap", "interchange": "interchange", "direct_ask": "direct ask", "no_edit": "no edit"}
Steps = Sequence[Mapping[str, Any]]


def render_two_hop(document: Mapping[str, Any]) -> RenderableType:
    """Per step where it is bound and how it reads, then swaps by quadrant, means over seeds, the least of them beside."""
    by_step = list(zip(*(run["steps"] for run in document["runs"]), strict=True))
    return Group(_places(by_step), _swaps(by_step), *(Text(line, style="dim") for line in _notes(document)))


def _places(by_step: Sequence[Steps]) -> RenderableType:
    table = tables.table("Steps of a question", ("step", "bound at", "hook point", "strength", "binding", "least", "n"))
    for steps in by_step:
        read = [row for step in steps for row in step["binding"] if row["quadrant"] == HEADLINE_QUADRANT]
        table.add_row(
            str(steps[0]["step"]),
            _each(step["site"] for step in steps),
            _each(step["hook_point"] for step in steps),
            _each(f"{step['strength']:g}" for step in steps),
            *_mean_and_least(read),
            f"{read[0]['n']:,}",
        )
    return table


def _swaps(by_step: Sequence[Steps]) -> RenderableType:
    table = tables.table(
        "Swaps of a step, by the composed answer", ("step", "quadrant", "least", *ARMS.values(), "never trained", "n")
    )
    for steps in by_step:
        for quadrant in reversed(QUADRANTS):
            found = {arm: _rows(steps, quadrant, arm, "all") for arm in ARMS}
            shares = [_mean_and_least(found[arm])[0] for arm in ARMS]
            never = _mean_and_least(_rows(steps, quadrant, "edit", "never_trained"))[0]
            least = _mean_and_least(found["edit"])[1]
            table.add_row(str(steps[0]["step"]), fmt.quadrant(quadrant), least, *shares, never, f"{found['edit'][0]['n']:,}")
    return table


def _rows(steps: Steps, quadrant: str, arm: str, pairs: str) -> list[Mapping[str, Any]]:
    wanted = {"quadrant": quadrant, "arm": arm, "pairs": pairs}
    return [row for step in steps for row in step["swaps"] if all(row[key] == value for key, value in wanted.items())]


def _mean_and_least(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    values = [row["value"] for row in rows if row["value"] is not None]
    return (fmt.share(fmean(values)), fmt.share(min(values))) if values else (fmt.MISSING, fmt.MISSING)


def _each(found: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(found))


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    world, size = document["world"], document["size"]
    seeds = ", ".join(str(run["seed"]) for run in document["runs"])
    yield f"{world['people']} people, {world['relations']} relations, {world['chains']} chains ({document['facts']} facts)"
    yield f"{size['layers']} blocks of width {size['width']}, seeds {seeds}; strengths, sites and hook points by validation"
    yield "unedited: " + ", ".join(f"{name} {fmt.share(share)}" for name, share in document["base"].items())
    yield "; ".join(f"{name} {fmt.duration(seconds)}" for name, seconds in document["timing"].items())


def print_two_hop(document: Mapping[str, Any]) -> None:
    """Print the tables."""
    show(render_two_hop(document))
