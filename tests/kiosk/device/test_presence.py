"""Whether somebody is there, from small grey pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.device.presence import COLUMNS, ROWS, Grey, Presence, grey_of

EVERY_S = 0.2


def shop(seed: int = 1, *, noise: float = 2.0, light: float = 0.0) -> Grey:
    """An empty shop: a gradient with shelves, a camera's noise, brighter by `light` levels."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    picture = 60 + columns / 2 + 30 * ((rows // 9) % 2) + light
    picture = picture + np.random.default_rng(seed).normal(0, noise, (ROWS, COLUMNS))
    grey: Grey = np.clip(picture, 0, 255).astype(np.uint8)
    return grey


def with_person(seed: int = 1, *, light: float = 0.0, dark: int = 10) -> Grey:
    """Somebody in the middle: a fifth of the picture."""
    picture = shop(seed, light=light)
    picture[10:, 36:60] = dark
    return picture


def watched(presence: Presence, pictures: list[Grey], at_s: float = 0.0) -> list[bool]:
    return [presence.look(picture, at_s + number * EVERY_S) for number, picture in enumerate(pictures)]


def test_an_empty_shop_is_empty_whatever_the_noise() -> None:
    """For a minute of pictures."""
    presence = Presence()

    assert not any(watched(presence, [shop(seed, noise=6) for seed in range(300)]))


def test_a_person_is_there_with_the_second_picture_and_gone_with_the_second_without() -> None:
    """One picture alone may be a fly before the lens."""
    presence = Presence()
    watched(presence, [shop(seed) for seed in range(10)])

    assert watched(presence, [with_person(0), shop(1), with_person(2), with_person(3)], 2) == [
        False,
        False,
        False,
        True,
    ]
    assert watched(presence, [shop(4), with_person(5), shop(6), shop(7)], 4) == [True, True, True, False]


def test_a_person_who_stands_still_stays_for_as_long_as_they_like() -> None:
    """Ten minutes: the background is learnt only while nobody is there."""
    presence = Presence()
    watched(presence, [shop(seed) for seed in range(5)])

    assert all(watched(presence, [with_person(seed) for seed in range(3000)], 1)[1:])


def test_the_light_of_a_day_changes_slowly_and_is_learnt() -> None:
    """60 levels brighter within ten minutes, then a person is still noticed."""
    presence = Presence()
    day = [shop(seed, light=seed / 50) for seed in range(3000)]

    assert not any(watched(presence, day))
    assert watched(presence, [with_person(1, light=60), with_person(2, light=60)], 600) == [False, True]


def test_a_camera_that_changes_its_exposure_sees_nobody() -> None:
    """The whole picture is darker by the same amount: nobody came."""
    presence = Presence()
    watched(presence, [shop(seed) for seed in range(5)])

    assert not any(watched(presence, [shop(seed, light=-40) for seed in range(20)], 1))


def test_a_lamp_that_was_switched_on_is_presence_until_it_is_learnt_anew() -> None:
    """When the cloud says that nobody is in the photo."""
    presence = Presence()
    watched(presence, [shop(seed) for seed in range(5)])
    lamp = shop(9)
    lamp[:, :40] = 230

    assert watched(presence, [lamp, lamp, lamp], 1)[-1]
    presence.relearn()
    assert not any(watched(presence, [lamp] * 20, 2))
    someone = lamp.copy()
    someone[10:, 50:70] = 10
    assert watched(presence, [someone, someone], 9) == [False, True]


def test_a_camera_that_was_off_starts_anew() -> None:
    """It may look elsewhere when it comes back."""
    presence = Presence()
    watched(presence, [shop(1), with_person(2), with_person(3)])
    presence.forget()

    assert watched(presence, [with_person(4), with_person(5)], 9) == [False, False]


@given(st.lists(st.binary(min_size=ROWS * COLUMNS, max_size=ROWS * COLUMNS), max_size=4), st.booleans())
def test_any_picture_gives_an_answer(pictures: list[bytes], relearn: bool) -> None:
    """Whatever a camera sends, also at times that go backwards."""
    presence = Presence()
    for number, picture in enumerate(pictures):
        assert presence.look(grey_of(picture), -number) in (True, False)
        if relearn:
            presence.relearn()
            assert not presence.present


def test_a_picture_of_another_size_is_an_error() -> None:
    """The server refuses it before."""
    with pytest.raises(ValueError, match="cannot reshape"):
        grey_of(bytes(100))
