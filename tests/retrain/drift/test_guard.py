"""The drift guard: which shifts and which disagreement stop a training."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.kiosk.labels import LABELS, Label
from retrain.drift.guard import Drift, DriftLimits, LabelFact, Level, check_drift
from retrain.drift.population_stability import chi_squared_survival, distribution_shift

OLD, YOUNG = Label.ELDER_FEMALE, Label.ADULT_FEMALE
WEEKS = ("2026-W40", "2026-W41", "2026-W42")
LATER = ("2026-W45", "2026-W46")


def drift_of(new: list[LabelFact], earlier: list[LabelFact], **limits: Any) -> Drift:
    chosen: dict[str, Any] = {"promise": 0.95, **limits}
    return check_drift(new, earlier, DriftLimits(**chosen), classes=LABELS)


def facts(
    number: int,
    *,
    elders: float = 0.3,
    kiosk: str = "lobby",
    weeks: tuple[str, ...] = WEEKS,
    confidence: float | None = None,
    checked: int = 0,
    right: int = 0,
) -> list[LabelFact]:
    """Photos of one elder or young woman each, the elders spread evenly, all of them sure."""
    return [
        LabelFact(
            kiosk=kiosk,
            week=weeks[place % len(weeks)],
            labels=(OLD if int((place + 1) * elders) > int(place * elders) else YOUNG,),
            sure=True,
            confidence=confidence,
            checked=int(place < checked),
            right=int(place < right),
        )
        for place in range(number)
    ]


def unsure(number: int, weeks: tuple[str, ...] = WEEKS, kiosk: str = "lobby") -> list[LabelFact]:
    return [LabelFact(kiosk, weeks[place % len(weeks)], (YOUNG,), sure=False) for place in range(number)]


def test_labels_that_did_not_move_are_trained_on() -> None:
    drift = drift_of(facts(1000, weeks=LATER), facts(1000))
    assert (drift.level, drift.findings) == (Level.OK, ())
    assert drift.reason == "the model's labels have not moved"


def test_without_anything_earlier_there_is_nothing_to_compare() -> None:
    """The first training."""
    drift = drift_of(facts(1000, weeks=LATER), [])
    assert (drift.level, drift.compared, drift.reason) == (Level.OK, 0, "there is nothing earlier to compare with")
    assert drift_of([], facts(1000)).level is Level.OK
    assert drift_of([], []).level is Level.OK


def test_a_large_shift_stops_a_training_until_people_have_checked_labels() -> None:
    """The reason names what moved where, and what to do."""
    drift = drift_of(facts(1000, elders=0.05, weeks=LATER), facts(1000))
    assert drift.level is Level.STOP
    assert drift.reason.startswith("all: labels moved (PSI 0.52; ")
    assert "elder_female 30% → 5%" in drift.reason
    few = "only 0 labels of the random sample are checked, of 30 needed: "
    assert (
        f"{few}nunchi review export FOLDER --sample-share 1 --most 100 --since 2026-11-02;" in drift.reason
    )  # the Monday of the first week of the new


def test_a_large_shift_only_warns_once_people_agree_with_the_labels() -> None:
    """The customers changed: a holiday, a school nearby."""
    drift = drift_of(facts(1000, elders=0.05, weeks=("2026-W45",), checked=100, right=97), facts(1000))
    assert drift.level is Level.WARN
    assert "people agree with 97 of 100: the customers changed" in drift.reason


def test_a_large_shift_of_wrong_labels_stops_a_training() -> None:
    drift = drift_of(facts(1000, elders=0.05, weeks=LATER, checked=100, right=88), facts(1000))
    assert drift.level is Level.STOP
    assert "people agree with 88 of 100 only" in drift.reason


def test_wrong_labels_stop_a_training_without_a_shift() -> None:
    """A constant mistake shifts nothing."""
    drift = drift_of(facts(1000, weeks=LATER, checked=100, right=75), facts(1000))
    assert (drift.level, [one.what for one in drift.findings]) == (Level.STOP, ["agreement"])
    assert "people agree with 75 of 100 labels that the model was sure of, surely fewer than 90%" in drift.reason


@pytest.mark.parametrize(("right", "level"), [(100, Level.OK), (93, Level.OK), (88, Level.WARN), (80, Level.STOP)])
def test_agreement_warns_before_it_stops(right: int, level: Level) -> None:
    assert drift_of(facts(500, weeks=LATER, checked=100, right=right), []).level is level


@pytest.mark.parametrize(
    ("promise", "right", "level"),
    [
        (0.9, 910, Level.OK),
        (0.9, 875, Level.WARN),
        (0.9, 820, Level.STOP),
        (0.95, 910, Level.WARN),
        (0.98, 930, Level.WARN),
        (0.98, 870, Level.STOP),
    ],
)
def test_labels_are_compared_with_the_gate_that_they_passed(promise: float, right: int, level: Level) -> None:
    """A gate of 0.9 allows one wrong label in ten."""
    drift = drift_of(facts(1000, weeks=LATER, checked=1000, right=right), [], promise=promise)
    assert drift.level is level


def test_a_large_shift_only_warns_if_labels_are_as_right_as_the_gate_promises() -> None:
    new, earlier = facts(1000, elders=0.05, weeks=("2026-W45",), checked=1000, right=910), facts(1000)
    assert drift_of(new, earlier, promise=0.9).level is Level.WARN
    assert "people agree with 910 of 1000 only" in drift_of(new, earlier, promise=0.95).reason


def test_labels_of_an_earlier_lower_gate_do_not_break_the_promise_of_today() -> None:
    """They are training data too, so they stop a training if they are far too often wrong."""
    passing = facts(500, weeks=LATER, checked=500, right=490, confidence=0.97)
    below = facts(500, weeks=LATER, checked=500, right=420, confidence=0.91)
    assert drift_of([*passing, *below], []).findings == ()
    assert (
        "people agree with 910 of 1000"
        in drift_of(facts(1000, weeks=LATER, checked=1000, right=910, confidence=0.97), []).reason
    )
    wrong = facts(500, weeks=LATER, checked=500, right=300, confidence=0.91)
    drift = drift_of([*passing, *wrong], [])
    assert (drift.level, "790 of 1000" in drift.reason) == (Level.STOP, True)


def test_too_few_wrong_labels_to_tell_stop_nothing() -> None:
    """One of one: even of labels that are right 19 times in 20, the first that a person looks at may be wrong."""
    drift = drift_of(facts(500, weeks=LATER, checked=1), [])
    why = "people agree with 0 of 1 labels that the model was sure of, too few to tell whether 90% are right"
    assert (drift.level, drift.reason) == (Level.OK, f"all: {why}")
    assert drift_of(facts(500, weeks=LATER, checked=1, right=1), []).findings == ()
    assert drift_of(facts(500, weeks=LATER, checked=2, right=0), []).level is Level.STOP


def test_a_shift_with_too_few_checked_labels_stops_for_their_number_not_for_one_wrong_label() -> None:
    """With few checked labels the reason has no share of right labels."""
    drift = drift_of(facts(1000, elders=0.05, weeks=LATER, checked=1), facts(1000))
    assert drift.level is Level.STOP
    assert "only 1 labels of the random sample are checked, of 30 needed" in drift.reason
    assert "0 of 1 only" not in drift.reason


def test_the_json_of_a_drift_has_its_findings() -> None:
    fields = drift_of(facts(500, elders=0.05, weeks=("2026-W45",), checked=40, right=40), facts(500)).to_fields()
    assert json.loads(json.dumps(fields)) == fields
    assert (fields["rule"], fields["level"], fields["agreement"]) == ("drift", "warn", {"right": 40, "checked": 40})
    assert {(one["level"], one["where"], one["what"]) for one in fields["findings"]} == {
        ("warn", where, "labels") for where in ("all", "kiosk lobby", "week 2026-W45")
    }
    assert all(one["psi"] > 0.25 and one["by_chance"] < 0.001 for one in fields["findings"])


def test_a_small_move_warns() -> None:
    drift = drift_of(facts(2000, elders=0.15, weeks=("2026-W45",)), facts(2000))
    assert drift.level is Level.WARN
    assert "labels moved (PSI 0.1" in drift.reason


def test_parts_with_few_photos_are_not_compared() -> None:
    """However large the shift."""
    assert drift_of(facts(99, elders=1, weeks=("2026-W45",)), facts(1000, elders=0)).compared == 0
    assert drift_of(facts(1000, elders=1), facts(99, elders=0)).compared == 0


def test_the_reason_names_the_kiosk_that_moved_and_the_command_to_review_it() -> None:
    """Though all together hide it."""
    earlier = facts(3000, kiosk="lobby") + facts(400, kiosk="door")
    new = facts(3000, kiosk="lobby", weeks=LATER) + facts(400, kiosk="door", elders=0.9, weeks=LATER)
    drift = drift_of(new, earlier)
    assert drift.level is Level.STOP
    assert {one.where for one in drift.findings if one.level is Level.STOP} == {"kiosk door"}
    assert "--kiosk door --since 2026-11-02" in drift.reason


def test_a_kiosk_that_is_a_small_part_stops_nothing() -> None:
    earlier = facts(6000, kiosk="lobby") + facts(200, kiosk="door")
    new = facts(6000, kiosk="lobby", weeks=LATER) + facts(200, kiosk="door", elders=0.9, weeks=LATER)
    assert drift_of(new, earlier).level is Level.WARN


def test_a_new_kiosk_is_compared_with_all_others() -> None:
    new = facts(500, kiosk="lobby", weeks=LATER) + facts(500, kiosk="new", elders=1, weeks=LATER)
    assert "kiosk new" in {one.where for one in drift_of(new, facts(1000)).findings}


def test_the_week_that_moved_is_named() -> None:
    """A camera that was turned for some days."""
    new = facts(3000, weeks=LATER) + facts(400, elders=0.95, weeks=("2026-W47",))
    [finding] = [one for one in drift_of(new, facts(3000)).findings if one.level is Level.STOP]
    assert (finding.where, finding.what) == ("week 2026-W47", "labels")


def test_a_share_of_unsure_that_moved_is_found() -> None:
    """Within weeks that still have their unsure photos: the first of those may have lost some, and older ones all."""
    gone, partly, whole = ("2026-W20",), ("2026-W40",), ("2026-W41",)
    earlier = facts(9000, weeks=gone) + facts(4000, weeks=partly) + unsure(5, partly)
    earlier += facts(500, weeks=whole) + unsure(80, whole)
    stable = facts(1000, weeks=LATER) + unsure(160, LATER)
    assert drift_of(stable, earlier).findings == ()
    moved = facts(1000, weeks=LATER) + unsure(900, LATER)
    drift = drift_of(moved, earlier)
    assert drift.level is Level.STOP
    assert {one.what for one in drift.findings} == {"share of unsure"}


def test_confidence_that_moved_is_found() -> None:
    """Rising confidence is the first sign of a feedback loop."""
    drift = drift_of(facts(500, weeks=LATER, confidence=0.995), facts(500, confidence=0.965))
    assert drift.level is Level.STOP
    assert "confidence moved" in drift.reason
    assert "from 0.99 0% → 100%" in drift.reason
    assert (
        drift_of(facts(500, weeks=LATER, confidence=0.995), facts(500)).findings == ()
    )  # its earlier confidence is unknown


def test_a_photo_counts_once_however_many_people_it_has() -> None:
    """A crowd shifts nothing."""
    crowd = LabelFact("lobby", "2026-W45", (OLD,) * 1000, sure=True)
    assert drift_of([*facts(1000, weeks=("2026-W45",)), crowd], facts(1000)).findings == ()


def test_photos_without_people_are_a_bin_of_their_own() -> None:
    empty = [LabelFact("lobby", "2026-W45", (), sure=True)] * 1000
    assert "nobody 0% → 100%" in drift_of(empty, facts(1000)).reason


def test_checked_photos_outside_the_draw_do_not_count_in_shares() -> None:
    """All photos of one kiosk may be checked, and a hundredth of the others."""
    checked = [LabelFact("lobby", "2026-W45", (OLD,), sure=True, checked=1, right=1, drawn=False)] * 500
    drift = drift_of([*facts(1000, weeks=("2026-W45",)), *checked], facts(1000))
    assert (drift.level, drift.agreement.checked) == (Level.OK, 500)


def test_false_alarms_are_rare() -> None:
    """At most one in 60 periods of four kiosks and eight weeks, drawn from one distribution."""
    chance = random.Random(1)

    def period(weeks: int) -> list[LabelFact]:
        return [
            LabelFact(
                f"k{chance.randrange(4)}", f"2026-W{10 + chance.randrange(weeks)}", (chance.choice(LABELS),), sure=True
            )
            for _ in range(1200)
        ]

    assert sum(drift_of(period(8), period(8)).level is not Level.OK for _ in range(60)) <= 1


def test_looser_limits_let_more_through() -> None:
    new, earlier = facts(1000, elders=0.05, weeks=("2026-W45",)), facts(1000)
    assert drift_of(new, earlier, stop_psi=2).level is Level.WARN
    assert drift_of(new, earlier, warn_psi=2, stop_psi=2).level is Level.OK


counts = st.fixed_dictionaries({name: st.integers(0, 500) for name in "abcd"}).filter(lambda one: sum(one.values()) > 0)


@given(counts, counts)
def test_a_shift_is_not_negative_and_symmetric(one: Mapping[str, int], other: Mapping[str, int]) -> None:
    there, back = distribution_shift(one, other, 0.01), distribution_shift(other, one, 0.01)
    assert there.psi >= 0
    assert there.psi == pytest.approx(back.psi)
    assert there.p_value == pytest.approx(back.p_value)


@given(counts)
def test_equal_distributions_have_no_shift(one: Mapping[str, int]) -> None:
    same = distribution_shift(one, one, 0.01)
    assert (same.psi, same.significant) == (0, False)


def test_a_shift_is_the_population_stability_index() -> None:
    """Of shares 0.5, 0.5 and 0.9, 0.1: 0.4 ln 1.8 + 0.4 ln 5."""
    shift = distribution_shift({"a": 90_000, "b": 10_000}, {"a": 50_000, "b": 50_000}, 0.01)
    assert shift.psi == pytest.approx(0.8789, abs=1e-3)
    assert (shift.bin, shift.before, shift.now, shift.significant) == ("b", 0.5, 0.1, True)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("above", [0.2, 0.01, 0.001, 1e-5])
def test_the_chi_squared_survival_function_equals_scipy_s(degrees: int, above: float) -> None:
    from scipy.stats import chi2

    assert chi_squared_survival(float(chi2.isf(above, degrees)), degrees) == pytest.approx(above)
    assert chi_squared_survival(0, 0) == 1
