"""Overlap of boxes, and one-to-one matching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box, iou, iou_of_corners, match_greedily
from tests.strategies import boxes


@given(boxes(), boxes())
def test_iou_is_symmetric_and_between_0_and_1(first: Box, second: Box) -> None:
    assert 0 <= iou(first, second) == iou(second, first) <= 1


@given(boxes())
def test_a_box_overlaps_itself_completely(box: Box) -> None:
    assert iou(box, box) == pytest.approx(1) or (box.x1 - box.x0) * (box.y1 - box.y0) == 0


def test_iou_is_the_shared_area_over_the_joint_area() -> None:
    assert iou(Box(0, 0, 0.5, 0.5), Box(0.25, 0, 0.75, 0.5)) == pytest.approx(1 / 3)
    assert iou(Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 0.5)) == 0
    assert iou_of_corners((-1, 0, 1, 2), (0, 0, 2, 2)) == pytest.approx(1 / 3)


def test_matching_takes_the_highest_score_first_and_no_index_twice() -> None:
    scores = [(0.6, 0, 0), (0.9, 1, 0), (0.5, 0, 1), (0.5, 2, 1)]
    assert match_greedily(scores) == {1: 0, 0: 1}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), st.integers(0, 5))))
def test_a_pair_is_left_out_only_for_a_better_or_earlier_one(scores: list[tuple[float, int, int]]) -> None:
    matches = match_greedily(scores)
    assert len(set(matches.values())) == len(matches)
    for _, left, right in scores:
        assert left in matches or right in matches.values()
