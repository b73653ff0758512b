"""Reading a YOLO's answer, and one box a person."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.models.boxes import (
    MAX_CANDIDATES,
    BoxFilter,
    Candidates,
    Head,
    InvalidOutput,
    best_of_overlapping,
    overlaps,
)

CUT = BoxFilter(confidence=0.25, class_iou=0.7, person_iou=0.5)
# centre, size, then objectness 0.8 and four classes; the second one is not sure enough
V5 = np.array(
    [[100, 50, 40, 20, 0.8, 0.1, 0.9, 0.2, 0.0], [10, 10, 4, 4, 0.3, 0.8, 0.1, 0.1, 0.1]],
    dtype=np.float32,
)
V8 = np.array([[100, 50, 40, 20, 0.08, 0.72, 0.16, 0.0], [10, 10, 4, 4, 0.24, 0.03, 0.03, 0.03]], dtype=np.float32).T


def candidates(*rows: tuple[float, float, float, float, float, int]) -> Candidates:
    """Of x0, y0, x1, y1, score, class."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Candidates(table[:, :4], table[:, 4], table[:, 5].astype(np.intp))


def rows(found: Candidates) -> list[tuple[float, ...]]:
    """Back to x0, y0, x1, y1, score, class."""
    return [
        (*map(float, box), float(score), int(place))
        for box, score, place in zip(found.boxes, found.scores, found.classes, strict=True)
    ]


@pytest.mark.parametrize(("head", "answer"), [(Head.V5, V5), (Head.V8, V8)])
def test_both_heads_say_the_same(head: Head, answer: np.ndarray) -> None:
    """Corners, the likeliest class, its score; of a v5 head the score is objectness times class."""
    [found] = rows(head.read(answer, 0.25))
    assert found == pytest.approx((80, 40, 120, 60, 0.72, 1))


@pytest.mark.parametrize(("head", "answer"), [(Head.V5, V5), (Head.V8, V8)])
def test_the_scores_of_all_classes_stay_with_their_box(head: Head, answer: np.ndarray) -> None:
    """In the order of LABELS, through suppression, which does not look at them."""
    people = CUT.people(head.read(answer, 0.1))
    assert people.by_class is not None
    assert people.by_class.tolist() == [
        pytest.approx([0.08, 0.72, 0.16, 0.0], abs=1e-6),
        pytest.approx([0.24, 0.03, 0.03, 0.03], abs=1e-6),
    ]


@given(st.integers(0, 2**32 - 1))
def test_the_scores_of_all_classes_change_no_box_that_is_kept(seed: int) -> None:
    """And the best of them is the box's own score."""
    chance = np.random.default_rng(seed)
    output = np.concatenate([chance.uniform(20, 60, (4, 40)), chance.uniform(0, 1, (4, 40))]).astype(np.float32)
    read = Head.V8.read(output, 0.25)
    people, without = CUT.people(read), CUT.people(Candidates(read.boxes, read.scores, read.classes))
    assert rows(people) == rows(without)
    assert without.by_class is None
    assert people.by_class is not None
    assert people.by_class.argmax(axis=1).tolist() == people.classes.tolist()
    assert people.by_class.max(axis=1).tolist() == people.scores.tolist()


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        (Head.V5, (1, 8, 8400)),
        (Head.V5, (1, 25200, 85)),
        (Head.V8, (1, 25200, 9)),
        (Head.V8, (1, 84, 8400)),
        (Head.V8, (8, 8400)),
        (Head.V8, (1, 300, 6)),
    ],
    ids=str,
)
def test_an_answer_of_another_head_or_other_classes_is_refused(head: Head, shape: tuple[int, ...]) -> None:
    """Its numbers would be taken for others."""
    with pytest.raises(ValueError, match="for 4 classes has the output shape"):
        head.check(shape, 4)


def test_an_answer_that_fits_is_not_refused() -> None:
    """Any number of anchors."""
    Head.V5.check((1, 25200, 9), 4)
    Head.V8.check((3, 8, 8400), 4)


@pytest.mark.parametrize("head", Head)
@pytest.mark.parametrize(("wrong", "said"), [(np.nan, "NaN"), (np.inf, "NaN"), (7.0, "not 0-1"), (-1.0, "not 0-1")])
def test_an_answer_that_means_nothing_is_refused(head: Head, wrong: float, said: str) -> None:
    """NaN, infinity, or scores that are none (an export without its last sigmoid)."""
    answer = (V5 if head is Head.V5 else V8).copy()
    answer[-1, -1] = wrong
    with pytest.raises(InvalidOutput, match=said):
        head.read(answer, 0.25)


def test_no_score_over_the_threshold_is_no_person() -> None:
    """Zero anchors over the threshold, and zero anchors."""
    assert rows(Head.V8.read(np.zeros((8, 8400), dtype=np.float32), 0.25)) == []
    assert rows(Head.V8.read(np.zeros((8, 1), dtype=np.float32)[:, :1], 0.25)) == []


def test_only_the_best_of_very_many_are_compared() -> None:
    """A network gone wild costs a bounded time."""
    answer = np.full((8, 8400), 0.5, dtype=np.float32)
    answer[4, 7000] = 0.9
    found = Head.V8.read(answer, 0.25)
    assert len(found) == MAX_CANDIDATES
    assert float(found.scores.max()) == pytest.approx(0.9)


def test_three_boxes_on_one_head_are_one_person() -> None:
    """The best of one class, then the best of all classes, wins; a neighbour stays."""
    found = CUT.people(
        candidates(
            (0, 0, 10, 10, 0.6, 1),
            (0, 0, 10, 10.5, 0.9, 1),  # the same class, nearly the same box
            (0, 0, 10, 13, 0.95, 3),  # another class over the same head
            (9, 0, 19, 10, 0.3, 1),  # whoever stands beside them
        )
    )
    assert rows(found) == [(0, 0, 10, 13, 0.95, 3), (9, 0, 19, 10, 0.3, 1)]


def test_two_classes_on_two_heads_stay_two_people() -> None:
    """Under the person's overlap nobody is dropped."""
    two = candidates((0, 0, 10, 10, 0.9, 0), (4, 0, 14, 10, 0.8, 2))
    assert overlaps(two.boxes, two.boxes)[0, 1] == pytest.approx(6 / 14)
    assert rows(CUT.people(two)) == rows(two)


def test_within_a_class_the_class_decides() -> None:
    """The same two boxes: of two classes both stay, of one class the better."""
    different, same = (candidates((0, 0, 10, 10, 0.5, 0), (0, 0, 10, 9, 0.6, other)) for other in (1, 0))
    assert len(best_of_overlapping(different, 0.7, within_class=True)) == 2
    assert rows(best_of_overlapping(same, 0.7, within_class=True)) == [(0, 0, 10, 9, 0.6, 0)]


def test_a_box_without_area_overlaps_nothing() -> None:
    """Not even itself; and a box turned inside out has no area."""
    flat = np.array([[3.0, 3, 3, 9], [9, 9, 3, 3]])
    assert overlaps(flat, flat).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("wrong", [0, 1, -0.1, 1.5, float("nan")])
def test_a_cut_off_its_scale_is_refused(wrong: float) -> None:
    """An overlap of 0 would leave one person a picture, of 1 would leave everybody many times."""
    for numbers in ((wrong, 0.5, 0.5), (0.5, wrong, 0.5), (0.5, 0.5, wrong)):
        with pytest.raises(ValueError, match="is not between 0 and 1"):
            BoxFilter(*numbers)


side = st.integers(0, 12)
many = st.lists(
    st.tuples(side, side, side, side, st.sampled_from([0.3, 0.5, 0.5, 0.7]), st.integers(0, 3)), max_size=12
).map(lambda drawn: candidates(*((x, y, x + w, y + h, score, label) for x, y, w, h, score, label in drawn)))


@given(many)
def test_suppression_is_idempotent(found: Candidates) -> None:
    """Cut twice is cut once."""
    once = CUT.people(found)
    assert rows(CUT.people(once)) == rows(once)


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_the_anchors_decides_nothing(found: Candidates, random: Random) -> None:
    """Equal scores neither."""
    order = list(range(len(found)))
    random.shuffle(order)
    assert rows(CUT.people(found[np.array(order, dtype=np.intp)])) == rows(CUT.people(found))


def test_equal_answers_go_to_the_first_label() -> None:
    """One head, two labels, one score: the same label wins in every order."""
    tied = candidates((0, 0, 10, 10, 0.5, 2), (0, 0, 10, 10, 0.5, 1))
    assert rows(CUT.people(tied)) == rows(CUT.people(tied[np.array([1, 0])])) == [(0, 0, 10, 10, 0.5, 1)]


@given(many)
def test_no_two_people_share_a_head_and_nobody_is_lost(found: Candidates) -> None:
    """Who stays overlaps nobody; who went overlapped somebody at least as sure."""
    people = CUT.people(found)
    shared = overlaps(people.boxes, people.boxes)
    assert np.all(shared[~np.eye(len(people), dtype=bool)] <= CUT.person_iou)
    gone = [row for row in rows(found) if row not in rows(people)]
    for *box, score, _ in gone:
        over = overlaps(np.array([box], dtype=np.float64), found.boxes)[0] > CUT.person_iou
        assert found.scores[over].max() >= score
