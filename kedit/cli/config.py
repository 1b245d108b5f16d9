"""`kedit config`: the settings of `kedit align`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options

app = options.group("Settings of `kedit align`.")


@app.command()
def show(
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file to resolve.")] = None,
    json: options.JsonFlag = False,
) -> None:
    """Show every setting of `kedit align` with its value and meaning, as a YAML file that `--config` accepts."""
    from kedit.config import AlignConfig, as_yaml
    from kedit.yaml import read_yaml, validated

    document = read_yaml(config) if config else None
    # Without a file there is no ontology yet; a name that cannot be mistaken for one stands in its place.
    data = document.data if document else {"ontology": "FILE"}
    settings = validated(AlignConfig, data, document)
    if json:
        options.print_json(settings.model_dump(mode="json"))
    else:
        typer.echo(as_yaml(settings), nl=False)
