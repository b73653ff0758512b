"""`nunchi judge A B` against AWS, as moto has it: real runs, measured by the worker's own code."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import typer
from moto import mock_aws
from PIL import Image as Pillow
from typer.testing import CliRunner, Result

from contracts.boxes import Box, LabelledBox
from contracts.yolo import format_labels
from ops.commands.judge import EXIT_NOT_BETTER, judge
from ops.exits import Exit
from recipes.kiosk.labels import LABELS
from registry.weights import WeightsRegistry
from tests.toy_yolo import picture, toy_manifest, toy_network

REGION = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"WeightsBucket": {"Value": "weights"}},
}
app = typer.Typer()
app.command()(judge)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsRegistry]:
    """A deployed account with two runs: one that knows all labels, and one that knows the first."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        s3.create_bucket(Bucket="weights", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        known = WeightsRegistry(s3, "weights")
        known.add(toy_manifest(tmp_path / "good", version="good").parent, "good")
        timid = toy_network(sure=(0.9, 0.0005, 0.0005, 0.0005))
        known.add(toy_manifest(tmp_path / "timid", version="timid", network=timid).parent, "timid")
        yield known


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Eight golden photos, each label twice."""
    folder = tmp_path / "dataset"
    for kind in ("images", "labels"):
        (folder / kind / "golden").mkdir(parents=True)
    for number in range(8):
        label = LABELS[number % 4]
        image = picture(160, 160, **{str(label): (32, 32, 96, 96 + number)})
        Pillow.fromarray(image).save(folder / f"images/golden/{number}.jpg", quality=98, subsampling=0)
        (folder / f"labels/golden/{number}.txt").write_text(
            format_labels([LabelledBox(label, Box(0.2, 0.2, 0.6, (96 + number) / 160))], LABELS)
        )
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("runs", "said", "rule"),
    [
        (("good", "timid"), "good is better", "better"),
        (("timid", "good"), "good stays", "not_better"),
    ],
)
def test_two_runs_are_judged_and_nothing_is_moved(
    weights: WeightsRegistry, dataset: Path, runs: tuple[str, str], said: str, rule: str
) -> None:
    # A millisecond is too short to be timed on a machine that does other things.
    few = ("--golden-least", "8", "--per-label", "2", "--gate", "0.5", "--most-slowdown", "1000")

    result = run(*runs, "--dataset", str(dataset), *few, "--out", "verdict")

    assert result.exit_code == (0 if rule == "better" else EXIT_NOT_BETTER), result.output
    assert said in result.output
    assert f"(rule {rule})" in result.output
    assert "verdict/report.html" in result.output
    assert ("nunchi weights promote good" in result.output) == (rule == "better")
    fields = json.loads(Path("verdict/report.json").read_text())
    assert (fields["rule"], fields["runs"]) == (rule, {"candidate": runs[0], "incumbent": runs[1]})
    assert weights.current().pointer is None


def test_programs_get_the_report_on_one_line(weights: WeightsRegistry, dataset: Path) -> None:
    result = run("good", "good", "--dataset", str(dataset), "--json")

    assert weights.current().pointer is None
    assert result.exit_code == EXIT_NOT_BETTER
    assert json.loads(result.stdout) == json.loads(Path("judgement/report.json").read_text())
    assert json.loads(result.stdout)["rule"] == "golden_too_small"


@pytest.mark.usefixtures("weights")
def test_without_a_gate_that_of_the_deployment_is_judged_by(dataset: Path, tmp_path: Path) -> None:
    """So that a judgement by hand is that of a training."""
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\ninference.confidence_gate = 0.9\n')
    result = run("good", "good", "--dataset", str(dataset), "--json")
    assert json.loads(result.stdout)["settings"]["gate"] == 0.9


@pytest.mark.usefixtures("weights")
def test_a_run_that_is_not_there_is_told(dataset: Path) -> None:
    result = run("good", "nowhere", "--dataset", str(dataset))

    assert result.exit_code == Exit.UNKNOWN
    assert "there is no complete run nowhere" in result.output


def test_a_run_that_is_not_the_bytes_promised_is_not_judged(weights: WeightsRegistry, dataset: Path) -> None:
    assert weights.run("good")
    boto3.client("s3", region_name=REGION).put_object(Bucket="weights", Key="runs/good/network.onnx", Body=b"other")

    result = run("good", "day-0", "--dataset", str(dataset))

    assert result.exit_code == Exit.INVALID
    assert (
        "network.onnx of run good is missing, or its SHA-256 differs from the manifest's; nothing was judged"
        in result.output
    )


@pytest.mark.usefixtures("weights")
def test_a_folder_that_is_no_dataset_is_told(tmp_path: Path) -> None:
    result = run("good", "day-0", "--dataset", str(tmp_path / "nowhere"))

    assert result.exit_code == Exit.INVALID
    assert "has no photo; nothing was judged" in result.output


@pytest.mark.parametrize("wrong", [("a/b", "day-0"), ("good", "UPPER")])
@pytest.mark.usefixtures("weights")
def test_what_no_run_can_be_called_is_a_wrong_call(dataset: Path, wrong: tuple[str, str]) -> None:
    assert run(*wrong, "--dataset", str(dataset)).exit_code == 2


@pytest.mark.usefixtures("weights")
def test_a_score_that_there_is_not_is_a_wrong_call(dataset: Path) -> None:
    assert run("good", "day-0", "--dataset", str(dataset), "--score", "beauty").exit_code == 2


def test_the_help_names_every_exit_status() -> None:
    told = re.findall(r"\b(\d) ", (inspect.getdoc(judge) or "").partition("Exit status:")[2].partition("Example")[0])

    assert {int(one) for one in told} == {0, 1, 2, EXIT_NOT_BETTER, Exit.UNKNOWN, Exit.INVALID}
