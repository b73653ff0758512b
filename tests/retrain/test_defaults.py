"""A default has one source: a training, its schedule and the commands by hand have the same numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from typer.models import OptionInfo

from config.nunchi_toml import DEFAULT_FILE, Config, load
from config.sections import TrainingSettings
from contracts.settings import load as load_settings
from ops.commands.dataset import build
from ops.commands.judge import judge
from retrain.dataset import DatasetSettings
from retrain.judge import JudgeSettings
from retrain.settings import RetrainSettings, golden_photos_for
from worker.rollout.trial import DEFAULT_MAX_SLOWDOWN

TRAINING = load_settings(RetrainSettings, {"NUNCHI_DATASET_BUCKET": "d", "NUNCHI_WEIGHTS_BUCKET": "w"})


def default(command: Callable[..., Any], name: str) -> Any:
    """The default of a command's option."""
    value = inspect.signature(command).parameters[name].default
    assert not isinstance(value, OptionInfo)
    return value


def test_judge_needs_as_many_golden_people_as_a_training() -> None:
    assert default(judge, "per_label") == JudgeSettings().golden_least_per_label == TRAINING.golden_least
    assert default(judge, "golden_least") == JudgeSettings().golden_least == golden_photos_for(TRAINING.golden_least)


def test_judge_has_a_trainings_other_limits() -> None:
    assert default(judge, "most_slowdown") == JudgeSettings().most_slowdown == DEFAULT_MAX_SLOWDOWN
    assert (default(judge, "score"), JudgeSettings().gate) == (JudgeSettings().score, TRAINING.gate)


def test_a_training_by_hand_waits_for_as_much_as_the_schedule() -> None:
    assert TRAINING.least_new_people == TrainingSettings().least_new_labels


def test_a_dataset_by_hand_is_that_of_a_training() -> None:
    by_hand = {name: default(build, name) for name in ("val_share", "most_images", "seed")}
    assert by_hand == {name: getattr(TRAINING, name) for name in by_hand}
    assert by_hand == {name: getattr(DatasetSettings(), name) for name in by_hand}


def test_nunchi_toml_states_the_defaults() -> None:
    assert load(DEFAULT_FILE) == Config()
