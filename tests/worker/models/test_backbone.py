"""The backbone of recipes' heads, on the sample portraits."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Pillow

from recipes.recipe import Net, Pool
from worker.models.backbone import FEATURES, NETWORKS, SIDE, Backbone, Crop, pooled
from worker.models.boxes import InvalidOutput
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.manifests import InvalidModel, read_manifest
from worker.models.onnx_runtime import session

SAMPLES = Path(__file__).parents[3] / "samples"
LITE0 = NETWORKS[Net.LITE0]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone.shipped()


@pytest.fixture(scope="module")
def crops() -> list[Crop]:
    return [crop(path.name) for path in sorted(SAMPLES.glob("usg_*.jpg"))]


def crop(name: str, side: int = SIDE) -> Crop:
    with Pillow.open(SAMPLES / name) as file:
        return np.asarray(file.convert("RGB").resize((side, side)))


def test_the_shipped_file_is_the_one_that_heads_are_trained_on() -> None:
    """Heads on other features would answer nonsense: a new file needs a new digest, and new heads."""
    for shipped in NETWORKS.values():
        assert hashlib.sha256(shipped.file.read_bytes()).hexdigest() == shipped.sha256


def test_the_features_are_those_of_the_original_network(backbone: Backbone) -> None:
    """A portrait's six strongest, from the 32-bit network of efficientnet_lite_pytorch 0.1.0 (mean 127, deviation 128).

    8-bit weights change them by 3 % at most; red and blue exchanged would by 40 %, a mirrored picture by 10 %.
    """
    [features] = pooled(backbone.maps([crop("usg_G000569.jpg")]))
    strongest = np.argsort(-features)[:6]
    assert set(strongest.tolist()) == {1151, 338, 43, 65, 831, 1136}
    assert features[[1151, 338, 43, 65, 831, 1136]] == pytest.approx(
        [3.738, 2.954, 2.493, 2.406, 2.401, 2.277], rel=0.05
    )


def test_a_crop_has_49_places_of_1280_activations(backbone: Backbone, crops: list[Crop]) -> None:
    maps = backbone.maps(crops)
    assert (maps.shape, maps.dtype) == ((len(crops), FEATURES, 7, 7), np.float32)
    assert (maps.min(), maps.max() <= 6) == (0, True)
    assert (pooled(maps).shape, pooled(maps).dtype) == ((len(crops), FEATURES), np.float32)


def test_no_crops_have_no_maps(backbone: Backbone) -> None:
    assert backbone.maps([]).shape == (0, FEATURES, 7, 7)
    assert pooled(backbone.maps([])).shape == (0, FEATURES)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (128, 128), (224, 96)])
def test_crops_of_other_sizes_have_a_place_for_each_32_pixels(backbone: Backbone, height: int, width: int) -> None:
    """A small face needs no 224 pixels."""
    maps = backbone.maps([np.zeros((height, width, 3), dtype=np.uint8)])
    assert maps.shape == (1, FEATURES, height // 32, width // 32)


def test_a_crop_has_the_same_features_in_any_company_and_thread(backbone: Backbone, crops: list[Crop]) -> None:
    """What a head learned from cached features holds for a photo with many subjects: bit for bit."""
    together = backbone.maps(crops)
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(lambda one: backbone.maps([one]), crops * 2))
    assert np.array_equal(np.concatenate(alone), np.concatenate([together, together]))


def test_a_view_of_a_photo_has_the_features_of_its_copy(backbone: Backbone, crops: list[Crop]) -> None:
    """Mirrored and cut out crops need no copy, and are only read."""
    view = crops[0][:, ::-1]
    before = view.copy()
    view.setflags(write=False)
    assert np.array_equal(backbone.maps([view]), backbone.maps([before]))
    assert np.array_equal(view, before)


def test_a_linear_head_on_pooled_features_is_the_mean_of_its_map(backbone: Backbone, crops: list[Crop]) -> None:
    """So a class activation map explains all of a logit, and nothing else."""
    maps = backbone.maps(crops)
    head = np.random.default_rng(0).normal(0, 0.05, FEATURES).astype(np.float32)
    explained = np.einsum("nfyx,f->nyx", maps, head).mean(axis=(1, 2))
    assert pooled(maps) @ head == pytest.approx(explained, abs=1e-5)


@pytest.mark.parametrize(
    "shapes",
    [[(223, 224, 3)], [(224, 100, 3)], [(0, 0, 3)], [(224, 224)], [(224, 224, 4)], [(224, 224, 3), (192, 192, 3)]],
    ids=str,
)
def test_crops_of_an_unfit_shape_are_refused(backbone: Backbone, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"the backbone takes RGB crops of one shape"):
        backbone.maps([np.zeros(shape, dtype=np.uint8) for shape in shapes])


def test_crops_in_floats_are_refused(backbone: Backbone) -> None:
    """They might be 0-1 or normalised already, and would be once more."""
    floats = np.zeros((SIDE, SIDE, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="fails at a crop of float32"):
        backbone.maps([floats])  # pyrefly: ignore[bad-argument-type]


def test_nan_is_an_invalid_output() -> None:
    """A network of one logarithm, of 0 - 1."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["floats", "one"], ["less"]),
            helper.make_node("Log", ["less"], ["maps"]),
        ],
        "nan",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", "height", "width", 3])],
        [helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    with pytest.raises(InvalidOutput, match="NaN"):
        Backbone(network).maps([np.zeros((32, 32, 3), dtype=np.uint8)])


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="can't load the network"):
        Backbone(b"no network")


def test_a_missing_file_is_an_invalid_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"lite0\.onnx: the backbone can't be read \(No such file"):
        Backbone.shipped(replace(LITE0, file=tmp_path / "lite0.onnx"))


def test_another_network_is_an_invalid_model(tmp_path: Path) -> None:
    (tmp_path / "lite0.onnx").write_bytes(LITE0.file.read_bytes()[:-1])
    with pytest.raises(InvalidModel, match=rf"has SHA-256 [0-9a-f]{{64}}, not {LITE0.sha256}"):
        Backbone.shipped(replace(LITE0, file=tmp_path / "lite0.onnx"))


def test_the_network_of_faces_is_that_of_the_kiosk_up_to_its_last_activation(crops: list[Crop]) -> None:
    """`python -m day0.face_maps` shortens the shipped network; its last layer on the pooled maps gives the logits."""
    whole = onnx.load(read_manifest(DEFAULT_MANIFEST).file("network_0"))
    constants = {each.name: numpy_helper.to_array(each) for each in whole.graph.initializer}
    last = whole.graph.node[-1]
    scaled = next(node for node in whole.graph.node if node.output[0] == last.input[1])
    cast = next(node for node in whole.graph.node if node.output[0] == scaled.input[0])
    weights = constants[cast.input[0]].astype(np.float32) * constants[scaled.input[1]]
    faces = [np.asarray(Pillow.fromarray(each).resize((128, 128))) for each in crops[:3]]
    own = Backbone.shipped(NETWORKS[Net.FACE]).features(faces)[Pool.MEAN]
    pixels = np.stack(faces).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
    [logits] = session(whole.SerializeToString()).run(["logits"], {"images": pixels})
    transposed = next((each.i for each in last.attribute if each.name == "transB"), 0)
    np.testing.assert_allclose(
        own @ (weights.T if transposed else weights) + constants[last.input[2]], logits, atol=1e-4
    )
