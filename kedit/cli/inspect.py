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
    fragmentation: Annotated[
        bool, typer.Option("--fragmentation", help="Measure over how many latents every relation is spread; needs the model.")
    ] = False,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Show the slots of a run, how well they bind, the layers tried, the strengths, and what reports there are."""
    from kedit import pipeline
    from kedit.reporting.inspection import print_inspection

    if (slot is not None) + passport + fragmentation > 1:
        raise typer.BadParameter("give one of --slot, --passport and --fragmentation: each is a document of its own")
    if passport:
        _passports(run, device, json)
        return
    if fragmentation:
        _fragmentation(run, device, json)
        return
    document = pipeline.inspect(run, slot=slot)
    options.print_json(document.document()) if json else print_inspection(document)


def _passports(run: Path, device: str | None, json: bool) -> None:
    from kedit import pipeline
    from kedit.reporting.passport import print_passports

    found = pipeline.passports(run, device=device or "auto")
    options.print_json(found.model_dump(mode="json")) if json else print_passports(found)


def _fragmentation(run: Path, device: str | None, json: bool) -> None:
    from kedit import pipeline
    from kedit.reporting.fragmentation import print_fragmentation

    found = pipeline.fragmentation(run, device=device or "auto")
    options.print_json(found.model_dump(mode="json")) if json else print_fragmentation(found)
