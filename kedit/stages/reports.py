"""`kedit verify`: a recipe measured, and its report kept in the run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kedit.editing import ResolvedRecipe
    from kedit.stages.aligned import AlignedRun
    from kedit.verification.outcomes import SwapRow
    from kedit.verification.report import Report


def measured_report(run: AlignedRun, resolved: ResolvedRecipe, *, allow_unverified: bool) -> tuple[Report, list[SwapRow]]:
    """The report of a resolved recipe, and every generated answer behind it."""
    from kedit.verification.verifying import verify_recipe

    return verify_recipe(run.setting, resolved, run=run.info, allow_unverified=allow_unverified)


def save_report(run: Path, name: str, report: Report, rows: list[SwapRow]) -> Path:
    """Write report.json, report.html and rows.jsonl under reports/<recipe>/."""
    from kedit.reporting.html import save_page
    from kedit.verification.outcomes import save_rows

    folder = run / "reports" / name
    save_rows(folder / "rows.jsonl", rows)
    save_page(report, folder / "report.html")
    report.save(folder / "report.json")
    return folder
