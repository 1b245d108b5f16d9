"""`kedit recipe`: the format of edit recipes."""

from __future__ import annotations

from kedit.cli import options

app = options.group("The format of edit recipes.")


@app.command()
def schema(json: options.JsonFlag = False) -> None:
    """Print the JSON Schema of edit recipes, with the closed list of metrics (always JSON)."""
    from kedit.editing.recipe import recipe_schema

    options.print_json(recipe_schema())
