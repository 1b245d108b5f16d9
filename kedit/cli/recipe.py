"""`kedit recipe`: the format of edit recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kedit.cli import options

app = options.group("The format of edit recipes.")


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file.")] = None,
    json: options.JsonFlag = False,
) -> None:
    """Print the JSON Schema of edit recipes (always JSON).

    An editor that knows yaml-language-server completes and checks recipes that begin with
    `# yaml-language-server: $schema=FILE`.
    """
    from kedit.editing.schema import recipe_schema
    from kedit.files import write_json
    from kedit.progress import say

    if output is None:
        options.print_json(recipe_schema())
    else:
        write_json(output, recipe_schema())
        say(f"{output} is written")
