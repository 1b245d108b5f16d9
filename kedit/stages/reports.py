"""`kedit verify`: a recipe measured, and its report kept in the run directory."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.errors import InputError
from kedit.files import read_json, write_json

if TYPE_CHECKING:
    from kedit.editing import ResolvedRecipe
    from kedit.stages.aligned import AlignedRun
    from kedit.verification.outcomes import SwapRow
    from kedit.verification.report import Report


def measured_report(run: AlignedRun, resolved: ResolvedRecipe, *, allow_unverified: bool) -> tuple[Report, list[SwapRow]]:
    """The report of a resolved recipe, and every generated answer behind it."""
    from kedit.editing.metric_names import EXTRA_CONTROLS
    from kedit.verification.competing import without_idle
    from kedit.verification.verifying import verify_recipe

    setting = run.setting
    resolved = without_idle(setting, resolved)
    # A damaged evaluation is found before long work, not after it.
    evaluation = run.evaluation if run.directory.done("evaluation") else None
    if any(name in EXTRA_CONTROLS for name in resolved.verify.controls):
        from kedit.stages.competitors import load_competitors

        competitors, donors = load_competitors(run, resolved.verify.controls)
        setting = replace(setting, competitors=competitors, donors=donors)
    return verify_recipe(
        setting,
        resolved,
        run=run.info,
        evaluation=evaluation,
        settled=KeptStrengths(run.path),
        salt=run.slots_hash,
        allow_unverified=allow_unverified,
    )


class KeptStrengths(MutableMapping[str, Any]):
    """Strengths that validation chose, one small file each under strengths/; where that cannot be written, in memory."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "strengths"
        self._here: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._here:
            path = self._folder / f"{key}.json"
            if not path.is_file():
                raise KeyError(key)
            try:
                self._here[key] = read_json(path)
            except InputError:  # damaged: what it held is found again
                raise KeyError(key) from None
        return self._here[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._here[key] = value
        with suppress(OSError, InputError):
            write_json(self._folder / f"{key}.json", value)

    def __delitem__(self, key: str) -> None:
        del self._here[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._here)

    def __len__(self) -> int:
        return len(self._here)


def report_file(run: Path, name: str) -> Path:
    """Where the report of a recipe lies."""
    return run / "reports" / name / "report.json"


def save_report(run: Path, name: str, report: Report, rows: list[SwapRow]) -> Path:
    """Write report.json, report.html, figures and rows.jsonl under reports/<recipe>/."""
    from kedit.reporting.html import save_page
    from kedit.verification.outcomes import save_rows

    folder = report_file(run, name).parent
    save_rows(folder / "rows.jsonl", rows)
    report.save(report_file(run, name))
    save_page(report, folder / "report.html")
    return folder
