"""Two answers from a label, its confidence and the scores of the four labels; and back."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from recipes.kiosk.answers import ADULT, ELDER, FEMALE, MALE, Answer, Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.probabilities import answers_of, probabilities_from, probabilities_of
from tests.strategies import answers, fractions, labels

scores = st.lists(fractions, min_size=4, max_size=4)


def test_the_rest_is_shared_in_proportion_to_the_scores_of_the_other_labels() -> None:
    """An elder by 0.76, although no label is likelier right than wrong."""
    assert probabilities_of(Label.ELDER_FEMALE, 0.4, (0.3, 0.6, 0.1, 0.1)) == pytest.approx((0.36, 0.4, 0.12, 0.12))
    assert answers_of(Label.ELDER_FEMALE, 0.4, (0.3, 0.6, 0.1, 0.1)) == Answers(
        Answer(ELDER, 0.76), Answer(FEMALE, 0.52)
    )


@pytest.mark.parametrize("others", [(0.0, 0.9, 0.0, 0.0), (-0.001, 0.9, 0.0, -0.005)], ids=["none", "below none"])
def test_labels_without_a_score_share_equally(others: tuple[float, ...]) -> None:
    """A sigmoid rounded to 8 bits may fall below 0 a little."""
    assert answers_of(Label.ELDER_FEMALE, 0.7, others) == Answers(Answer(ELDER, 0.8), Answer(FEMALE, 0.8))


def test_a_certain_label_leaves_nothing_to_share() -> None:
    assert answers_of(Label.ADULT_MALE, 1.0, (0.2, 0.3, 0.4, 0.5)) == Answers(Answer(ADULT, 1.0), Answer(MALE, 1.0))


@given(labels, fractions, scores)
def test_four_probabilities_sum_to_one_and_the_labels_own_is_its_confidence(
    label: Label, confidence: float, scores: list[float]
) -> None:
    four = probabilities_of(label, confidence, scores)
    assert sum(four) == pytest.approx(1)
    assert min(four) >= 0
    assert four[label.yolo_class] == confidence


@given(labels, fractions, scores, st.floats(0.01, 100))
def test_the_scale_of_the_scores_does_not_matter(
    label: Label, confidence: float, scores: list[float], scale: float
) -> None:
    assume(all(score == 0 or score > 1e-6 for score in scores))
    scaled = probabilities_of(label, confidence, [scale * score for score in scores])
    assert scaled == pytest.approx(probabilities_of(label, confidence, scores))


@given(labels, fractions, scores)
def test_each_answer_is_at_least_as_sure_as_the_label(label: Label, confidence: float, scores: list[float]) -> None:
    """So a label that is likelier right than wrong never contradicts its answers."""
    some = answers_of(label, confidence, scores)
    age = some.elder if label.elder else 1 - some.elder
    gender = some.female if label.female else 1 - some.female
    assert min(age, gender) >= confidence - 1e-4


@example(Label.ELDER_MALE, 0.5, [0.0, 0.0, 0.0, 5e-324])  # the smallest number: half of it is 0, or itself
@given(labels, fractions, scores)
def test_the_four_probabilities_come_back_from_the_answers(
    label: Label, confidence: float, scores: list[float]
) -> None:
    four = probabilities_of(label, confidence, scores)
    elder_male, elder_female, _, adult_female = four
    exact = Answers(
        Answer(ELDER, min(elder_male + elder_female, 1)), Answer(FEMALE, min(elder_female + adult_female, 1))
    )
    assert probabilities_from(label, confidence, exact) == pytest.approx(four, abs=1e-6)


@given(labels, fractions, answers)
def test_answers_that_no_four_probabilities_have_still_give_four(
    label: Label, confidence: float, some: Answers
) -> None:
    """A model may calibrate its label and its answers apart."""
    four = probabilities_from(label, confidence, some)
    assert (len(four), sum(four)) == (len(LABELS), pytest.approx(1))
    assert min(four) >= 0
