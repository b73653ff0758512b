"""When a visit begins and ends, what it knows, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.device.visit import (
    Began,
    Effect,
    Ended,
    LabelKnown,
    NobodyThere,
    SuggestEasy,
    TakePhotos,
    VisitRules,
    Visits,
)
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage
from tests.kiosk.device.messages import person, without_person

RULES = VisitRules(leave_s=4, again_s=6, late_s=8, page_s=15, bursts=3, retry_s=1.5)


def visits(rules: VisitRules = RULES) -> Visits:
    """Visits that are named v1, v2 and so on."""
    numbers: Iterator[int] = iter(range(1, 1000))
    return Visits(rules, lambda: f"v{next(numbers)}")


def answer(
    visits: Visits, message: LabelMessage, at_s: float = 1.0, *, visit: str = "v1", taken_s: float = 0.0
) -> list[Effect]:
    return visits.answered(visit, message, height=720, taken_s=taken_s, at_s=at_s)


def test_somebody_comes_is_photographed_and_leaves() -> None:
    """Four seconds of absence end the visit, less do not."""
    some = visits()

    assert some.looked(True, 0) == [Began("v1"), TakePhotos("v1")]
    assert some.looked(True, 1) == []
    assert [some.looked(False, at) for at in (2, 3, 4.9)] == [[], [], []]
    assert some.looked(False, 5) == [Ended("v1")]
    assert some.looked(True, 6) == [Began("v2"), TakePhotos("v2")]


def test_a_person_who_steps_aside_for_a_moment_is_the_same_visit() -> None:
    """They bent down for their bag."""
    some = visits()
    some.looked(True, 0)

    assert [some.looked(present, at) for present, at in ((False, 1), (False, 3.9), (True, 4), (False, 7.9))] == [[]] * 4


def test_a_visit_does_not_end_while_the_page_is_in_the_middle_of_an_order() -> None:
    """The page has time-outs of its own, and says when it is done."""
    some = visits()
    some.looked(True, 0)
    some.page("menu", 1)

    assert some.looked(False, 9) == []
    some.page("attract", 10)
    assert some.looked(False, 10) == [Ended("v1")]


def test_a_page_that_gives_no_sign_shows_nothing_and_holds_no_visit() -> None:
    """The browser crashed in the middle of an order."""
    some = visits()
    some.looked(True, 0)
    some.page("menu", 1)

    assert some.looked(False, 15.9) == []
    assert some.looked(False, 16) == [Ended("v1")]


@pytest.mark.parametrize(("looks_s", "begins"), [([2, 7.9], False), ([2, 8], True)])
def test_who_still_stands_there_after_the_receipt_is_the_next_only_after_some_seconds(
    looks_s: list[float], begins: bool
) -> None:
    """They take their card; after six seconds it is somebody of the queue, or somebody who orders again."""
    some = visits()
    some.looked(True, 0)

    assert some.ended("v1", 2) == [Ended("v1")]
    effects = [effect for at in looks_s for effect in some.looked(True, at)]
    assert effects == ([Began("v2"), TakePhotos("v2")] if begins else [])


def test_the_next_person_begins_at_once_when_the_last_one_was_seen_to_leave() -> None:
    """One picture without anybody is enough."""
    some = visits()
    some.looked(True, 0)
    some.ended("v1", 2)

    assert some.looked(False, 2.5) == []
    assert some.looked(True, 3) == [Began("v2"), TakePhotos("v2")]


def test_a_touch_begins_a_visit_that_the_camera_did_not_see() -> None:
    """And joins one that it saw."""
    some = visits()

    assert some.touched(0) == [Began("v1"), TakePhotos("v1")]
    assert some.touched(1) == []
    assert some.id == "v1"


def test_without_a_camera_a_visit_ends_by_the_page() -> None:
    """It was touched, so the page is not idle until it says so."""
    some = visits()
    some.touched(0)

    assert some.looked(False, 10) == []
    assert some.ended("v1", 11) == [Ended("v1")]


def test_an_end_of_an_earlier_visit_ends_nothing() -> None:
    """A request of the page was slow."""
    some = visits()
    some.touched(0)

    assert some.ended("v0", 1) == []
    assert some.id == "v1"


def test_easy_is_suggested_once() -> None:
    """And the page that connects later is told the same."""
    some = visits()
    some.looked(True, 0)

    known, suggested = answer(some, person(0.9, female=0.2))
    assert isinstance(known, LabelKnown) and isinstance(suggested, SuggestEasy)
    assert (known.visit, known.label, known.confidence) == ("v1", Label.ELDER_MALE, pytest.approx(0.72))
    assert (suggested.visit, suggested.elder) == ("v1", pytest.approx(0.9))
    assert answer(some, person(0.95, female=0.2)) == []
    assert some.suggested == pytest.approx(0.9)


def test_the_screen_never_goes_back() -> None:
    """An adult's answer after an elder's changes nothing: a wrong label takes nothing away."""
    some = visits()
    some.looked(True, 0)
    answer(some, person(0.9))

    effects = [effect for _ in range(5) for effect in answer(some, person(0.01))]

    assert not any(isinstance(effect, SuggestEasy) for effect in effects)
    assert some.suggested == pytest.approx(0.9)


@pytest.mark.parametrize("visit", ["v1", None])
def test_the_persons_own_switch_wins_over_every_later_label(visit: str | None) -> None:
    """Until they leave; the next person is another one."""
    some = visits()
    some.looked(True, 0)
    some.switched(visit)

    assert not any(isinstance(effect, SuggestEasy) for _ in range(5) for effect in answer(some, person(0.99)))
    assert some.suggested is None
    some.looked(False, 5)
    some.looked(True, 6)
    assert any(isinstance(effect, SuggestEasy) for effect in answer(some, person(0.99), 7, visit="v2", taken_s=6))


def test_a_switch_of_an_earlier_visit_is_not_this_persons() -> None:
    """A request of the page was slow."""
    some = visits()
    some.looked(True, 0)
    some.switched("v0")

    assert any(isinstance(effect, SuggestEasy) for effect in answer(some, person(0.99)))


def test_a_label_of_an_earlier_visit_is_dropped() -> None:
    """A recent match must not greet the next."""
    some = visits()
    some.looked(True, 0)
    some.looked(False, 4)
    some.looked(True, 5)

    assert answer(some, person(0.99), 5.1, visit="v1") == []
    assert (some.id, some.suggested, some.label) == ("v2", None, None)


@pytest.mark.parametrize(("at_s", "counts"), [(8.0, True), (8.1, False)])
def test_an_answer_about_an_old_photo_is_dropped(at_s: float, counts: bool) -> None:
    """The person has read the usual screen for eight seconds: a change now is no help."""
    some = visits()
    some.looked(True, 0)

    assert bool(answer(some, person(0.99), at_s)) is counts


def test_with_the_person_everything_is_forgotten() -> None:
    """Nothing of the last visit is left in the state."""
    some = visits()
    some.looked(True, 0)
    answer(some, person(0.99))
    some.looked(False, 5)

    assert (some.id, some.suggested, some.label) == (None, None, None)
    assert "0.99" not in repr(vars(some))


def test_photos_are_taken_again_when_they_said_nothing_at_most_three_times() -> None:
    """The person was still far away, and their head small."""
    some = visits()
    some.looked(True, 0)
    taken = []
    for tenth in range(1, 200):
        at = tenth / 10
        if TakePhotos("v1") in some.looked(True, at):
            taken.append(at)
        some.asked("v1", 1)
        answer(some, person(0.9, head=0.01), at, taken_s=at)

    assert taken == [1.5, 3.0]


def test_photos_are_not_taken_again_while_answers_are_awaited() -> None:
    """Nor after one that counts."""
    some = visits()
    some.looked(True, 0)
    some.asked("v1", 2)

    assert some.looked(True, 3) == []
    some.unanswered("v1")
    assert some.looked(True, 4) == []
    answer(some, person(0.5), 4)
    assert some.looked(True, 9) == []


def test_a_cloud_that_gives_no_answers_is_asked_three_times_and_then_left_alone() -> None:
    """A shop without a network takes no photos for nothing."""
    some = visits()
    bursts = some.looked(True, 0).count(TakePhotos("v1"))
    for tenth in range(600):
        some.asked("v1", 1)
        some.unanswered("v1")
        bursts += some.looked(True, tenth / 10).count(TakePhotos("v1"))

    assert bursts == 3


def test_a_change_without_a_person_ends_the_visit_and_is_learnt() -> None:
    """Two bursts saw nobody, and nobody touched: a lamp was switched on."""
    some = visits()
    some.looked(True, 0)
    some.asked("v1", 1)
    assert answer(some, without_person()) == []
    assert some.looked(True, 2) == [TakePhotos("v1")]
    some.asked("v1", 1)

    assert answer(some, without_person(), 3, taken_s=2) == [NobodyThere(), Ended("v1")]


def test_who_touches_is_there_whatever_the_photos_say() -> None:
    """A mask, a cap: the order goes on."""
    some = visits()
    some.looked(True, 0)
    some.page("menu", 1)
    for _ in range(6):
        assert answer(some, without_person()) == []
    assert some.id == "v1"


def test_suggested_dishes_stay_once_the_page_is_used() -> None:
    """A better label may replace the first before, and must not move dishes under a finger after."""
    some = visits()
    some.looked(True, 0)
    first = answer(some, person(0.2))
    some.page("menu", 1)

    assert [effect.label for effect in first if isinstance(effect, LabelKnown)] == [Label.ADULT_FEMALE]
    assert not any(isinstance(effect, LabelKnown) for _ in range(3) for effect in answer(some, person(0.99)))


ELDERS = [0.02, 0.5, 0.97]
events = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.booleans()),
        st.tuples(st.just("step"), st.sampled_from(["attract", "menu", "receipt"])),
        st.tuples(st.just("touch"), st.none()),
        st.tuples(st.just("end"), st.sampled_from(["v1", "v2", None])),
        st.tuples(st.just("switch"), st.sampled_from(["v1", "v2", None])),
        st.tuples(
            st.just("answer"), st.tuples(st.sampled_from(["v1", "v2", "v3"]), st.sampled_from([0.02, 0.5, 0.97]))
        ),
        st.tuples(st.just("nobody"), st.sampled_from(["v1", "v2"])),
        st.tuples(st.just("asked"), st.integers(0, 3)),
    ),
    max_size=60,
)


@given(events, st.floats(0.05, 3))
def test_whatever_happens_the_promises_hold(happened: list[tuple[str, object]], step_s: float) -> None:
    """Visits do not overlap; easy comes at most once a visit, of the visit that runs, and never after a switch."""
    some, at, running = visits(), 0.0, None
    suggested: set[str] = set()
    switched: set[str] = set()
    for kind, value in happened:
        at += step_s
        before = some.id
        for effect in _happen(some, kind, value, at):
            match effect:
                case Began(visit):
                    assert running is None
                    running = visit
                case Ended(visit):
                    assert visit == running
                    running = None
                case SuggestEasy(visit, elder):
                    assert visit == running and visit not in suggested | switched and elder >= 0.4
                    suggested.add(visit)
                case TakePhotos(visit) | LabelKnown(visit, _, _):
                    assert visit == running
                case NobodyThere():
                    pass
        assert some.id == running
        if kind == "switch" and before is not None and value in (None, before):
            switched.add(before)


def _happen(some: Visits, kind: str, value: object, at: float) -> list[Effect]:
    match kind, value:
        case "look", bool(present):
            return some.looked(present, at)
        case "touch", _:
            return some.touched(at)
        case "end", (str() | None) as visit:
            return some.ended(visit, at)
        case "answer", (str(visit), float(elder)):
            return answer(some, person(elder), at, visit=visit, taken_s=at - 1)
        case "nobody", str(visit):
            return answer(some, without_person(), at, visit=visit, taken_s=at - 1)
        case "step", str(step):
            some.page(step, at)
        case "switch", (str() | None) as visit:
            some.switched(visit)
        case "asked", int(photos):
            some.asked(some.id or "none", photos)
    return []
