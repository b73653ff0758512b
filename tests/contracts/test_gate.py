"""The confidence gate: one rule, whichever program reads it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.nunchi_toml import load as load_file
from config.sections import InferenceSettings
from contracts.errors import SettingsError
from contracts.gate import DEFAULT_GATE, check_gate, gate_mistake, parse_gate
from contracts.settings import describe
from contracts.settings import load as load_environment
from ops.__main__ import app
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.teaching import most_elder, quiet_elder
from retrain.judge import JudgeSettings
from retrain.settings import RetrainSettings
from worker.settings import WorkerSettings

VALID = (0.5, 0.95, 0.999)
INVALID = (1.0, 0.4999, 0.0, -0.5, 1.5, math.nan, math.inf)


def refusal_of_the_file(gate: float, folder: Path) -> str:
    file = folder / "nunchi.toml"
    file.write_text(f"[inference]\nconfidence_gate = {gate}\n")
    return refusal(lambda: load_file(file))


def refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("gate", VALID)
def test_a_gate_is_a_fraction_from_a_half_to_below_one(gate: float) -> None:
    assert (gate_mistake(gate), check_gate(gate), parse_gate(str(gate))) == (None, gate, gate)


@pytest.mark.parametrize("gate", INVALID)
def test_an_invalid_gate_is_named_with_its_bounds(gate: float) -> None:
    with pytest.raises(ValueError, match=f"^{gate} is not a confidence gate: use a number from 0.5 to below 1; "):
        parse_gate(str(gate))


@pytest.mark.parametrize("gate", [*VALID, *INVALID])
def test_every_program_takes_the_same_gates_and_refuses_the_others_in_the_same_words(
    gate: float, tmp_path: Path
) -> None:
    """What `nunchi config check` accepts must not be refused by a training, after its instance has started."""
    environ = {"NUNCHI_GATE": str(gate)}
    refusals = {
        "nunchi.toml": refusal_of_the_file(gate, tmp_path),
        "worker": refusal(lambda: load_environment(WorkerSettings, environ)),
        "training": refusal(lambda: load_environment(RetrainSettings, environ)),
        "judge": refusal(lambda: JudgeSettings(gate=gate)),
    }
    mistake = gate_mistake(gate) or "is not a confidence gate"
    assert {name: mistake in told for name, told in refusals.items()} == dict.fromkeys(refusals, gate in INVALID)


@pytest.mark.parametrize("gate", ["1.0", "0.3"])
def test_the_command_judge_refuses_them_too(gate: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["judge", "a", "b", "--dataset", str(tmp_path), "--gate", gate])
    assert (told.exit_code, f"{gate} is not a confidence gate" in told.output) == (2, True)


def test_every_program_has_the_same_default() -> None:
    defaults = [
        one.default for cls in (WorkerSettings, RetrainSettings) for one in describe(cls) if one.name == "NUNCHI_GATE"
    ]
    assert [*defaults, str(InferenceSettings().confidence_gate), str(JudgeSettings().gate)] == [str(DEFAULT_GATE)] * 4


@pytest.mark.parametrize("gate", VALID)
def test_adults_of_the_highest_p_elder_hide_no_more_of_the_elders_than_the_gate_allows(gate: float) -> None:
    """Of 100 customers, 40 elders: the hidden elders among 60 adults are 1 - gate of the 40, or fewer."""
    assert most_elder(DEFAULT_GATE) == 0.0333
    assert 60 * most_elder(gate) == pytest.approx(40 * (1 - gate), abs=60 * 0.00005)


def test_an_adult_label_hides_an_elder_from_the_limit_on_and_an_elder_label_or_one_without_answers_never() -> None:
    assert [quiet_elder(Label.ADULT_MALE, Answers.of(elder=elder, female=0), 0.1) for elder in (0.1, 0.1001)] == [
        False,
        True,
    ]
    assert not any(quiet_elder(label, None, 0) for label in LABELS)
    assert not quiet_elder(Label.ELDER_MALE, Answers.of(elder=0.9, female=0), 0)
