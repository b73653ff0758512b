"""Nearly the same picture twice."""

from __future__ import annotations

import io

import imagehash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from demo.drawn_people import draw
from retrain.bucket import Tree
from retrain.dataset.photos import DatasetPhoto
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.vetting.duplicates import nearly_earlier, without_duplicates
from tests.retrain.dataset.shop import a_photo

NEAR = 20


def hashed(number: int) -> str:
    return f"{number:064x}"


def distance(one: DatasetPhoto, other: DatasetPhoto) -> int:
    return (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()


def test_a_person_s_look_is_kept_before_a_model_s_and_the_earliest_before_the_later() -> None:
    auto, reviewed, later = (
        a_photo(0, phash=hashed(0)),
        a_photo(1, phash=hashed(1), tree=Tree.REVIEWED),
        a_photo(2, phash=hashed(3), tree=Tree.REVIEWED),
    )
    other = a_photo(3, phash=hashed(2**64 - 1))
    kept, dropped = without_duplicates([later, other, auto, reviewed], near_bits=NEAR)
    assert (kept, dropped) == ([reviewed, other], [(later, reviewed), (auto, reviewed)])


def test_near_is_so_many_bits_and_no_more() -> None:
    at, beyond = a_photo(1, phash=hashed(2**20 - 1)), a_photo(2, phash=hashed((2**21 - 1) << 100))
    kept, _ = without_duplicates([a_photo(0, phash=hashed(0)), at, beyond], near_bits=NEAR)
    assert [photo.phash for photo in kept] == [hashed(0), beyond.phash]


def test_golden_photos_all_stay_and_keep_their_like_out() -> None:
    golden = [a_photo(one, phash=hashed(one), tree=Tree.GOLDEN) for one in range(3)]
    like = a_photo(9, phash=hashed(1), tree=Tree.REVIEWED)
    assert without_duplicates([like, *golden], near_bits=NEAR) == (golden, [(like, golden[1])])


def test_nothing_is_no_duplicate() -> None:
    assert without_duplicates([], near_bits=NEAR) == ([], [])


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sets(st.integers(0, 255), max_size=12), st.sampled_from(list(Tree))),
        max_size=150,
    )
)
def test_no_two_that_are_kept_are_near_and_none_goes_without_its_like(
    drawn: list[tuple[int, set[int], Tree]],
) -> None:
    """But golden ones. In more blocks than one."""
    centres = [0, 2**256 - 1, int("01" * 128, 2)]
    photos = [
        a_photo(number, phash=hashed(centres[centre] ^ sum(1 << bit for bit in bits)), tree=tree)
        for number, (centre, bits, tree) in enumerate(drawn)
        if tree is not Tree.REVIEW
    ]
    kept, dropped = without_duplicates(photos, near_bits=NEAR)
    for place, one in enumerate(kept):
        for other in kept[:place]:
            assert distance(one, other) > NEAR or {one.source, other.source} == {Tree.GOLDEN}
    for photo, like in dropped:
        assert distance(photo, like) <= NEAR
        assert like in kept
    assert sorted([*kept, *(photo for photo, _ in dropped)], key=lambda photo: photo.reference) == photos
    assert {photo for photo in photos if photo.source is Tree.GOLDEN} <= set(kept)


def test_the_same_picture_smaller_brighter_or_squeezed_is_near_and_other_people_are_not() -> None:
    """With the default, and the hash that pictures get."""
    near = DatasetSettings().near_bits

    def phash(picture: Image.Image) -> int:
        return int(str(imagehash.phash(picture, hash_size=16)), 16)

    for seed in range(5):
        with Image.open(io.BytesIO(draw(seed).jpeg)) as picture:
            picture.load()
            other = io.BytesIO()
            picture.resize((240, 180)).save(other, "JPEG", quality=60)
            with Image.open(other) as smaller:
                same = [phash(smaller), phash(ImageEnhance.Brightness(picture).enhance(1.15))]
            here = phash(picture)
        assert all((here ^ one).bit_count() <= near for one in same)
        with Image.open(io.BytesIO(draw(seed + 100).jpeg)) as stranger:
            assert (here ^ phash(stranger)).bit_count() > 2 * near


def test_the_nearest_earlier_picture_of_another_kind_is_found_across_blocks() -> None:
    """Those of one kind may be alike: several photos of one person."""
    hashes = [hashed(0), hashed(1), *(hashed((2**40 - 1) << 60 << shift) for shift in range(100)), hashed(3)]
    kinds = ["anna", "anna", *("others" for _ in range(100)), "bert"]
    assert nearly_earlier(hashes, kinds, near_bits=1) == {102: 1}
    assert nearly_earlier(hashes[:2], kinds[:2], near_bits=NEAR) == {}
    assert nearly_earlier([], [], near_bits=NEAR) == {}
