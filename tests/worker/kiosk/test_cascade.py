"""The day-0 model on the sample photos."""

from __future__ import annotations

import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image as Pillow

from contracts.formulas.calibration import BetaCalibration
from recipes.kiosk.labels import Label
from recipes.kiosk.message import Person
from worker.kiosk.calibration import FEATURES, Calibration
from worker.kiosk.cascade import Cascade
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.detector import Image

SAMPLES = Path(__file__).parents[3] / "samples"
PHOTOS = sorted(SAMPLES.glob("*.jpg"))
# Landmarks differ by a pixel between a picture and its mirror image, and so does the chip; the answer may, a little.
MIRROR_TOLERANCE = 0.08


@pytest.fixture(scope="module")
def cascade() -> Detector:
    return load_detector(DEFAULT_MANIFEST)


def photo(name: str) -> Image:
    with Pillow.open(SAMPLES / name) as file:
        return np.ascontiguousarray(np.asarray(file.convert("RGB")))


def sole(detector: Detector, image: Image) -> Person:
    [[person]] = detector.detect([image])
    return person


def by_place(people: list[Person]) -> list[Person]:
    """From left to right."""
    return sorted(people, key=lambda one: one.box.x0)


def test_samples_get_the_answers_that_their_readme_promises(cascade: Detector) -> None:
    """Every row of samples/README.md: the same people with the same labels, and confidences to a hundredth."""
    rows = re.findall(r"^\| `(\S+\.jpg)` \|.*\| (.*) \|$", (SAMPLES / "README.md").read_text(), flags=re.MULTILINE)
    promised = {name: re.findall(r"`(\w+)`, (0\.\d\d)", answer) for name, answer in rows}
    answered = {path.name: by_place(cascade.detect([photo(path.name)])[0]) for path in PHOTOS}
    assert {name: [label for label, _ in people] for name, people in promised.items()} == {
        name: [str(one.label) for one in people] for name, people in answered.items()
    }
    for name, people in promised.items():
        said = [float(confidence) for _, confidence in people]
        assert [one.confidence for one in answered[name]] == pytest.approx(said, abs=0.01), name


def test_an_empty_scene_has_nobody(cascade: Detector) -> None:
    """A drawn shop without people gives no detection."""
    assert cascade.detect([photo("kiosk-nobody.jpg")]) == [[]]


def test_two_people_are_two_detections_side_by_side(cascade: Detector) -> None:
    """Each gets a box of their own: the man on the left, the woman on the right."""
    left, right = by_place(cascade.detect([photo("kiosk-two-people.jpg")])[0])
    assert (left.label, right.label) == (Label.ADULT_MALE, Label.ELDER_FEMALE)
    assert left.box.x1 < right.box.x0


def test_images_of_one_call_are_answered_as_if_alone(cascade: Detector) -> None:
    """What else is in the batch changes nobody's answer, up to rounding."""
    images = [photo(path.name) for path in PHOTOS]
    together = cascade.detect(images)
    for image, people in zip(images, together, strict=True):
        [alone] = cascade.detect([image])
        assert [(one.label, one.box) for one in people] == [(one.label, one.box) for one in alone]
        assert [one.confidence for one in people] == pytest.approx([one.confidence for one in alone], abs=1e-5)


def test_no_images_give_no_answers(cascade: Detector) -> None:
    """An empty call is not an error."""
    assert cascade.detect([]) == []


def test_four_threads_get_the_answers_of_one(cascade: Detector) -> None:
    """Threads share the model without disturbing each other."""
    images = [photo(path.name) for path in PHOTOS]
    expected = [cascade.detect([image]) for image in images]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda image: cascade.detect([image]), images * 3))
    assert answers == expected * 3


@pytest.mark.parametrize("name", ["usg_B001232.jpg", "usg_L000261.jpg", "usg_H001062.jpg", "usg_G000569.jpg"])
def test_a_mirrored_photo_gets_nearly_the_same_answer(cascade: Detector, name: str) -> None:
    """Which way a customer turns doesn't change who they are."""
    plain, mirrored = sole(cascade, photo(name)), sole(cascade, np.ascontiguousarray(photo(name)[:, ::-1]))
    assert mirrored.label is plain.label
    assert mirrored.confidence == pytest.approx(plain.confidence, abs=MIRROR_TOLERANCE)


@pytest.mark.parametrize("name", ["usg_B001232.jpg", "usg_G000569.jpg"])
def test_a_grey_photo_gets_the_same_label(cascade: Detector, name: str) -> None:
    """Colour is no evidence of age."""
    with Pillow.open(SAMPLES / name) as file:
        grey = np.asarray(file.convert("L").convert("RGB"))
    assert sole(cascade, grey).label is sole(cascade, photo(name)).label


@pytest.mark.parametrize(
    "shape", [(1, 1), (8, 8), (720, 1), (1, 1280), (15, 15), (16, 16), (40, 3000), (3000, 40)], ids=str
)
def test_pictures_without_room_for_a_face_have_nobody(cascade: Detector, shape: tuple[int, int]) -> None:
    """Tiny and very long pictures are answered, not refused."""
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert cascade.detect([noise]) == [[]]


@pytest.mark.parametrize("shape", [(16, 12_000), (12_000, 16), (64, 3840)], ids=str)
def test_a_long_strip_takes_no_more_memory_than_a_frame(cascade: Detector, shape: tuple[int, int]) -> None:
    """The border of the last look is drawn around the small picture: a few megabytes, whatever the shape."""
    strip = np.full((*shape, 3), 90, dtype=np.uint8)
    tracemalloc.start()
    try:
        assert cascade.detect([strip]) == [[]]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6


def test_a_read_only_image_is_fine_and_left_as_it_was(cascade: Detector) -> None:
    """The caller's pixels are only read."""
    image = photo("usg_G000569.jpg")
    before = image.copy()
    image.setflags(write=False)
    sole(cascade, image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_customer_further_away_is_found_where_they_stand(cascade: Detector, width: int) -> None:
    """A head of 40 pixels in a frame of 1280 is a customer four steps away."""
    scene = Pillow.fromarray(photo("kiosk-nobody.jpg"))
    with Pillow.open(SAMPLES / "usg_G000569.jpg") as portrait:
        size = round(width * 1.6), round(width * 1.95)
        scene.paste(portrait.resize(size), (600, 500))
    box = sole(cascade, np.asarray(scene)).box
    assert 600 < 1280 * (box.x0 + box.x1) / 2 < 600 + size[0]
    assert 500 < 720 * (box.y0 + box.y1) / 2 < 500 + size[1]


def test_a_tightly_cropped_face_is_found(cascade: Detector) -> None:
    """A face that fills the picture to its edges is found by the pass that adds a border."""
    image = photo("usg_B001232.jpg")
    box = sole(cascade, image).box
    height, width = image.shape[:2]
    face = image[
        int((box.y0 + 0.18) * height) : int(box.y1 * height), int((box.x0 + 0.1) * width) : int((box.x1 - 0.1) * width)
    ]
    assert sole(cascade, np.ascontiguousarray(face)).label is Label.ELDER_FEMALE


def test_the_label_joins_the_two_answers(cascade: Detector) -> None:
    """Label and answers never contradict each other, and the label is not surer than an answer by much."""
    for path in PHOTOS:
        for person in cascade.detect([photo(path.name)])[0]:
            assert person.answers is not None
            assert person.label is Label.of(elder=person.answers.elder > 0.5, female=person.answers.female > 0.5)


def test_confidence_rises_with_the_answers(cascade: Detector) -> None:
    """The surer of age and gender, the surer of the label: the fitted curves never turn back."""
    assert isinstance(cascade, Cascade)
    rising = np.linspace(0.51, 1, 200)
    for elder, female in ((1, 1), (1, 0), (0, 1), (0, 0)):
        answers = [(p if elder else 1 - p, p if female else 1 - p) for p in rising]
        labels = [cascade.calibration.label(*each) for each in answers]
        assert len({each.label for each in labels}) == 1
        sure = [each.confidence for each in labels]
        assert np.all(np.diff(sure) >= 0)
        assert 0 < sure[0] < sure[-1] <= 0.995


PLAIN: Final[dict[str, Any]] = {"bias": 0, "weights": {}}
BETA: Final = BetaCalibration(0, 1, -1).fields()


def test_a_calibration_with_an_unknown_feature_is_refused() -> None:
    """A manifest of a later version can't be half understood."""
    strange = {"bias": 0, "weights": {"shoe_size": 1}}
    with pytest.raises(ValueError, match="unknown features in the calibration: shoe_size"):
        Calibration.from_fields({"elder": strange, "female": PLAIN, "confidence": BETA})


def test_features_are_read_from_the_bands() -> None:
    """Two networks, nine bands and "female": all bands alike are two elders' bands of nine, log(2/7)."""
    logits = np.zeros((1, 2, 10), dtype=np.float32)
    logits[0, :, 9] = (1.0, 3.0)
    features = {name: float(feature(logits)[0]) for name, feature in FEATURES.items()}
    assert features == pytest.approx(
        {
            "older_than_50": np.log(3 / 6),
            "older_than_60": np.log(2 / 7),
            "older_than_70": np.log(1 / 8),
            "female_log_odds": 2.0,
            "age_disagreement": 0.0,
            "gender_disagreement": 2.0,
        }
    )
