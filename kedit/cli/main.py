"""The `kedit` program: its commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from kedit import __version__
from kedit.cli import align, ask, bench, capture, compare, config, inspect, models, ontology, plan, probe, recipe, verify
from kedit.cli.options import group
from kedit.errors import KeditError
from kedit.machine import keep_freed_memory

INTERNAL = 3
INTERRUPTED = 130
_state = {"debug": False}

app = group(
    "Bind the relations of an ontology to slots of a language model; edit them by recipes; verify what the edits do.",
    name="kedit",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("align", short_help="Bind an ontology to slots of a model.")(align.align)
app.command("verify", short_help="Apply a recipe and measure what it does.")(verify.verify)
app.command("plan", short_help="Show what a recipe would do.")(plan.plan)
app.command("ask", short_help="One question, before and after an edit.")(ask.ask)
app.command("compare", short_help="Two runs or reports side by side.")(compare.compare)
app.command("inspect", short_help="Show what a run holds.")(inspect.inspect)
app.command("capture", short_help="Write a model's states on an ontology's prompts to files.")(capture.capture)
app.command("probe", short_help="Count what a model knows.")(probe.probe)
app.add_typer(ontology.app, name="ontology")
app.add_typer(models.app, name="models")
app.add_typer(recipe.app, name="recipe")
app.add_typer(config.app, name="config")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kedit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no news; results and errors only.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more: -v information, -vv details.")] = 0,
    debug: Annotated[bool, typer.Option("--debug", envvar="KEDIT_DEBUG", help="Show tracebacks.")] = False,
) -> None:
    """Options that stand before the command."""
    import logging

    from kedit.progress import set_quiet

    _state["debug"] = debug
    set_quiet(quiet)
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=level, force=True)


def _complain(text: str) -> None:
    typer.echo(text, err=True)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 pass, 1 verdict not passed, 2 bad input, 3 failure, 130 interrupted."""
    _state["debug"] = os.environ.get("KEDIT_DEBUG", "") not in ("", "0")
    try:
        typer.main.get_command(app)(args=arguments, prog_name="kedit")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except KeditError as error:
        if _state["debug"]:
            raise
        _complain(f"error[{error.code}]: {error}" if error.code else f"error: {error}")
        return error.exit_code
    except Exception as error:
        if _state["debug"]:
            raise
        detail = " ".join(str(error).split())[:300]
        _complain(f"internal error: {type(error).__name__}: {detail}")
        _complain("This is a fault in kedit. Run it again as `kedit --debug ...` to see where it comes from.")
        return INTERNAL
    return 0


def main() -> None:
    """Entry point of the console script."""
    keep_freed_memory()
    sys.exit(run())
