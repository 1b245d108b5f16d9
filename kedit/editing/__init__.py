"""Recipes and the edited model. Only `operators` and `edited` need torch; import those modules by name."""

from kedit.editing.plan import Plan, make_plan, plan_recipe
from kedit.editing.reading import as_recipe, load_recipe
from kedit.editing.recipe import Recipe
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe, resolve

__all__ = [
    "Plan",
    "Recipe",
    "ResolvedEdit",
    "ResolvedRecipe",
    "as_recipe",
    "load_recipe",
    "make_plan",
    "plan_recipe",
    "resolve",
]
