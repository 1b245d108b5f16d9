"""Benchmarks (`kedit.bench/1`) as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show


def render_bench(document: Mapping[str, Any]) -> RenderableType:
    """Seconds, ratios, memory and whether results agree, one line a measurement; then what the figures mean."""
    table = tables.table("Benchmark", ("work", "kedit s", "naive s", "ratio", "of floor", "peak MiB", "equal"))
    for row in document["results"]:
        table.add_row(
            row["name"],
            f"{row['kedit_s']:.2f}",
            *(_number(row["naive_s"], ".1f"), _number(row["ratio"], ".1f", "×"), fmt.share(row["of_floor"])),
            f"{row['peak_memory'] / 2**20:,.0f}",
            Text("yes", style="green") if row["equal"] else Text("NO", style="bold red"),
        )
    notes = (*_workload(document["workload"]), *document["notes"], _about(document["machine"]))
    return Group(table, *(Text(line, style="dim") for line in notes))


def _about(machine: Mapping[str, Any]) -> str:
    return f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, kedit {machine['kedit']}"


def _workload(workload: Mapping[str, Any]) -> Iterator[str]:
    """What was worked on: a line, or of several benchmarks a line each."""
    plain = {name: value for name, value in workload.items() if not isinstance(value, Mapping)}
    if plain:
        yield ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in plain.items())
    for name, value in workload.items():
        if isinstance(value, Mapping):
            yield f"{name}: {next(_workload(value))}"


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _number(value: float | None, form: str, unit: str = "") -> str:
    return fmt.MISSING if value is None else f"{value:{form}}{unit}"


def render_scaling(document: Mapping[str, Any]) -> RenderableType:
    """Seconds at every size, one line for each thing that grows, and the exponent of its growth."""
    table = tables.table("Cost against size", ("grows", "work", "exponent", "seconds at size"))
    for axis in document["axes"]:
        points = ", ".join(f"{point['seconds']:.3g} at {point['size']:,}" for point in axis["points"])
        table.add_row(axis["axis"], axis["work"], f"{axis['exponent']:.2f}", points)
    return Group(table, *(Text(line, style="dim") for line in (*document["notes"], _about(document["machine"]))))


def print_scaling(document: Mapping[str, Any]) -> None:
    """Print a `kedit.scaling/1`."""
    show(render_scaling(document))


def save_scaling(document: Mapping[str, Any], path: Path) -> None:
    """Draw a `kedit.scaling/1` into an SVG or PNG file."""
    from kedit.reporting.figures import scaling_figure

    scaling_figure(document).save(path)


def print_bench(document: Mapping[str, Any]) -> None:
    """Print a benchmark."""
    show(render_bench(document))
