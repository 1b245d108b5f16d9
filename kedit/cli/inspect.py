"""`kedit inspect`: what a run holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


def inspect(
    run: options.RunDirectory,
    slot: Annotated[str | None, typer.Option("--slot", metavar="TERM", help="One slot in depth (CURIE, IRI or label).")] = None,
    passport: Annotated[
        bool, typer.Option("--passport", help="Measure what may be said of every relation slot; needs the model.")
    ] = False,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Show the slots of a run, how well they bind, the layers tried, the strengths, and what reports there are."""
    from kedit import pipeline
    from kedit.reporting.inspection import print_inspection

    if passport:
        _passports(run, slot, device, json)
        return
    document = pipeline.inspect(run, slot=slot)
    options.print_json(document.document()) if json else print_inspection(document)


def _passports(run: Path, slot: str | None, device: str | None, json: bool) -> None:
    from kedit import pipeline
    from kedit.reporting.passport import print_passports

    if slot is not None:
        raise typer.BadParameter("--passport is of all relation slots; leave --slot out")
    found = pipeline.passports(run, device=device or "auto")
    options.print_json(found.model_dump(mode="json")) if json else print_passports(found)
