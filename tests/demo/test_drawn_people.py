"""Drawn people: the same seed is the same picture, and its labels say who is where."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from demo.drawn_people import draw
from recipes.kiosk.labels import LABELS, Label


def test_a_seed_is_one_picture() -> None:
    assert draw(7) == draw(7) != draw(8)


def test_a_picture_is_a_jpeg_of_the_size_that_was_asked_for() -> None:
    picture = Image.open(io.BytesIO(draw(1, size=(200, 150)).jpeg))
    assert (picture.format, picture.size) == ("JPEG", (200, 150))


def test_a_shop_can_be_empty() -> None:
    assert draw(1, labels=[]).people == ()


def test_people_stand_where_their_boxes_are_from_left_to_right() -> None:
    drawn = draw(3, labels=[Label.ELDER_FEMALE, Label.ADULT_MALE])
    assert [person.label for person in drawn.people] == [Label.ELDER_FEMALE, Label.ADULT_MALE]
    (left, right) = (person.box for person in drawn.people)
    assert left.x0 < right.x0


def test_all_labels_come_up_when_none_are_asked_for() -> None:
    assert {person.label for seed in range(30) for person in draw(seed, size=(32, 24)).people} == set(LABELS)


def test_a_box_holds_a_head_and_not_the_wall() -> None:
    """The middle of a box is skin: much more of it is one colour than of the picture."""
    for seed in range(10):
        drawn = draw(seed, labels=[Label.ADULT_MALE])
        picture = np.asarray(Image.open(io.BytesIO(drawn.jpeg)), dtype=float)
        high, wide, _ = picture.shape
        [person] = drawn.people
        box = person.box
        x, y = (box.x0 + box.x1) / 2 * wide, (box.y0 + 0.62 * (box.y1 - box.y0)) * high
        cheek = picture[int(y) - 2 : int(y) + 2, int(x - 0.25 * (box.x1 - box.x0) * wide)].mean(axis=0)
        assert cheek[0] > cheek[1] > cheek[2]  # skin is reddish in every tone
