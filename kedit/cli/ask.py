"""`kedit ask`: one question, before and after an edit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options


def ask(
    run: options.RunDirectory,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Text to continue; - reads it from stdin.")],
    recipe: Annotated[Path | None, typer.Option("--recipe", "-r", metavar="RECIPE", help="Edit recipe to apply.")] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, metavar="N", help="Longest answer; it ends with its line.")
    ] = 24,
    top: Annotated[int, typer.Option("--top", min=1, metavar="N", help="Slots to show; --json has all.")] = 8,
    device: options.Device = None,
    json: options.JsonFlag = False,
) -> None:
    """Continue a text with the model as it is and as edited, and show the slots that lit up."""
    from kedit import pipeline
    from kedit.reporting.answer import print_answer

    text = _from_stdin() if question == "-" else question
    answer = pipeline.ask(run, text, recipe=recipe, device=device or "auto", max_new_tokens=max_new_tokens)
    options.print_json(answer.document()) if json else print_answer(answer, top)


def _from_stdin() -> str:
    from kedit.errors import InputError

    try:
        return sys.stdin.buffer.read().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(
            "what stands on stdin is not UTF-8 text", advice="Convert it, or give the text as an argument."
        ) from error
