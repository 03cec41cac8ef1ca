"""Recipes: named training settings for public data sets, with their expected results.

Each family has a module with a list ``RECIPES``.
"""

from __future__ import annotations

from agentlab.config import did_you_mean
from agentlab.errors import AgentlabError
from agentlab.experiments.recipes import autoencoders, capsules, classic, gans, supervised
from agentlab.experiments.recipes.recipe import Recipe
from agentlab.unsupervised import is_unsupervised

__all__ = ["RECIPES", "Recipe", "find_recipe", "recipes_of"]

RECIPES = [
    *supervised.RECIPES,
    *capsules.RECIPES,
    *autoencoders.RECIPES,
    *gans.RECIPES,
    *classic.RECIPES,
]


def find_recipe(name: str) -> Recipe:
    """Return the recipe ``name``.

    Raises:
        AgentlabError: if it does not exist.
    """
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    names = [recipe.name for recipe in RECIPES]
    hint = did_you_mean(name, names) or f"; choose from {', '.join(names)}"
    raise AgentlabError(f"recipe={name!r} is unknown{hint}")


def recipes_of(unsupervised: bool) -> list[Recipe]:
    """Return the recipes of supervised or of unsupervised learning."""
    return [recipe for recipe in RECIPES if is_unsupervised(recipe.trainer) == unsupervised]
