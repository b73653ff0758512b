"""The body of a face: its parts where they are, and none that the photo does not show."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from demo.drawn_clothes import people
from imaging.decoding import decode
from recipes.recipe import BOTTOM, FACE, PERSON, TOP, Finder, Region
from worker.models.boxes import InvalidOutput
from worker.models.detector import Image
from worker.models.finders import default_finder
from worker.models.pose import (
    HIPS,
    KNEES,
    MIDDLE,
    NOSE,
    POINTS,
    POSE,
    POSE_SHA256,
    REACH,
    SHOULDERS,
    SIDE,
    Body,
    BodyFinder,
    Frame,
    belongs,
    cut,
    first_frame,
    next_frame,
)
from worker.models.regions import FoundSubject, crop, outline, shows


@pytest.fixture(scope="module")
def photo() -> Image:
    """A person from head to foot; drawn, with the head of a portrait."""
    return decode(next(people(1)).jpeg).image


@pytest.fixture(scope="module")
def standing(photo: Image) -> FoundSubject:
    [subject] = default_finder(Finder.PERSON).find(photo)
    return subject


def test_the_shipped_network_is_the_one_that_was_converted() -> None:
    assert hashlib.sha256(POSE.read_bytes()).hexdigest() == POSE_SHA256


def test_shoulders_hips_and_knees_are_below_each_other(photo: Image, standing: FoundSubject) -> None:
    """The person's left is on the photo's right."""
    body = standing.body
    assert body is not None
    (shoulder, hip, knee) = (body.points[list(pair)].mean(axis=0) for pair in (SHOULDERS, HIPS, KNEES))
    assert [200 < shoulder[1] < 300, 440 < hip[1] < 520, 600 < knee[1] < 720] == [True] * 3
    assert all(abs(each[0] - photo.shape[1] / 2) < 30 for each in (shoulder, hip, knee))
    assert body.points[SHOULDERS[0], 0] > body.points[SHOULDERS[1], 0]
    assert standing.box.y1 * photo.shape[0] >= knee[1] - 1
    assert shows(photo, standing, Region(TOP))
    assert shows(photo, standing, Region(BOTTOM))


def test_what_the_photo_cuts_off_is_not_seen(photo: Image) -> None:
    """The same person behind a counter: no legs, and no guess about them."""
    for height, top in ((480, True), (230, False)):
        [subject] = default_finder(Finder.PERSON).find(photo[:height])
        assert [shows(photo[:height], subject, Region(of)) for of in (TOP, BOTTOM)] == [top, False]
        assert shows(photo[:height], subject, Region(FACE))
        with pytest.raises(ValueError, match="the subject has no 'bottom'"):
            crop(photo[:height], subject, Region(BOTTOM))


def test_a_part_that_is_hidden_is_not_seen(photo: Image, standing: FoundSubject) -> None:
    """Behind a table the knees are guessed, and the network says so."""
    assert standing.body is not None
    seen = standing.body.seen.copy()
    seen[KNEES[0]] = 0.2
    hidden = replace(standing, body=Body(standing.body.points, seen))
    assert outline(photo, hidden, BOTTOM) is None
    assert outline(photo, hidden, TOP) is not None
    assert outline(photo, replace(standing, body=None), TOP) is None


def test_a_photo_without_a_person_has_none() -> None:
    assert default_finder(Finder.PERSON).find(np.full((300, 200, 3), 200, np.uint8)) == []


@pytest.mark.parametrize("of", [FACE, PERSON, TOP, BOTTOM])
def test_every_region_is_a_square_of_the_asked_size(photo: Image, standing: FoundSubject, of: str) -> None:
    seen = crop(photo, standing, Region(of, 0.25), 96)
    assert (seen.shape, seen.dtype) == ((96, 96, 3), np.uint8)
    assert seen.std() > 5


def test_the_second_look_is_turned_as_the_body_is(standing: FoundSubject) -> None:
    """The middle of the frame is between the hips, and its upper side towards the head."""
    assert standing.face is not None
    frame = first_frame(standing.face)
    points = np.zeros((39, 2))
    points[MIDDLE], points[REACH] = (100, 130), (160, 130)  # lies on its side
    turned = next_frame(frame, points)
    middle = frame.to_photo(points[[MIDDLE]])[0]
    assert (turned.middle.real, turned.middle.imag) == pytest.approx(tuple(middle))
    assert abs(turned.up.imag) < 1e-6 < turned.up.real
    points[REACH] = points[MIDDLE]
    assert next_frame(frame, points) == frame


def test_a_frame_is_cut_upright_at_the_networks_size() -> None:
    """Turned by a quarter, the left half of the photo is the upper one; outside the photo it is black."""
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, :50] = 255
    upright = cut(picture, Frame(complex(50, 50), complex(-50, 0)))
    assert upright.shape == (SIDE, SIDE, 3)
    assert upright[: SIDE // 2 - 4].min() > 200
    assert upright[SIDE // 2 + 4 :].max() < 50
    assert cut(picture, Frame(complex(500, 50), complex(0, -50))).max() == 0


def test_a_body_belongs_to_the_face_that_its_nose_is_in(standing: FoundSubject) -> None:
    """With several people, a square below one face may show another's body."""
    assert standing.face is not None
    assert standing.body is not None
    assert belongs(standing.body, standing.face)
    points = standing.body.points.copy()
    points[NOSE] += 400
    assert not belongs(Body(points, np.ones(POINTS)), standing.face)


def test_a_network_that_answers_nan_answers_nobody(standing: FoundSubject, photo: Image) -> None:
    class Broken:
        def run(self, *_: object) -> list[np.ndarray]:
            return [np.full((1, 195), np.nan, np.float32), np.ones((1, 1), np.float32)]

    finder = BodyFinder(POSE.read_bytes())
    finder._session = Broken()
    assert standing.face is not None
    with pytest.raises(InvalidOutput, match="NaN"):
        finder.find(photo, standing.face)
