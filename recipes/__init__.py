"""Recipes: one folder a task, with what is looked for, what is asked, and the texts that a page shows.

recipe.py       what a recipe is
reading.py      recipe.toml → Recipe, every mistake named at once
"""
