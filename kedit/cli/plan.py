"""`kedit plan`: what a recipe would do, without loading the model."""

from __future__ import annotations

from kedit.cli import options


def plan(recipe: options.RecipeFile, run: options.RunOption = None, json: options.JsonFlag = False) -> None:
    """Show a recipe with every default resolved, its sample sizes and its cost; never loads the model."""
    from kedit.editing.plan import make_plan
    from kedit.reporting.plan import print_plan

    document = make_plan(recipe, run=run)
    options.print_json(document.model_dump(mode="json", by_alias=True)) if json else print_plan(document)
