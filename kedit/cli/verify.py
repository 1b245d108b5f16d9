"""`kedit verify`: apply a recipe and measure what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


def verify(
    recipe: options.RecipeFile,
    run: options.RunOption = None,
    competitors: Annotated[
        str,
        typer.Option(
            "--competitors",
            metavar="all|A,B",
            help="Compare also with: reft_r1, das_r1, das_r8, linear_probe, function_vector, best_latent, permuted_answers.",
        ),
    ] = "",
    device: options.Device = None,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Exit 0 although the recipe expects nothing.")
    ] = False,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write the verdict as JUnit XML, for CI.")] = None,
    json: options.JsonFlag = False,
) -> None:
    """Apply a recipe, measure hits, damage and controls; exit 0 passed, 1 failed, inconclusive or unverified."""
    from kedit import pipeline
    from kedit.files import require_writable, write_text
    from kedit.reporting import terminal
    from kedit.reporting.junit import junit_xml

    if junit is not None:
        require_writable(junit)  # not after half an hour of measuring
        junit.unlink(missing_ok=True)  # an earlier verdict must not speak for a run that fails half-way
    named = tuple(name.strip() for name in competitors.split(",") if name.strip())
    report = pipeline.verify(recipe, run=run, competitors=named, device=device or "auto", allow_unverified=allow_unverified)
    if junit is not None:
        write_text(junit, junit_xml(report))
    options.print_json(report.document()) if json else terminal.print_report(report)
    raise typer.Exit(report.exit_code)
