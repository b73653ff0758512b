"""Recipes: one folder a task, with what is looked for, what is asked, and the texts that a page shows.

recipe.py       what a recipe is
reading.py      recipe.toml → Recipe, every mistake named at once
detects.py      what the detector of a recipe tells apart, for its training, judge and review
colours.py      the names of colours that a head may measure
pictures.py     picture.py of a recipe → the function that draws its answers
texts.py        texts.ko.toml, texts.en.toml → what a page calls questions and answers
kiosk/          what only the kiosk knows
"""
