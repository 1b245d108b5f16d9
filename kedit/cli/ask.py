"""`kedit ask`: one question, before and after an edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


def ask(
    run: options.RunDirectory,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Text to continue.")],
    recipe: Annotated[Path | None, typer.Option("--recipe", "-r", metavar="RECIPE", help="Edit recipe to apply.")] = None,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Continue a text with the model as it is and as edited, and show the slots that lit up."""
    from kedit import pipeline
    from kedit.reporting import terminal

    answer = pipeline.ask(run, question, recipe=recipe, device=device or "auto")
    options.print_json(answer) if json else terminal.print_answer(answer)
