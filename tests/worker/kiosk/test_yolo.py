"""YOLOv5 behind the port, with a network whose answers are known by construction (tests/toy_yolo.py)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from contracts.boxes import Box
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from tests.fakes import MODEL
from tests.toy_yolo import AS_IT_IS, SIDE, SURE, constant_network, picture, toy_manifest, toy_network, with_names
from worker.kiosk.calibration import calibrations_by_label
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.kiosk.yolo import Yolo
from worker.models.boxes import BoxFilter, Head, InvalidOutput
from worker.models.class_names import check_folder
from worker.models.detector import Image
from worker.models.engine import OnnxRuntime
from worker.models.manifests import InvalidModel
from worker.models.onnx_runtime import Floats

KINDS_OF_TOY = [
    {"head": head, "several": several, "any_shape": any_shape}
    for head in ("v5", "v8")
    for several, any_shape in ((True, True), (True, False), (False, False))
]
TWO_PEOPLE = {"elder_male": (20, 10, 60, 50), "adult_female": (100, 20, 140, 90)}
BROKEN: Image = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)


class Squares:
    """An engine that takes squares, and always answers the same."""

    any_shape = False
    class_names: str | None = None

    def __init__(self, answer: Floats) -> None:
        self._answer = answer

    def __call__(self, picture: Image) -> Floats:
        assert picture.shape == (SIDE, SIDE, 3)
        return self._answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("toy")


@pytest.fixture(scope="module")
def toy(folder: Path) -> Detector:
    return load_detector(toy_manifest(folder))


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Detector]:
    """The toy of one of KINDS_OF_TOY: each network is loaded once."""

    @cache
    def loaded(*kind: tuple[str, Any]) -> Detector:
        return load_detector(toy_manifest(tmp_path_factory.mktemp("kind"), **dict(kind)))

    return lambda kind: loaded(*kind.items())


def about(people: list[Person]) -> list[tuple[Label, Any, Any]]:
    """Label, confidence and corners, up to the rounding of 32 bits."""
    return [
        (
            one.label,
            pytest.approx(one.confidence, abs=1e-6),
            pytest.approx((one.box.x0, one.box.y0, one.box.x1, one.box.y1), abs=1e-6),
        )
        for one in people
    ]


def plain(people: list[Person]) -> list[tuple[Label, float, tuple[float, ...]]]:
    return [(one.label, one.confidence, (one.box.x0, one.box.y0, one.box.x1, one.box.y1)) for one in people]


def logistic(bias: float, right: float, wrong: float) -> dict[str, Any]:
    return {"bias": bias, "weights": {"log_right": right, "log_wrong": wrong}}


@pytest.mark.parametrize("kind", KINDS_OF_TOY, ids=str)
def test_two_people_are_found_where_they_are(
    of_kind: Callable[[dict[str, Any]], Detector], kind: dict[str, Any]
) -> None:
    """One detection each, of either head: the label, the score, and fractions of the photo."""
    detector = of_kind(kind)
    expected = [
        Person(Label.ELDER_MALE, SURE[0], Box(0.1, 0.1, 0.3, 0.5)),
        Person(Label.ADULT_FEMALE, SURE[3], Box(0.5, 0.2, 0.7, 0.9)),
    ]
    assert plain(detector.detect([picture(200, 100, **TWO_PEOPLE)])[0]) == about(expected)


@pytest.mark.parametrize("times", [1, 2, 4], ids=lambda times: f"{times} times as large")
@pytest.mark.parametrize("tall", [False, True])
def test_size_and_shape_of_the_photo_do_not_matter(toy: Detector, times: int, tall: bool) -> None:
    """Enlarged, halved, or shrunk; wide or tall: the same fractions."""
    image = picture(80 * times, 40 * times, elder_female=(8 * times, 4 * times, 24 * times, 20 * times))
    image = np.ascontiguousarray(image.transpose(1, 0, 2)) if tall else image
    corners = Box(0.1, 0.1, 0.5, 0.3) if tall else Box(0.1, 0.1, 0.3, 0.5)
    assert plain(toy.detect([image])[0]) == about([Person(Label.ELDER_FEMALE, SURE[1], corners)])


@pytest.mark.parametrize("kind", KINDS_OF_TOY, ids=str)
def test_images_of_one_call_are_answered_as_if_alone(
    of_kind: Callable[[dict[str, Any]], Detector], kind: dict[str, Any]
) -> None:
    """Of several sizes, some of them empty, and whatever number of pictures the export is for."""
    detector = of_kind(kind)
    images = [
        picture(100 + 20 * number, 90, **({"adult_male": (10, 10, 40, 50)} if number % 3 else {}))
        for number in range(11)
    ]
    assert detector.detect(images) == [detector.detect([image])[0] for image in images]
    assert [len(people) for people in detector.detect(images)] == [int(number % 3 > 0) for number in range(11)]


@pytest.mark.parametrize(
    ("width", "height", "frame"),
    [(320, 180, (96, 160)), (90, 160, (160, 96)), (50, 50, (160, 160)), (9, 999, (160, 32))],
)
def test_a_network_that_takes_any_shape_sees_no_more_grey_than_it_must(
    tmp_path: Path, width: int, height: int, frame: tuple[int, int]
) -> None:
    """Of a photo of 16:9 in a square two fifths are grey, and cost as much as the photo."""
    seen: list[tuple[int, ...]] = []
    yolo = load_detector(toy_manifest(tmp_path))
    assert isinstance(yolo, Yolo)
    engine = OnnxRuntime((tmp_path / "network.onnx").read_bytes(), SIDE)

    class Watched:
        any_shape = engine.any_shape
        class_names = engine.class_names

        def __call__(self, picture: Image) -> Floats:
            seen.append(picture.shape)
            return engine(picture)

    replace(yolo, engine=Watched()).detect([picture(width, height)])
    assert seen == [(*frame, 3)]


def test_any_shape_and_squares_see_the_same(tmp_path: Path) -> None:
    """Several shapes, and some of them again."""
    wide = load_detector(toy_manifest(tmp_path / "any"))
    square = load_detector(toy_manifest(tmp_path / "square", any_shape=False))
    sizes = [(200, 200 - 32 * place) for place in range(6)] + [(200, 200), (100, 200)]
    images = [picture(*size, elder_male=(20, 4, 60, 20), adult_female=(61, 6, 99, 22)) for size in sizes]
    assert [about(people) for people in wide.detect(images)] == [plain(people) for people in square.detect(images)]


def test_no_images_give_no_answers(toy: Detector) -> None:
    """An empty call is not an error."""
    assert toy.detect([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 4000), (4000, 1), (16, 12_000), (33, 31)], ids=str)
def test_pictures_of_any_shape_are_answered(toy: Detector, shape: tuple[int, int]) -> None:
    """Nobody in them, no error."""
    assert toy.detect([np.zeros((*shape, 3), dtype=np.uint8)]) == [[]]


@pytest.mark.parametrize("head", Head)
def test_age_and_gender_follow_from_the_scores_of_all_classes(head: Head) -> None:
    """The rest of 0.6 is shared 3 : 1 : 1. A v5 head multiplies each class by the objectness."""
    scores = [0.3, 0.6, 0.1, 0.1]
    column = [80, 80, 40, 40, *([0.8, *(score / 0.8 for score in scores)] if head is Head.V5 else scores)]
    answer = np.array([column], dtype=np.float32)[None]
    yolo = Yolo(
        model=MODEL,
        engine=Squares(answer if head is Head.V5 else answer.transpose(0, 2, 1)),
        side=SIDE,
        head=head,
        cut=BoxFilter(0.25, 0.7, 0.6),
        calibration=calibrations_by_label(AS_IT_IS, min_score=0.25),
    )
    [[person]] = yolo.detect([picture(SIDE, SIDE)])
    assert (person.label, person.confidence) == (Label.ELDER_FEMALE, pytest.approx(0.6))
    assert person.answers == Answers.of(elder=0.6 + 0.4 * 3 / 5, female=0.6 + 0.4 * 1 / 5)


def test_the_answers_follow_the_calibrated_confidence_not_the_score(tmp_path: Path) -> None:
    """The toy scores one class alone, so the three others share what the calibration leaves: a third each."""
    doubting = toy_manifest(tmp_path, calibration={"confidence": logistic(-1.0, 1.0, -1.0)})
    [[person]] = load_detector(doubting).detect([picture(SIDE, SIDE, elder_male=(8, 8, 40, 40))])
    assert person.confidence == pytest.approx(1 / (1 + np.exp(1) / 9), abs=1e-6)
    assert person.answers == Answers.of(
        elder=person.confidence + (1 - person.confidence) / 3, female=2 * (1 - person.confidence) / 3
    )


def test_a_person_is_found_at_every_position(toy: Detector) -> None:
    """The smallest photo there is: its box is the whole of it."""
    people = toy.detect([picture(1, 1, elder_male=(0, 0, 1, 1))])[0]
    assert plain(people) == about([Person(Label.ELDER_MALE, SURE[0], Box(0, 0, 1, 1))])


def test_a_read_only_image_is_fine_and_left_as_it_was(toy: Detector) -> None:
    """The caller's pixels are only read, also those of a photo that needs no resizing."""
    image = picture(SIDE, SIDE, elder_male=(8, 8, 40, 40))
    before = image.copy()
    image.setflags(write=False)
    assert len(toy.detect([image])[0]) == 1
    assert np.array_equal(image, before)


@settings(max_examples=60)
@given(st.integers(8, 500), st.integers(8, 500), st.data())
def test_a_box_comes_back_to_where_the_patch_is(toy: Detector, width: int, height: int, data: st.DataObject) -> None:
    """Within one pixel of the frame, whatever the photo's size; and always inside the photo."""
    pixel = max(width, height) / SIDE  # of the frame, in pixels of the photo
    least = min(int(3 * pixel) + 1, width, height)
    x0, y0 = data.draw(st.integers(0, width - least)), data.draw(st.integers(0, height - least))
    x1, y1 = data.draw(st.integers(x0 + least, width)), data.draw(st.integers(y0 + least, height))
    for one in toy.detect([picture(width, height, adult_male=(x0, y0, x1, y1))])[0]:
        found = (one.box.x0 * width, one.box.y0 * height, one.box.x1 * width, one.box.y1 * height)
        assert found == pytest.approx((x0, y0, x1, y1), abs=1.01 * max(pixel, 1))
        assert one.label is Label.ADULT_MALE


def test_boxes_end_where_the_photo_ends() -> None:
    """Cut off at its edges; what lies in the grey, is thinner than a pixel there or turned inside out is nobody."""
    # Of a photo of 200 × 100 in a square of 160: it lies from row 40 to row 120.
    boxes = {
        "half above": (80, 40, 40, 40),
        "over the corner": (160, 120, 64, 16),
        "in the grey": (80, 20, 40, 30),
        "touching the photo by half a pixel": (20, 30, 30, 21),
        "thin": (80, 100, 0.5, 20),
        "inside out": (40, 80, -20, 20),
    }
    answer = np.zeros((1, 8, len(boxes)), dtype=np.float32)
    answer[0, :4] = np.array(list(boxes.values())).T
    answer[0, 4] = [0.9, 0.8, 0.7, 0.7, 0.7, 0.7]
    yolo = Yolo(
        model=MODEL,
        engine=Squares(answer),
        side=SIDE,
        head=Head.V8,
        cut=BoxFilter(confidence=0.25, class_iou=0.7, person_iou=0.6),
        calibration=calibrations_by_label(AS_IT_IS, min_score=0.25),
    )
    expected = [
        Person(Label.ELDER_MALE, 0.9, Box(0.375, 0, 0.625, 0.25)),
        Person(Label.ELDER_MALE, 0.8, Box(0.8, 0.9, 1, 1)),
    ]
    assert plain(yolo.detect([picture(200, 100)])[0]) == about(expected)


def test_the_confidence_is_the_calibrated_one(tmp_path: Path) -> None:
    """Beta calibration by hand, and a label with a formula of its own."""
    calibration = {"confidence": logistic(-1.0, 0.5, -0.8), "by_label": {"adult_female": logistic(0.3, 1, -1)}}
    detector = load_detector(toy_manifest(tmp_path, calibration=calibration))
    said = {one.label: one.confidence for one in detector.detect([picture(200, 100, **TWO_PEOPLE)])[0]}
    expected = {
        Label.ELDER_MALE: 1 / (1 + np.exp(1.0 - 0.5 * np.log(0.9) + 0.8 * np.log(0.1))),
        Label.ADULT_FEMALE: 1 / (1 + np.exp(-0.3 - np.log(0.6) + np.log(0.4))),
    }
    assert said == pytest.approx(expected, abs=1e-6)


def test_no_confidence_exceeds_the_cap(tmp_path: Path) -> None:
    """A network that is certain is believed as far as test photos reach."""
    network = toy_network(sure=(1, 1, 1, 1))
    detector = load_detector(toy_manifest(tmp_path, network=network))
    assert [one.confidence for one in detector.detect([picture(200, 100, **TWO_PEOPLE)])[0]] == [0.995, 0.995]


def test_nan_is_a_failure_and_the_next_photo_is_fine(tmp_path: Path) -> None:
    """Never "nobody": the photo is tried again, and the model goes on."""
    detector = load_detector(toy_manifest(tmp_path))
    with pytest.raises(InvalidOutput, match="NaN"):
        detector.detect([BROKEN])
    assert len(detector.detect([picture(200, 100, **TWO_PEOPLE)])[0]) == 2


def test_eight_threads_get_the_answers_of_one(tmp_path: Path) -> None:
    """Threads share the model without disturbing each other, in several shapes; a failure of one is no other's."""
    detector = load_detector(toy_manifest(tmp_path))
    images = [picture(100 + 10 * number, 90, elder_male=(number, 10, number + 30, 50)) for number in range(24)]
    expected = [detector.detect([image]) for image in images]

    def answer(number: int) -> list[list[Person]] | None:
        try:
            return detector.detect([BROKEN if number % 5 == 4 else images[number % 24]])
        except InvalidOutput:
            return None

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(answer, range(240)))
    assert answers == [None if number % 5 == 4 else expected[number % 24] for number in range(240)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"calibration": None}, "KeyError.*calibration"),
        ({"calibration": {}}, "confidence"),
        ({"calibration": {"confidence": {"bias": 0, "weights": {}}}}, "no weight for log_right, log_wrong"),
        ({"calibration": {"confidence": logistic(9, 0, 0)}}, "does not rise"),
        ({"calibration": {"confidence": logistic(0, -1, 1)}}, "does not rise"),
        ({"calibration": {"confidence": logistic(float("nan"), 1, -1)}}, "not finite"),
        (
            {"calibration": {"confidence": {"bias": 0, "weights": {"shoe_size": 1}}}},
            "unknown features .* shoe_size",
        ),
        (
            {"calibration": {**AS_IT_IS, "by_label": {"child": logistic(0, 1, -1)}}},
            "unknown labels .* child",
        ),
        ({"calibration": [1]}, "TypeError"),
        ({"cut": None}, "KeyError.*cut"),
        ({"cut": {"confidence": 0.25, "class_iou": 0.7}}, "person_iou"),
        ({"cut": {"confidence": 0, "class_iou": 0.7, "person_iou": 0.5}}, "not between 0 and 1"),
        ({"input": None}, "KeyError.*input"),
        ({"input": 100}, "not a multiple of 32"),
        ({"input": "160"}, "not a multiple of 32"),
        ({"input": True}, "not a multiple of 32"),
        ({"input": 1 << 20}, "not a multiple of 32"),
        ({"input": 320, "network": toy_network(any_shape=False)}, r"not \(1, 3, 320, 320\)"),
        ({"head": "v9"}, "v9"),
        ({"head": None}, "KeyError.*head"),
        ({"runtime": "tensorrt"}, "the runtime 'tensorrt' is unknown, only onnxruntime is supported"),
        ({"runtime": ["openvino"]}, "is unknown, only onnxruntime is supported"),
        ({"files": {}}, "no \"files\" entry for 'network'"),
    ],
    ids=str,
)
def test_a_manifest_that_is_wrong_is_refused(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    """A calibration that is missing too: a score that nobody measured is no probability."""
    known: dict[str, Any] = {"network": toy_network(), **fields}
    with pytest.raises(InvalidModel, match=said) as refusal:
        load_detector(toy_manifest(tmp_path, **known))
    assert "this model is not loaded" in str(refusal.value)


OUR_NAMES = {number: str(label) for number, label in enumerate(LABELS)}
SWAPPED = {0: "adult_male", 1: "adult_female", 2: "elder_male", 3: "elder_female"}


@pytest.mark.parametrize(
    "names",
    [
        str(OUR_NAMES),
        str(list(OUR_NAMES.values())),
        json.dumps(OUR_NAMES),
        "{0: 'Elder Male', 1: 'elder-female', 2: 'adult male', 3: 'ADULT_FEMALE'}",
        "{'elder_male': 0, 'elder_female': 1, 'adult_male': 2, 'adult_female': 3}",
        "{0: 'class0', 1: 'class1', 2: 'class2', 3: 'class3'}",
        "",
    ],
)
def test_an_export_whose_own_class_names_are_the_labels_is_loaded(tmp_path: Path, names: str) -> None:
    """In each form that exporters write; placeholders and an empty text state nothing."""
    load_detector(toy_manifest(tmp_path, network=with_names(toy_network(), names)))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            str(SWAPPED),
            "class names are 0: adult_male, 1: adult_female, 2: elder_male, 3: elder_female, not 0: elder_m",
        ),
        (json.dumps(list(SWAPPED.values())), "class names are 0: adult_male"),
        ("{0: 'elder_male', 1: 'elder_female', 2: 'adult_male'}", "class names are 0: elder_male"),
        ("{0: 'person', 1: 'bicycle', 2: 'car', 3: 'motorcycle'}", "class names are 0: person"),
        ("{0: elder_male", "can't be read: '{0: elder_male'"),
        ("[1, 2, 3, 4]", "can't be read"),
    ],
)
def test_an_export_whose_own_class_names_are_others_is_refused(tmp_path: Path, names: str, reason: str) -> None:
    """Its manifest, written by a script, says what it should be; its labels would be wrong."""
    manifest = toy_manifest(tmp_path, network=with_names(toy_network(), names))
    with pytest.raises(InvalidModel, match=reason) as refusal:
        load_detector(manifest)
    assert "this model is not loaded" in str(refusal.value)
    with pytest.raises(ValueError, match=reason):
        check_folder(tmp_path, LABELS)


def made_for_one_shape() -> bytes:
    """An export whose anchors were written down for squares."""
    model = onnx.load_from_string(toy_network())
    model.graph.node.insert(0, helper.make_node("Reshape", ["images", "one_shape"], ["pictures"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3, SIDE, SIDE]), "one_shape"))
    for node in model.graph.node[1:]:
        node.input[:] = ["pictures" if name == "images" else name for name in node.input]
    return model.SerializeToString()


NETWORKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no network": (lambda: b"no network", "can't load the network"),
    "nothing": (lambda: b"", "can't load the network"),
    "half a network": (lambda: toy_network()[:-2000], "can't load the network"),
    "the other head": (lambda: toy_network(head="v5"), "a v8 head for 4 classes has the output shape"),
    "80 classes": (lambda: constant_network(np.zeros((1, 84, 10), np.float32)), r"the output shape \(n, 8, anchors\)"),
    "a classifier": (lambda: constant_network(np.zeros((1, 4), np.float32)), "the output shape"),
    "grey pictures": (
        lambda: constant_network(np.zeros((1, 8, 10), np.float32), channels=1),
        r"not \(1, 3, 160, 160\)",
    ),
    "NaN": (lambda: constant_network(np.full((1, 8, 10), np.nan, np.float32)), "NaN or infinity"),
    "no sigmoid": (lambda: constant_network(np.full((1, 8, 10), -4, np.float32)), "not 0-1"),
    "one shape, although it says any": (made_for_one_shape, "fails at a picture of 160 × 96 pixels"),
    "ghosts": (lambda: constant_network(np.full((1, 8, 10), 0.5, np.float32)), "10 people in an empty picture"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_is_wrong_is_refused(tmp_path: Path, name: str) -> None:
    """Its digest is the one promised, and still it never serves."""
    make, said = NETWORKS[name]
    with pytest.raises(InvalidModel, match=said):
        load_detector(toy_manifest(tmp_path, network=make()))
