"""`kedit inspect`: what a run holds."""

from __future__ import annotations

from typing import Annotated

import typer

from kedit.cli import options


def inspect(
    run: options.RunDirectory,
    slot: Annotated[str | None, typer.Option("--slot", metavar="TERM", help="One slot in depth (CURIE, IRI or label).")] = None,
    json: options.JsonFlag = False,
) -> None:
    """Show the slots of a run, how well they bind, the layers tried, the strengths, and what reports there are."""
    from kedit import pipeline
    from kedit.reporting.inspection import print_inspection

    document = pipeline.inspect(run, slot=slot)
    options.print_json(document.document()) if json else print_inspection(document)
