"""The guard against feeding on itself."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.labels import LABELS, Label
from retrain.drift.guard import Drift, DriftLimits, LabelFact, Level
from retrain.drift.guard import check_drift as look_at
from retrain.drift.psi import chi_squared_above, shift

OLD, YOUNG = Label.ELDER_FEMALE, Label.ADULT_FEMALE
WEEKS = ("2026-W40", "2026-W41", "2026-W42")
LATER = ("2026-W45", "2026-W46")


def look(new: list[LabelFact], earlier: list[LabelFact], **limits: Any) -> Drift:
    chosen: dict[str, Any] = {"promise": 0.95, **limits}
    return look_at(new, earlier, DriftLimits(**chosen))


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


def test_what_did_not_move_is_learnt() -> None:
    drift = look(facts(1000, weeks=LATER), facts(1000))
    assert (drift.level, drift.findings) == (Level.OK, ())
    assert drift.reason == "what the model labels has not moved"


def test_without_anything_earlier_there_is_nothing_to_compare() -> None:
    """The first training."""
    drift = look(facts(1000, weeks=LATER), [])
    assert (drift.level, drift.compared, drift.reason) == (Level.OK, 0, "there is nothing earlier to compare with")
    assert look([], facts(1000)).level is Level.OK
    assert look([], []).level is Level.OK


def test_labels_that_moved_much_stop_a_training_until_people_have_looked() -> None:
    """The reason names what moved where, and what to do."""
    drift = look(facts(1000, elders=0.05, weeks=LATER), facts(1000))
    assert drift.level is Level.STOP
    assert drift.reason.startswith("all: labels moved (PSI 0.52; ")
    assert "elder_female 30% → 5%" in drift.reason
    looked = "people looked at 0 only, not at 30: nunchi review export FOLDER --sample-share 1 --most 100"
    assert f"{looked} --since 2026-11-02;" in drift.reason  # the Monday of the first week of the new


def test_labels_that_moved_much_are_learnt_once_people_agree_with_them() -> None:
    """The customers changed: a holiday, a school nearby."""
    drift = look(facts(1000, elders=0.05, weeks=("2026-W45",), checked=100, right=97), facts(1000))
    assert drift.level is Level.WARN
    assert "people agree with 97 of 100: it is the customers that changed" in drift.reason


def test_labels_that_moved_much_and_are_wrong_stop_a_training() -> None:
    drift = look(facts(1000, elders=0.05, weeks=LATER, checked=100, right=88), facts(1000))
    assert drift.level is Level.STOP
    assert "people agree with 88 of 100 only" in drift.reason


def test_labels_that_are_far_too_often_wrong_stop_a_training_though_nothing_moved() -> None:
    """A mistake that was always made moves nothing."""
    drift = look(facts(1000, weeks=LATER, checked=100, right=75), facts(1000))
    assert (drift.level, [one.what for one in drift.findings]) == (Level.STOP, ["agreement"])
    assert "people agree with 75 of 100 labels that the model was sure of, surely fewer than 90%" in drift.reason


@pytest.mark.parametrize(("right", "level"), [(100, Level.OK), (93, Level.OK), (88, Level.WARN), (80, Level.STOP)])
def test_agreement_warns_before_it_stops(right: int, level: Level) -> None:
    assert look(facts(500, weeks=LATER, checked=100, right=right), []).level is level


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
def test_labels_are_held_against_the_gate_that_they_passed(promise: float, right: int, level: Level) -> None:
    """A gate of 0.9 lets through what is wrong one time in ten, and that is no reason to stop."""
    drift = look(facts(1000, weeks=LATER, checked=1000, right=right), [], promise=promise)
    assert drift.level is level


def test_labels_that_moved_are_learnt_if_they_are_as_right_as_the_gate_promises() -> None:
    new, earlier = facts(1000, elders=0.05, weeks=("2026-W45",), checked=1000, right=910), facts(1000)
    assert look(new, earlier, promise=0.9).level is Level.WARN
    assert "people agree with 910 of 1000 only" in look(new, earlier, promise=0.95).reason


def test_labels_of_an_earlier_lower_gate_break_no_promise_of_the_present_one() -> None:
    """They would teach all the same, so they are learned only if they are not far too often wrong."""
    passing = facts(500, weeks=LATER, checked=500, right=490, confidence=0.97)
    below = facts(500, weeks=LATER, checked=500, right=420, confidence=0.91)
    assert look([*passing, *below], []).findings == ()
    assert (
        "people agree with 910 of 1000"
        in look(facts(1000, weeks=LATER, checked=1000, right=910, confidence=0.97), []).reason
    )
    far_too_often = facts(500, weeks=LATER, checked=500, right=300, confidence=0.91)
    drift = look([*passing, *far_too_often], [])
    assert (drift.level, "790 of 1000" in drift.reason) == (Level.STOP, True)


def test_too_few_wrong_labels_to_tell_stop_nothing() -> None:
    """One of one: even of labels that are right 19 times in 20, the first that a person looks at may be wrong."""
    drift = look(facts(500, weeks=LATER, checked=1), [])
    why = "people agree with 0 of 1 labels that the model was sure of, too few to tell whether 90% are right"
    assert (drift.level, drift.reason) == (Level.OK, f"all: {why}")
    assert look(facts(500, weeks=LATER, checked=1, right=1), []).findings == ()
    assert look(facts(500, weeks=LATER, checked=2, right=0), []).level is Level.STOP


def test_labels_that_moved_stop_a_training_for_want_of_people_not_for_one_wrong_label() -> None:
    """Before people have looked at enough, nothing is said of how right the labels are."""
    drift = look(facts(1000, elders=0.05, weeks=LATER, checked=1), facts(1000))
    assert drift.level is Level.STOP
    assert "people looked at 1 only, not at 30" in drift.reason
    assert "0 of 1 only" not in drift.reason


def test_a_verdict_is_told_to_programs_too() -> None:
    told = look(facts(500, elders=0.05, weeks=("2026-W45",), checked=40, right=40), facts(500)).to_fields()
    assert json.loads(json.dumps(told)) == told
    assert (told["rule"], told["level"], told["agreement"]) == ("drift", "warn", {"right": 40, "checked": 40})
    assert {(one["level"], one["where"], one["what"]) for one in told["findings"]} == {
        ("warn", where, "labels") for where in ("all", "kiosk lobby", "week 2026-W45")
    }
    assert all(one["psi"] > 0.25 and one["by_chance"] < 0.001 for one in told["findings"])


def test_a_small_move_warns() -> None:
    drift = look(facts(2000, elders=0.15, weeks=("2026-W45",)), facts(2000))
    assert drift.level is Level.WARN
    assert "labels moved (PSI 0.1" in drift.reason


def test_few_photos_say_nothing() -> None:
    """However far they seem to have moved."""
    assert look(facts(99, elders=1, weeks=("2026-W45",)), facts(1000, elders=0)).compared == 0
    assert look(facts(1000, elders=1), facts(99, elders=0)).compared == 0


def test_the_kiosk_that_moved_is_named_and_how_to_look_at_its_photos() -> None:
    """Though all together hide it."""
    earlier = facts(3000, kiosk="lobby") + facts(400, kiosk="door")
    new = facts(3000, kiosk="lobby", weeks=LATER) + facts(400, kiosk="door", elders=0.9, weeks=LATER)
    drift = look(new, earlier)
    assert drift.level is Level.STOP
    assert {one.where for one in drift.findings if one.level is Level.STOP} == {"kiosk door"}
    assert "--kiosk door --since 2026-11-02" in drift.reason


def test_a_kiosk_that_is_a_small_part_stops_nothing() -> None:
    earlier = facts(6000, kiosk="lobby") + facts(200, kiosk="door")
    new = facts(6000, kiosk="lobby", weeks=LATER) + facts(200, kiosk="door", elders=0.9, weeks=LATER)
    assert look(new, earlier).level is Level.WARN


def test_a_new_kiosk_is_held_against_all_others() -> None:
    new = facts(500, kiosk="lobby", weeks=LATER) + facts(500, kiosk="new", elders=1, weeks=LATER)
    assert "kiosk new" in {one.where for one in look(new, facts(1000)).findings}


def test_the_week_that_moved_is_named() -> None:
    """A camera that was turned for some days."""
    new = facts(3000, weeks=LATER) + facts(400, elders=0.95, weeks=("2026-W47",))
    [finding] = [one for one in look(new, facts(3000)).findings if one.level is Level.STOP]
    assert (finding.where, finding.what) == ("week 2026-W47", "labels")


def test_a_share_of_unsure_that_moved_is_found() -> None:
    """Within weeks that still have their unsure photos: the first of those may have lost some, and older ones all."""
    gone, partly, whole = ("2026-W20",), ("2026-W40",), ("2026-W41",)
    earlier = facts(9000, weeks=gone) + facts(4000, weeks=partly) + unsure(5, partly)
    earlier += facts(500, weeks=whole) + unsure(80, whole)
    stable = facts(1000, weeks=LATER) + unsure(160, LATER)
    assert look(stable, earlier).findings == ()
    moved = facts(1000, weeks=LATER) + unsure(900, LATER)
    drift = look(moved, earlier)
    assert drift.level is Level.STOP
    assert {one.what for one in drift.findings} == {"share of unsure"}


def test_confidence_that_moved_is_found() -> None:
    """A model that grows ever surer of itself is the first sign of feeding on itself."""
    drift = look(facts(500, weeks=LATER, confidence=0.995), facts(500, confidence=0.965))
    assert drift.level is Level.STOP
    assert "confidence moved" in drift.reason
    assert "from 0.99 0% → 100%" in drift.reason
    assert look(facts(500, weeks=LATER, confidence=0.995), facts(500)).findings == ()  # nobody knows how it was


def test_people_of_one_photo_count_as_one() -> None:
    """So a crowd moves nothing."""
    crowd = LabelFact("lobby", "2026-W45", (OLD,) * 1000, sure=True)
    assert look([*facts(1000, weeks=("2026-W45",)), crowd], facts(1000)).findings == ()


def test_photos_of_nobody_are_a_label_of_their_own() -> None:
    nobody = [LabelFact("lobby", "2026-W45", (), sure=True)] * 1000
    assert "nobody 0% → 100%" in look(nobody, facts(1000)).reason


def test_photos_that_were_only_checked_move_no_share() -> None:
    """Of one kiosk all may have been looked at, and of the others a hundredth."""
    looked = [LabelFact("lobby", "2026-W45", (OLD,), sure=True, checked=1, right=1, drawn=False)] * 500
    drift = look([*facts(1000, weeks=("2026-W45",)), *looked], facts(1000))
    assert (drift.level, drift.agreement.checked) == (Level.OK, 500)


def test_data_that_did_not_move_is_hardly_ever_stopped() -> None:
    """Of 60 periods of four kiosks and eight weeks, drawn alike, at most one."""
    chance = random.Random(1)

    def period(weeks: int) -> list[LabelFact]:
        return [
            LabelFact(
                f"k{chance.randrange(4)}", f"2026-W{10 + chance.randrange(weeks)}", (chance.choice(LABELS),), sure=True
            )
            for _ in range(1200)
        ]

    assert sum(look(period(8), period(8)).level is not Level.OK for _ in range(60)) <= 1


def test_looser_limits_let_more_through() -> None:
    new, earlier = facts(1000, elders=0.05, weeks=("2026-W45",)), facts(1000)
    assert look(new, earlier, stop_psi=2).level is Level.WARN
    assert look(new, earlier, warn_psi=2, stop_psi=2).level is Level.OK


counts = st.fixed_dictionaries({name: st.integers(0, 500) for name in "abcd"}).filter(lambda one: sum(one.values()) > 0)


@given(counts, counts)
def test_a_shift_is_never_negative_and_the_same_both_ways(one: Mapping[str, int], other: Mapping[str, int]) -> None:
    there, back = shift(one, other, 0.01), shift(other, one, 0.01)
    assert there.psi >= 0
    assert there.psi == pytest.approx(back.psi)
    assert there.by_chance == pytest.approx(back.by_chance)


@given(counts)
def test_what_is_equal_has_not_moved(one: Mapping[str, int]) -> None:
    same = shift(one, one, 0.01)
    assert (same.psi, same.significant) == (0, False)


def test_a_shift_is_the_population_stability_index() -> None:
    """Of shares 0.5, 0.5 and 0.9, 0.1: 0.4 ln 1.8 + 0.4 ln 5."""
    found = shift({"a": 90_000, "b": 10_000}, {"a": 50_000, "b": 50_000}, 0.01)
    assert found.psi == pytest.approx(0.8789, abs=1e-3)
    assert (found.bin, found.before, found.now, found.significant) == ("b", 0.5, 0.1, True)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("above", [0.2, 0.01, 0.001, 1e-5])
def test_the_tail_of_chi_squared_is_right(degrees: int, above: float) -> None:
    """As scipy has it."""
    from scipy.stats import chi2

    assert chi_squared_above(float(chi2.isf(above, degrees)), degrees) == pytest.approx(above)
    assert chi_squared_above(0, 0) == 1
