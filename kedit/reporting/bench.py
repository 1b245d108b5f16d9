"""Benchmarks (`kedit.bench/1`) as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    machine = document["machine"]
    about = f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, kedit {machine['kedit']}"
    notes = (*_workload(document["workload"]), *document["notes"], about)
    return Group(table, *(Text(line, style="dim") for line in notes))


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


def print_bench(document: Mapping[str, Any]) -> None:
    """Print a benchmark."""
    show(render_bench(document))
