"""`kedit inspect`: what a run holds."""

from __future__ import annotations

from kedit.cli import options


def inspect(run: options.RunDirectory, json: options.JsonFlag = False) -> None:
    """Show the slots of a run, how well they bind, the layers tried and the strengths."""
    from kedit import pipeline
    from kedit.reporting import terminal

    document = pipeline.inspect(run)
    options.print_json(document) if json else terminal.print_inspection(document)
