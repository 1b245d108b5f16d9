"""Edits beside their controls and competitors, as rich tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting import format as fmt
from kedit.reporting.tables import table
from kedit.verification.figures import Control, Rate


def controls_table(
    edits: Mapping[str, tuple[Rate | None, Mapping[str, Mapping[Any, Control]]]], quadrant: str = HEADLINE_QUADRANT
) -> Table:
    """Edits beside their controls: hit, and the paired difference edit - control with its interval."""
    several = len(edits) > 1
    columns = [part for name in edits for part in ((name,) if several else ("hit", "edit −", "95 %"))]
    made = table("Controls, same prompts", ("", *columns))
    made.columns[0].min_width = 16  # ids of many edits must not squeeze the names away
    cells: list[str] = []
    for rate, _ in edits.values():
        cells += [fmt.share(rate.hit if rate else None)] + ([] if several else ["", ""])
    made.add_row("edit", *cells, style="bold")
    for name in dict.fromkeys(name for _, controls in edits.values() for name in controls):
        cells = []
        for _, controls in edits.values():
            control = controls.get(name, {}).get(quadrant)
            difference = control.difference if control else None
            cells.append(fmt.share(control.hit if control else None))
            if not several:
                cells += [fmt.signed(difference.value), fmt.interval(difference.ci)] if difference else ["", ""]
        made.add_row(Text(fmt.words(name)), *cells)
    return made


def competitors_table(
    rate: Rate | None, strength: float | None, forced_kl: float | None, controls: Mapping[str, Mapping[Any, Control]]
) -> Table:
    """One edit beside its controls, and competitors at their own best and at no more forced KL than the edit's."""
    columns = ("", "hit", "edit −", "95 %", "strength", "forced KL", "at equal KL: hit", "edit −", "95 %")
    made = table("Controls and competitors, same prompts", columns)
    hit = fmt.share(rate.hit if rate else None)
    made.add_row("edit", hit, "", "", fmt.plain(strength), fmt.nats(forced_kl), "", "", "", style="bold")
    for name, quadrants in controls.items():
        if (control := quadrants.get(HEADLINE_QUADRANT)) is None:
            continue
        cells = [fmt.share(control.hit), *_difference(control)]
        cells += [
            "" if control.strength is None else f"{control.strength:.3g}",
            "" if control.strength is None else fmt.nats(control.forced_kl),
        ]
        equal = control.equal_damage
        cells += [fmt.share(equal.hit), *_difference(equal)] if equal else ["", "", ""]
        made.add_row(Text(fmt.words(name)), *cells)
    return made


def _difference(control: Control) -> tuple[str, str]:
    found = control.difference
    return (fmt.signed(found.value), fmt.interval(found.ci)) if found else ("", "")
