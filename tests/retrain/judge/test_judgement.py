"""Which rule decides about a candidate, and that the report says why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS, Label
from retrain.errors import JudgementFailed
from retrain.judge import Judgement, JudgeSettings, Score, judge, report
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import Predict, PredictedPerson, Prediction
from retrain.judge.rules import REQUIRED
from tests.retrain.judge.opinions import CANDIDATE, WRONG, Opinion, asking, golden, model, seen, wrong_about

RULES = ["golden_too_small", "not_better", "group_behind", "promise_broken", "too_slow", "better"]
PHOTOS = 200
INCUMBENT = wrong_about(4)
BETTER = wrong_about(10)
WOMEN = [Label.ELDER_FEMALE]
SETTINGS = JudgeSettings(draws=300)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden(tmp_path_factory.mktemp("dataset"), PHOTOS)


def judged(
    dataset: Path,
    opinion: Opinion,
    *,
    against: Opinion = INCUMBENT,
    ms: float = 10.0,
    settings: JudgeSettings = SETTINGS,
    incumbent: Path | None = Path("incumbent.json"),
    raw: bool = True,
) -> Judgement:
    make = asking(model("20260301t000000z-new", opinion, ms=ms), model("20260101t000000z-old", against, raw=raw))
    return judge(CANDIDATE, incumbent, dataset, settings=settings, make_predictor=make, detects=PEOPLE)


def decided(judgement: Judgement, folder: Path) -> dict[str, Any]:
    """The fields of the report's JSON; its page must have the same rule."""
    page = report.write(folder, judgement).read_text()
    fields = json.loads((folder / "report.json").read_text())
    assert f"Decided by the rule <code>{judgement.rule}</code>" in page
    assert [check["rule"] for check in fields["checks"]] == RULES
    return {name: fields[name] for name in ("promoted", "rule", "reason")} | {
        "passed": [check["rule"] for check in fields["checks"] if check["passes"]]
    }


def test_a_better_candidate_serves(dataset: Path, tmp_path: Path) -> None:
    fields = decided(judged(dataset, BETTER), tmp_path)

    assert (fields["promoted"], fields["rule"], fields["passed"]) == (True, "better", RULES)
    assert fields["reason"].startswith("mAP50 is 0.")
    assert fields["reason"].endswith(
        "which is more than noise; no group falls behind, the gate keeps its promise, and it is fast enough"
    )


def test_a_worse_candidate_does_not(dataset: Path, tmp_path: Path) -> None:
    fields = decided(judged(dataset, wrong_about(2)), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "not_better")
    assert fields["passed"] == ["golden_too_small", "promise_broken", "too_slow"]
    assert fields["reason"].endswith("which is no proof that it is better")


def test_a_candidate_that_is_no_different_does_not(dataset: Path, tmp_path: Path) -> None:
    assert decided(judged(dataset, INCUMBENT), tmp_path)["rule"] == "not_better"


def test_a_candidate_that_is_better_by_no_more_than_noise_does_not(dataset: Path) -> None:
    """One person more of 200."""
    better_once = lambda number, label: seen(label, 0.95) if number == 0 else INCUMBENT(number, label)  # noqa: E731
    judgement = judged(dataset, better_once)

    assert judgement.rule == "not_better"
    difference = judgement.ruling.checks[1].numbers["difference"]
    assert difference["value"] > 0
    assert difference["low"] <= 0


def test_a_candidate_that_is_better_but_for_elder_women_does_not(dataset: Path, tmp_path: Path) -> None:
    def opinion(number: int, label: Label) -> list[PredictedPerson]:
        return wrong_about(3)(number, label) if label in WOMEN else seen(label, 0.9 + number * 1e-5)

    fields = decided(judged(dataset, opinion), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "group_behind")
    assert fields["passed"] == ["golden_too_small", "not_better", "promise_broken", "too_slow"]
    assert fields["reason"] == (
        "it is worse for elder women (-8.0 percentage points with the right label), whatever it is on the whole"
    )


def test_a_group_that_is_worse_beyond_doubt_is_behind_within_the_margin_too(dataset: Path) -> None:
    def opinion(number: int, label: Label) -> list[PredictedPerson]:
        return wrong_about(2)(number, label) if label in WOMEN else seen(label, 0.9 + number * 1e-5)

    ruling = judged(dataset, opinion, settings=JudgeSettings(draws=300, group_margin=0.5)).ruling

    group = ruling.checks[2]
    assert (group.rule, group.passes, group.numbers["behind"]) == ("group_behind", False, ["elder_female"])
    assert -0.5 < group.numbers["differences"]["elder_female"]["value"] < 0


def losing(lost: Collection[int], won: Collection[int]) -> tuple[Opinion, Opinion]:
    """Candidate and incumbent: of the elder women the one is wrong about the `lost`, the other about the `won`.

    Of all others the candidate knows more.
    """

    def opinion(wrong: Collection[int], others: Opinion) -> Opinion:
        def predicts(number: int, label: Label) -> list[PredictedPerson]:
            if label not in WOMEN:
                return others(number, label)
            return seen(WRONG[label] if number // len(LABELS) in wrong else label, 0.8 + number * 1e-5)

        return predicts

    return opinion(lost, lambda number, label: seen(label, 0.9 + number * 1e-5)), opinion(won, INCUMBENT)


@pytest.mark.parametrize(
    ("lost", "won", "behind"),
    [
        (range(1), (), False),  # of 50, that is the margin
        (range(2), (), True),
        (range(5), range(10, 13), False),
        (range(5), range(10, 12), True),
        (range(12), range(20, 30), False),
        (range(3), range(10, 13), False),
    ],
)
def test_a_group_is_behind_when_its_loss_is_probably_not_chance(
    dataset: Path, lost: Collection[int], won: Collection[int], behind: bool
) -> None:
    candidate, incumbent = losing(lost, won)
    judgement = judged(dataset, candidate, against=incumbent)

    group = judgement.ruling.checks[2]
    assert group.numbers["behind"] == (["elder_female"] if behind else [])
    assert group.numbers["differences"]["elder_female"]["value"] == pytest.approx((len(won) - len(lost)) / 50)
    assert judgement.rule == ("group_behind" if behind else "better")


def test_one_person_lost_of_a_small_group_does_not_keep_a_better_candidate_out(tmp_path: Path) -> None:
    """Of 25 that is four points."""
    candidate, incumbent = losing(range(1), ())
    judgement = judged(golden(tmp_path / "dataset", 100), candidate, against=incumbent)

    assert judgement.promoted
    assert judgement.ruling.checks[2].text == (
        "no group gets its right label less often than before by more than chance, elder women (-4.0 percentage points "
        "with the right label)"
    )


def test_a_candidate_that_breaks_the_promise_of_the_gate_does_not(dataset: Path, tmp_path: Path) -> None:
    """It is as confident of its mistakes as of the rest."""
    fields = decided(judged(dataset, wrong_about(8, sure=0.96, doubting=0.955)), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "promise_broken")
    assert fields["passed"] == ["golden_too_small", "not_better", "group_behind", "too_slow"]
    assert fields["reason"] == (
        "of 200 people who pass the gate of 0.95, 86.0 % have the right label (95 % interval 80.4 to 90.5 %), fewer "
        "than the 95 % promised"
    )


def test_a_candidate_that_lets_nothing_pass_any_more_does_not(dataset: Path, tmp_path: Path) -> None:
    fields = decided(judged(dataset, BETTER, against=wrong_about(4, sure=0.96)), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "promise_broken")
    assert fields["reason"] == (
        "nothing passes the gate of 0.95, where 148 of 200 photos did before: no label would be gathered any more. "
        "With more checked photos to calibrate on, some pass"
    )


def test_passing_nothing_is_no_worse_than_passing_wrong_labels(dataset: Path) -> None:
    """Labels below the gate are not training data."""
    judgement = judged(dataset, BETTER, against=wrong_about(4, sure=0.96, doubting=0.955))

    promise = judgement.ruling.checks[3]
    assert (judgement.promoted, promise.rule, promise.passes) == (True, "promise_broken", True)
    assert promise.text == (
        "nothing passes the gate of 0.95, where 200 of 200 photos did before; but of the people in them only 74.0 % "
        "got the right label"
    )


def test_a_promise_that_the_incumbent_breaks_too_is_broken_all_the_same(dataset: Path) -> None:
    """The report has both, for a person who may overrule."""
    judgement = judged(
        dataset,
        wrong_about(8, sure=0.96, doubting=0.955),
        against=wrong_about(3, sure=0.96, doubting=0.955),
    )

    assert judgement.rule == "promise_broken"
    assert judgement.reason.endswith("fewer than the 95 % promised (so does the incumbent, with 66.0 % of 200)")


def test_a_candidate_that_is_too_slow_does_not(dataset: Path, tmp_path: Path) -> None:
    fields = decided(judged(dataset, BETTER, ms=31.0), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "too_slow")
    assert fields["passed"] == ["golden_too_small", "not_better", "group_behind", "promise_broken"]
    assert fields["reason"] == (
        "a photo takes 31.0 ms against 10.0 ms, 3.10 times as long, more than the 3 times that workers accept"
    )


def test_the_first_prediction_of_a_photo_is_not_timed(dataset: Path) -> None:
    """It may include compiling the network for the photo's shape, and golden photos may have many shapes."""
    quick = model("20260301t000000z-new", BETTER)

    def slow_at_first(raw: bool) -> Predict:
        def predict(paths: Sequence[Path]) -> list[Prediction]:
            predicted: set[Path] = set()
            answers = []
            for one in quick(raw)(paths):
                answers.append(one if one.path in predicted else replace(one, ms=400.0))
                predicted.add(one.path)
            return answers

        return predict

    make = asking(slow_at_first, model("20260101t000000z-old", INCUMBENT))
    judgement = judge(
        CANDIDATE, Path("incumbent.json"), dataset, settings=SETTINGS, make_predictor=make, detects=PEOPLE
    )

    assert (judgement.promoted, judgement.candidate.ms) == (True, 10.0)


def test_too_few_golden_photos_judge_nothing(tmp_path: Path) -> None:
    settings = JudgeSettings(draws=300, golden_least=100)
    fields = decided(judged(golden(tmp_path / "dataset", 80), BETTER, settings=settings), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "golden_too_small")
    assert fields["reason"] == ("there are only 80 golden photos, of 100 needed; check more photos by hand")


def test_many_photos_of_few_moments_judge_nothing(tmp_path: Path) -> None:
    """A bootstrap over a few moments is overconfident."""
    fields = decided(judged(golden(tmp_path / "dataset", PHOTOS, apart=timedelta(seconds=10)), BETTER), tmp_path)

    assert (fields["promoted"], fields["rule"]) == (False, "golden_too_small")
    assert fields["reason"] == (
        "there are only 7 moments that the 200 golden photos show, of 30 needed; check more photos by hand"
    )


def test_a_group_without_golden_people_can_not_be_judged(tmp_path: Path) -> None:
    men = [Label.ELDER_MALE, Label.ADULT_MALE]
    judgement = judged(golden(tmp_path / "dataset", PHOTOS, labels=men), lambda _, label: seen(label))

    assert judgement.rule == "golden_too_small"
    assert judgement.reason == (
        "there are only 0 elder women, 0 adult women in them, of 20 needed each; check more photos by hand"
    )


def test_against_the_model_of_day_0_like_is_compared_with_like(dataset: Path) -> None:
    """A cascade has no raw boxes, and a YOLO must not win by the number of its own."""
    against = judged(dataset, BETTER, incumbent=None, raw=False)

    assert against.promoted
    assert not against.compared_raw
    fields = against.fields()
    assert fields["runs"] == {"candidate": "20260301t000000z-new", "incumbent": "day-0"}
    assert fields["compared_on"] == "answers as served"
    assert fields["candidate"]["yolo_val"]["raw"]
    assert not fields["incumbent"]["yolo_val"]["raw"]
    assert "put back day-0" in report.html(against)


def test_the_same_judgement_gives_the_same_bytes(dataset: Path) -> None:
    first, second = judged(dataset, BETTER), judged(dataset, BETTER)

    assert first.to_json() == second.to_json()
    assert report.html(first) == report.html(second)


def test_a_model_that_fails_at_the_golden_photos_is_not_judged(dataset: Path) -> None:
    def broken(raw: bool) -> Predict:
        def predict(paths: Sequence[Path]) -> list[Prediction]:
            return [
                replace(one, error="the network answered with NaN", people=())
                for one in model("new", BETTER)(raw)(paths)
            ]

        return predict

    with pytest.raises(JudgementFailed, match=r"200 of 200 golden photos .*: the network answered with NaN; nothing"):
        judge(
            CANDIDATE,
            None,
            dataset,
            settings=SETTINGS,
            make_predictor=asking(broken, model("old", INCUMBENT)),
            detects=PEOPLE,
        )


@pytest.mark.parametrize("change", [lambda predictions: predictions[:-1], lambda predictions: predictions[::-1]])
def test_predictions_of_other_photos_are_not_judged(
    dataset: Path, change: Callable[[list[Prediction]], list[Prediction]]
) -> None:
    def wrong(raw: bool) -> Predict:
        return lambda paths: change(model("new", BETTER)(raw)(paths))

    with pytest.raises(JudgementFailed, match="do not match the 200 golden photos; nothing was judged"):
        judge(
            CANDIDATE,
            None,
            dataset,
            settings=SETTINGS,
            make_predictor=asking(wrong, model("old", INCUMBENT)),
            detects=PEOPLE,
        )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: [adult_male, adult_female, elder_male, elder_female]", "names the classes adult_male, adult_female"),
        ("names: {0: elder_male, 1: elder_female, 2: adult_male, 3: adult_female, 4: child}", "names the classes"),
        ("names: [", "can't be read"),
    ],
)
def test_a_dataset_that_numbers_its_classes_differently_is_not_judged(tmp_path: Path, text: str, reason: str) -> None:
    """As a folder that nunchi did not build may: its people would be read in our order."""
    (golden(tmp_path / "d", 4) / "data.yaml").write_text(text)
    with pytest.raises(JudgementFailed, match=reason):
        golden_photos(tmp_path / "d", classes=LABELS)
    (tmp_path / "d" / "data.yaml").write_text("names:\n" + "".join(f"  {n}: {one}\n" for n, one in enumerate(LABELS)))
    assert len(golden_photos(tmp_path / "d", classes=LABELS)) == 4


def test_golden_photos_without_people_judge_nothing(tmp_path: Path) -> None:
    folder = golden(tmp_path, 4)
    for labels in (folder / "labels/golden").iterdir():
        labels.write_text("")

    with pytest.raises(JudgementFailed, match="show no person; nothing was judged"):
        judged(folder, BETTER)


def test_text_of_a_manifest_is_escaped(dataset: Path) -> None:
    make = asking(model("<script>alert(1)</script>", BETTER), model("old", INCUMBENT))

    page = report.html(judge(CANDIDATE, None, dataset, settings=SETTINGS, make_predictor=make, detects=PEOPLE))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_report_needs_nothing_and_shows_no_photo(dataset: Path) -> None:
    page = report.html(judged(dataset, BETTER))

    # Names of XML's spaces are no addresses that anything is fetched from.
    links = page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "http" not in links.replace("http-equiv", "")
    assert "<img" not in page
    assert "<image" not in page
    assert not any(photo.stem in page for photo in (dataset / "images/golden").iterdir())
    assert page.count('<svg role="img"') == 6


@pytest.mark.parametrize(("opinion", "ms"), [(BETTER, 10.0), (INCUMBENT, 10.0), (BETTER, 50.0)])
def test_the_report_says_of_each_rule_what_holds(dataset: Path, opinion: Opinion, ms: float) -> None:
    """As a sentence that is true where a yes stands beside it: "not_better: yes" would be a riddle."""
    judgement = judged(dataset, opinion, ms=ms)
    row = r'<td>([^<]+) <code.*?>(\w+)</code></td>\s*<td><span class="(yes|no)">\3</span></td>'
    rows = re.findall(row, report.html(judgement))
    assert [(text, rule, word == "yes") for text, rule, word in rows] == [
        (REQUIRED[check.rule], check.rule, check.passes) for check in judgement.ruling.checks
    ]
    assert [text for text in REQUIRED.values() if re.search(r"\b(not|too)\b", text)] == []


def test_the_rules_of_the_report_stand_below_each_other_on_a_phone(dataset: Path) -> None:
    """No table of sentences is wider than the glass."""
    page = report.html(judged(dataset, BETTER))
    phone = page.partition("@media (max-width: 40rem) {")[2].partition("</style>")[0]
    assert '<meta name="viewport" content="width=device-width' in page
    assert ".rules, .rules tbody, .rules tr, .rules td { display: block; }" in phone


@pytest.mark.parametrize(
    ("opinion", "ms", "command"),
    [
        (BETTER, 10.0, "nunchi weights rollback"),
        (INCUMBENT, 10.0, "nunchi review export"),
        (BETTER, 50.0, "nunchi weights show 20260301t000000z-new"),
    ],
)
def test_the_report_names_the_next_command(dataset: Path, opinion: Opinion, ms: float, command: str) -> None:
    page = report.html(judged(dataset, opinion, ms=ms))

    assert command in page
    assert "nunchi weights promote 20260301t000000z-new" in page


@pytest.mark.parametrize("score", list(Score))
def test_the_score_of_the_settings_decides(dataset: Path, score: Score) -> None:
    judgement = judged(dataset, BETTER, settings=JudgeSettings(draws=100, score=score))

    assert judgement.ruling.checks[1].numbers["score"] == score
    assert judgement.reason.startswith(f"{score.words} is ")
