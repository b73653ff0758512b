"""The search, with a fake trainer: pruned by epochs, resumed, its best written after every trial."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from retrain.errors import Interrupted, RetrainError
from retrain.fit.search import DEFAULTS, FIXED, SPACE, Search, storage_of
from retrain.fit.search_command import main
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan
from retrain.settings import read_hyperparameters
from tests.retrain.trainings import process

optuna.logging.set_verbosity(optuna.logging.WARNING)
SPREAD: dict[str, optuna.distributions.BaseDistribution] = {
    name: optuna.distributions.FloatDistribution(low, high, log=log) for name, (_, low, high, log) in SPACE.items()
}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    """The fake's score is its learning rate, and rises with the epochs."""
    return Search(
        dataset=tmp_path,
        work=tmp_path,
        plan=Plan(model="yolov5n.yaml", epochs=5),
        storage=storage_of(str(tmp_path / "search.journal")),
        process=process,
        say=lambda _: None,
    )


def trials(search: Search) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=search.name, storage=search.storage).trials


def test_the_search_writes_values_better_than_the_defaults(search: Search) -> None:
    reports: list[str] = []
    best = replace(search, say=reports.append).run(7)
    found = json.loads(best.read_text())
    values = found.pop("hyperparameters")
    assert found == {
        "map50_95": found["map50_95"],
        "map50_95_of_defaults": DEFAULTS["lr0"] / 2,
        "trials": found["trials"],
        "study": "yolov5n",
        "epochs": 5,
        "image_size": 640,
        "data": {},
    }
    assert found["map50_95"] > found["map50_95_of_defaults"]
    assert found["map50_95"] == pytest.approx(values["lr0"] / 2, rel=1e-2)
    assert set(values) == {*FIXED, *SPACE}
    assert read_hyperparameters(best) == values
    assert (reports[0], len(reports)) == ("trial 0 completed after 5 epochs at mAP50-95 0.0006; 1 ended so far", 7)
    assert sum(found["trials"].values()) == 7
    assert not list(search.work.glob("trial-*"))


def test_a_trial_worse_than_the_median_is_pruned(search: Search) -> None:
    study = optuna.create_study(study_name=search.name, storage=search.storage, direction="maximize")
    for _ in range(5):
        values = {**DEFAULTS, "lr0": 0.009}
        every = dict.fromkeys(range(1, 6), 0.0045)
        study.add_trial(
            optuna.trial.create_trial(
                params=values,
                distributions=SPREAD,
                value=0.0045,
                intermediate_values=every,
            )
        )
    search.run(6)
    last = trials(search)[-1]
    assert (last.params, last.state, max(last.intermediate_values)) == (DEFAULTS, TrialState.PRUNED, 2)


def test_an_interrupted_search_resumes(search: Search) -> None:
    stopping = threading.Event()

    def cut(folder: Path) -> TrainerProcess:
        stopping.set()
        return process(folder, stopping=stopping)

    with pytest.raises(Interrupted):
        replace(search, process=cut).run(2)
    assert [one.state for one in trials(search)] == [TrialState.FAIL, TrialState.WAITING]
    search.run(2)
    assert [one.state for one in trials(search)[:2]] == [TrialState.FAIL, TrialState.COMPLETE]
    assert trials(search)[1].params == DEFAULTS


def test_a_trial_whose_process_was_killed_is_queued_again(search: Search) -> None:
    study = optuna.create_study(study_name=search.name, storage=search.storage, direction="maximize")
    study.ask(SPREAD)
    dead = trials(search)[0].params
    search.run(2)
    assert trials(search)[0].state is TrialState.FAIL
    assert dead in [one.params for one in trials(search)[1:]]


def test_a_search_with_enough_trials_starts_no_more(search: Search) -> None:
    search.run(1)

    def never(folder: Path) -> TrainerProcess:
        raise AssertionError(folder)

    assert replace(search, process=never).run(1) == search.work / "best.json"


def test_two_searches_with_one_storage_count_their_trials_together(search: Search, tmp_path: Path) -> None:
    other = replace(search, storage=storage_of(str(tmp_path / "search.journal")), shared=True)
    search.run(2)
    other.run(3)
    assert len(trials(search)) == 3


def test_two_machines_at_once_share_the_trials(search: Search, tmp_path: Path) -> None:
    """No trial runs twice, the defaults run once, and both machines write the same best."""
    journal = str(tmp_path / "search.journal")
    machines = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        machines.append(replace(search, work=tmp_path / name, storage=storage_of(journal), shared=True))
    with ThreadPoolExecutor(2) as pool:
        found = [json.loads(best.read_text()) for best in pool.map(lambda machine: machine.run(8), machines)]
    done = trials(search)
    assert 8 <= len(done) <= 9, "both machines may be in their last trial at once"
    assert {one.state for one in done} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len({tuple(one.params.values()) for one in done}) == len(done), "two machines tried the same"
    assert DEFAULTS in [one.params for one in done]
    assert max(one["map50_95"] for one in found) == pytest.approx(max(one.value or 0 for one in done))


def test_a_search_whose_trials_all_fail_ends_with_an_error(search: Search) -> None:
    plan = replace(search.plan, hyperparameters={"fake": "crash"})
    with pytest.raises(RetrainError, match="none of 3 trials completed"):
        replace(search, plan=plan).run(5)


def test_the_best_is_written_after_every_trial(search: Search) -> None:
    written: list[Path] = []
    replace(search, on_best=written.append).run(2)
    assert written == [search.work / "best.json"] * 2


def test_a_folder_without_a_dataset_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dataset", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err == f"retrain: {tmp_path} has no data.yaml; download a dataset: nunchi dataset fetch\n"
    )
