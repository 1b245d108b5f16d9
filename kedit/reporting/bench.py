"""Benchmarks (`kedit.bench/1`) as one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show


def render_bench(document: Mapping[str, Any]) -> RenderableType:
    """Seconds, ratios, memory and whether results agree, one line a measurement; then what the figures mean."""
    work = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in document["workload"].items())
    table = tables.table(f"Benchmark: {work}", ("work", "kedit s", "naive s", "ratio", "of floor", "peak MiB", "equal"))
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
    return Group(table, *(Text(line, style="dim") for line in (*document["notes"], about)))


def _number(value: float | None, form: str, unit: str = "") -> str:
    return fmt.MISSING if value is None else f"{value:{form}}{unit}"


def print_bench(document: Mapping[str, Any]) -> None:
    """Print a benchmark."""
    show(render_bench(document))
