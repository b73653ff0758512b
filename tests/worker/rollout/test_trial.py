"""The trial of a model in a process of its own: it may crash, hang or eat memory there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.toy_yolo import picture, toy_manifest
from tests.worker.models.test_models import changed
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.models.manifests import InvalidModel
from worker.rollout.trial import ProcessTrial

pytestmark = pytest.mark.anyio


async def test_the_model_of_day_0_passes() -> None:
    await ProcessTrial()(DEFAULT_MANIFEST)


async def test_a_model_with_an_invalid_confidence_fails(tmp_path: Path) -> None:
    """A calibration of NaN is JSON to Python."""
    calibration = json.loads(DEFAULT_MANIFEST.read_text())["calibration"]
    calibration["confidence"]["bias"] = float("nan")
    with pytest.raises(InvalidModel, match=r"it does not serve|not loaded|no probabilities"):
        await ProcessTrial()(changed(tmp_path, calibration=calibration))


async def test_the_trial_picture_is_a_setting(tmp_path: Path) -> None:
    """A model of other cameras, or of drawings, need not know the portrait."""
    model, patch = toy_manifest(tmp_path), tmp_path / "patch.png"
    Image.fromarray(picture(160, 120, elder_male=(40, 30, 90, 80))).save(patch)
    await ProcessTrial(patch)(model)
    with pytest.raises(InvalidModel, match="the picture that every model must pass"):
        await ProcessTrial()(model)


async def test_the_reason_of_a_refusal_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="the kind 'oracle' is unknown"):
        await ProcessTrial()(changed(tmp_path, kind="oracle"))


async def test_a_model_that_needs_too_much_memory_ends_with_its_process() -> None:
    """Native code may not survive it; whatever becomes of it, it does not serve."""
    with pytest.raises(InvalidModel, match=r"does not serve|not loaded"):
        await ProcessTrial(max_memory=24 << 20)(DEFAULT_MANIFEST)


async def test_a_model_that_hangs_is_killed() -> None:
    with pytest.raises(InvalidModel, match=r"not loaded and tried within 0\.05 s"):
        await ProcessTrial(timeout_s=0.05)(DEFAULT_MANIFEST)
