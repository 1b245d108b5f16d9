"""`kedit compare`: two runs, or two reports, figure by figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Run directory, report directory, or one of their JSON files.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="What it is compared to: of the same kind.")],
    json: options.JsonFlag = False,
) -> None:
    """Compare two runs, or two reports: B less A with intervals, paired where both asked the same prompts; exit 0 either way."""
    from kedit.reporting.comparison import print_comparison
    from kedit.verification.comparing import compare

    document = compare(a, b)
    options.print_json(document.document()) if json else print_comparison(document)
