"""`nunchi review …` against AWS, as moto has it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from contracts.boxes import LabelledBox
from ops.aws import AwsError
from ops.commands.review import EXIT_PARTLY_STORED, EXIT_PROMISE_BROKEN, agreement, export, import_
from ops.commands.review import review as group
from ops.exits import Exit
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.bucket import DatasetBucket, Tree
from retrain.review.confidences import Results
from retrain.review.label_studio import CANNOT_TELL
from tests.retrain.review.shop import HER, HIM, LEFT, Shop, answered, photo

REGION: Final = "eu-west-1"
PIPELINE = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"DatasetBucket": {"Value": "dataset"}, "ImagesBucket": {"Value": "images"}},
}
NOT_HER = LabelledBox(Label.ELDER_MALE, LEFT)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An account with the pipeline deployed, in the region of an operator's nunchi.toml."""
    settings = tmp_path / "nunchi.toml"
    settings.write_text(f'region = "{REGION}"\n')
    monkeypatch.setenv("NUNCHI_CONFIG", str(settings))
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        boto3.client("cloudformation", region_name=REGION).create_stack(
            StackName="NunchiPipeline", TemplateBody=json.dumps(PIPELINE)
        )
        for bucket in ("dataset", "images"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Shop(s3, DatasetBucket(s3, "dataset", classes=LABELS), Results(s3, "images"))


def review(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


def told(result: Result) -> str:
    return " ".join(result.output.split())


def as_json(*arguments: str) -> dict[str, Any]:
    result = review(*arguments, "--json")
    [line] = result.stdout.splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_photos_go_out_and_answers_come_back(shop: Shop) -> None:
    """As programs see it."""
    shop.put(Tree.REVIEW, photo(1))
    sure = [shop.put(Tree.AUTO, photo(number, minutes=number), (HER, HIM)) for number in range(2, 6)]
    exported = as_json("export", "out", "--sample-share", "1")
    assert exported == {"folder": "out", "unsure": 1, "sample": 4, "left": 0}
    answers = answered(Path("x.json"), {one: [HER, HIM] for one in sure[:3]} | {sure[3]: [NOT_HER, HIM]})
    assert as_json("import", str(answers), "--golden-share", "0") == {
        "reviewed": 4,
        "golden": 0,
        "corrected": 1,
        "doubled": 0,
        "cannot_tell": 0,
        "unchanged": 0,
        "waiting": 0,
        "missing": 0,
        "refused": [],
    }
    found = as_json("agreement")
    assert (found["people"]["right"], found["people"]["checked"], found["people"]["promise"]) == (
        7,
        8,
        "can't tell yet",
    )
    assert found["people"]["more"] > 0
    assert found["photos"] | {"interval": None} == {
        "right": 3,
        "checked": 4,
        "share": 0.75,
        "promise": "can't tell yet",
        "interval": None,
    }
    assert {name: one["right"] for name, one in found["by_label"].items()} == {"elder_female": 3, "adult_male": 4}
    assert as_json("export", "again", "--sample-share", "1") == {"folder": "again", "unsure": 1, "sample": 0, "left": 0}


def test_people_are_told_what_to_do_next(shop: Shop) -> None:
    assert "No photo waits for review" in told(review("export", "none"))
    assert "No photo of the random sample has been reviewed yet" in told(review("agreement"))
    photos = [shop.put(Tree.AUTO, photo(number, minutes=number)) for number in range(4)]
    out = told(review("export", "out", "--sample-share", "1", "--most", "3"))
    assert "3 photos are in out: 0 unsure, 3 sampled from the sure ones; 1 more wait" in out
    assert "out/README.txt says how to open them in Label Studio" in out
    answers = answered(Path("x.json"), {photos[0]: [HER], photos[1]: [NOT_HER], photos[2]: CANNOT_TELL})
    out = told(review("import", str(answers), "--golden-share", "1"))
    assert "2 photos are stored: 0 for training, 2 for judgement; 1 of them corrected" in out
    assert "1 are unclear to a person too: not used for training, and not exported again" in out
    assert "nunchi review agreement" in out
    out = told(review("agreement"))
    assert "people 1 2 0.500 0.013-0.987 can't tell yet" in out
    assert re.search(r"elder_female 1 2 ", out)
    assert "1 photos of the sample were unclear to a person" in out
    assert "The interval is too wide to decide whether the promise of 0.95 holds: about 2 more people" in out
    assert "3 were stored before" in told(review("import", str(answers)))


def test_the_promise_is_told_kept_open_or_broken(shop: Shop) -> None:
    """By the exit status, too."""
    many = {shop.put(Tree.AUTO, photo(number, minutes=number)): [HER] for number in range(60)}
    assert review("import", str(answered(Path("x.json"), many))).exit_code == 0
    result = review("agreement")
    assert (result.exit_code, "The promise of 0.95 holds" in told(result)) == (0, True)
    wrong = {shop.put(Tree.AUTO, photo(number, minutes=number)): [NOT_HER] for number in range(60, 64)}
    assert review("import", str(answered(Path("x.json"), wrong))).exit_code == 0
    result = review("agreement")
    assert (result.exit_code, "The interval is too wide" in told(result), "more people" in told(result)) == (
        0,
        True,
        True,
    )
    wrong = {shop.put(Tree.AUTO, photo(number, minutes=number)): [NOT_HER] for number in range(64, 80)}
    assert review("import", str(answered(Path("x.json"), wrong))).exit_code == 0
    assert review("agreement").exit_code == EXIT_PROMISE_BROKEN


def test_the_promise_is_the_gate_of_the_deployment(shop: Shop, tmp_path: Path) -> None:
    """52 of 60 right break a promise of 0.95, and may keep one of 0.9."""
    wrong = {shop.put(Tree.AUTO, photo(number, minutes=number)): [NOT_HER] for number in range(8)}
    right = {shop.put(Tree.AUTO, photo(number, minutes=number)): [HER] for number in range(8, 60)}
    assert review("import", str(answered(Path("x.json"), wrong | right))).exit_code == 0
    result = review("agreement")
    assert (result.exit_code, "The promise of 0.95 is broken" in told(result)) == (EXIT_PROMISE_BROKEN, True)
    (tmp_path / "nunchi.toml").write_text(f'region = "{REGION}"\ninference.confidence_gate = 0.9\n')
    result = review("agreement")
    assert (result.exit_code, "whether the promise of 0.9 holds" in told(result)) == (0, True)
    assert (as_json("agreement")["gate"], as_json("agreement")["below_gate"]) == (0.9, 0)


def test_what_passed_a_lower_gate_is_named_and_counts_nowhere(shop: Shop) -> None:
    many = {shop.put(Tree.AUTO, photo(number, minutes=number)): [HER] for number in range(2)}
    shop.decide(photo(0, minutes=0), Person(Label(HER.label), 0.91, HER.box))
    assert review("import", str(answered(Path("x.json"), many))).exit_code == 0
    out = told(review("agreement"))
    assert "1 photos of the sample passed a lower gate than 0.95, and are not counted" in out
    assert "people 1 1 1.000" in out


def test_one_wrong_label_of_one_is_too_few_to_tell(shop: Shop) -> None:
    assert review("import", str(answered(Path("x.json"), {shop.put(Tree.AUTO, photo(1)): [NOT_HER]}))).exit_code == 0
    result = review("agreement")
    assert (result.exit_code, "Too few people to decide whether the promise of 0.95 holds" in told(result)) == (0, True)


def test_exit_statuses_say_what_is_wrong(shop: Shop) -> None:
    one = shop.put(Tree.AUTO, photo(1))
    Path("full").mkdir()
    Path("full/mine").touch()
    assert review("export", "full").exit_code == Exit.INVALID
    assert review("export", "out", "--kiosk", "Not A Kiosk").exit_code == 2
    assert review("export", "out", "--sample-share", "1.5").exit_code == 2
    assert review("export", "out", "--since", "yesterday").exit_code == 2
    Path("x.json").write_text("{}")
    assert review("import", "x.json").exit_code == Exit.INVALID
    missing = answered(Path("x.json"), {one: [HER], photo(2): [HER]})
    refused = review("import", str(missing))
    assert (refused.exit_code, "nothing was stored" in told(refused)) == (Exit.INVALID, True)
    assert shop.bucket.pairs(Tree.REVIEWED) == []
    assert review("import", str(missing), "--missing-ok").exit_code == 0
    partly = review("import", str(answered(Path("x.json"), {one: "blurred"})))
    assert partly.exit_code == EXIT_PARTLY_STORED
    assert "left out: task 1: it holds the choice ['blurred']" in told(partly)


def test_without_a_deployment_it_says_what_to_deploy(shop: Shop) -> None:
    boto3.client("cloudformation", region_name=REGION).delete_stack(StackName="NunchiPipeline")
    result = review("agreement")
    assert isinstance(result.exception, AwsError)
    assert "NunchiPipeline is not deployed in eu-west-1" in str(result.exception)
    assert shop.keys() == {}


@pytest.mark.parametrize(
    ("command", "statuses"),
    [
        (export, {0, 1, 2, Exit.INVALID}),
        (import_, {0, 1, EXIT_PARTLY_STORED, Exit.INVALID}),
        (agreement, {0, 1, EXIT_PROMISE_BROKEN}),
    ],
    ids=["export", "import", "agreement"],
)
def test_the_exit_statuses_are_documented(command: object, statuses: set[int]) -> None:
    documented = inspect.cleandoc(command.__doc__ or "").split("Exit status:")[1].split("Example:")[0]
    assert {int(number) for number in re.findall(r"\b\d\b", documented)} == statuses
