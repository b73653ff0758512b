"""A recipe of drawn shapes with a model of its own: small enough to be trained by a test, real in every part."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from retrain.heads.training import train

NAME: Final = "shapes"
SHAPES: Final = ("circle", "square", "triangle")
COLOURS: Final = {"red": (214, 32, 40), "blue": (34, 48, 208)}
SIZES: Final = (10, 40)  # half the side of a shape, in hundredths of the picture's height
WIDTH, HEIGHT = 320, 240
PICTURES: Final = 60

RECIPE: Final = f"""recipe = 1
name = "{NAME}"
find = {{ kind = "whole" }}
join = ["shape", "colour"]
judge = {{ of = "joined", groups = ["colour"] }}
notice = true
show = {{ why = "shape" }}

[[head]]
name = "shape"
says = ["circle", "square", "triangle"]

[[head]]
name = "colour"
says = ["red", "blue"]

[[head]]
name = "size"
score = [10, 40]
"""
TEXTS: Final = {
    "ko": """title = "무슨 모양인가요?"
about = "그림의 모양과 색을 말하고, 크기를 어림합니다."
notice = "그린 도형만 배운 시험용 모델입니다."

[question]
shape = "모양"
colour = "색"
size = "크기"

[value.shape]
circle = "동그라미"
square = "네모"
triangle = "세모"

[value.colour]
red = "빨강"
blue = "파랑"
""",
    "en": """title = "Which shape is it?"
about = "Names the shape and the colour of a drawing, and estimates its size."
notice = "A model for tests, which knows drawn shapes only."

[question]
shape = "Shape"
colour = "Colour"
size = "Size"

[value.shape]
circle = "circle"
square = "square"
triangle = "triangle"

[value.colour]
red = "red"
blue = "blue"
""",
}


def draw(shape: str, colour: str, size: int, chance: random.Random) -> Image.Image:
    """A picture of one shape, on light paper; `size` as in SIZES."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), tuple(chance.randrange(205, 250) for _ in range(3)))
    half = size * HEIGHT // 100
    x, y = (chance.randrange(half + 4, side - half - 4) for side in (WIDTH, HEIGHT))
    corners = (x - half, y - half, x + half, y + half)
    fill, pen = COLOURS[colour], ImageDraw.Draw(picture)
    if shape == "circle":
        pen.ellipse(corners, fill=fill)
    elif shape == "square":
        pen.rectangle(corners, fill=fill)
    else:
        pen.polygon([(x - half, y + half), (x + half, y + half), (x, y - half)], fill=fill)
    return picture


def drawn_at(square: np.ndarray, colour: str) -> np.ndarray:
    """Where a picture or a crop of it has the shape: (height, width) of bool."""
    return np.asarray(np.abs(square.astype(int) - COLOURS[colour]).sum(axis=2) < 90)


def write_recipe(folder: Path) -> Path:
    """The folder of the recipe, with its texts and without a model."""
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    for language, text in TEXTS.items():
        (folder / f"texts.{language}.toml").write_text(text, encoding="utf-8")
    return folder


def write_dataset(folder: Path, pictures: int = PICTURES) -> Path:
    """Pictures of every shape in every colour, with their label files."""
    chance = random.Random(1)
    for number in range(pictures):
        shape, colour = SHAPES[number % len(SHAPES)], list(COLOURS)[number // len(SHAPES) % len(COLOURS)]
        size = chance.randint(*SIZES)
        photo = folder / "images" / "demo" / f"{number:04}.jpg"
        labels = folder / "labels" / "demo" / f"{number:04}.json"
        for file in (photo, labels):
            file.parent.mkdir(parents=True, exist_ok=True)
        draw(shape, colour, size, chance).save(photo, quality=90)
        answers = {"shape": shape, "colour": colour, "size": float(size)}
        labels.write_text(SubjectLabels(NAME, {}, (LabelledSubject(Box(0, 0, 1, 1), answers),)).to_json())
    return folder


def train_recipe(folder: Path) -> Path:
    """The folder of the recipe, with a model that was trained for it; the dataset stays beside it in `data`."""
    recipe = write_recipe(folder / NAME)
    train(
        str(recipe),
        write_dataset(folder / "data"),
        recipe / "model",
        version="1",
        trained_on="drawn shapes",
        cache=folder / "features",
    )
    return recipe
