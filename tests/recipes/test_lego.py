"""The recipe lego: its figure says what the answers say, and nothing else."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.answers_message import UNKNOWN, UNSEEN, Choice, Score, Subject
from contracts.boxes import Box
from recipes.colours import PALETTES, Palette
from recipes.pictures import load_picture
from recipes.reading import folder_of, load

RECIPE = load("lego")
draw = load_picture(RECIPE, folder_of("lego"))
SVG = "{http://www.w3.org/2000/svg}"
EVERYWHERE = Box(0, 0, 1, 1)
COLOURS = PALETTES[Palette.BASIC13]


def subject(**answers: Choice | Score) -> Subject:
    return Subject(EVERYWHERE, answers)


def drawn(*subjects: Subject) -> str:
    assert draw is not None
    return draw(subjects)


def elements(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter())  # noqa: S314 - our own


def fills(svg: str) -> set[str]:
    return {each.attrib["fill"] for each in elements(svg) if "fill" in each.attrib}


def choices(question: str) -> st.SearchStrategy[Choice]:
    values = st.sampled_from([*RECIPE.says(question), UNKNOWN, UNSEEN])
    return st.builds(
        lambda value, sure: Choice(value, 0.5, sure and value not in (UNKNOWN, UNSEEN)), values, st.booleans()
    )


ANY = st.dictionaries(st.sampled_from(RECIPE.questions), st.text(), max_size=5).flatmap(
    lambda asked: st.fixed_dictionaries({question: choices(question) for question in asked})
)


@given(st.lists(ANY, min_size=1, max_size=9))
def test_any_answers_are_a_picture_of_plain_shapes(answers: list[dict[str, Choice]]) -> None:
    """No script, no style, no link, nothing from outside; the same answers are the same picture."""
    subjects = [Subject(EVERYWHERE, each) for each in answers]
    svg = drawn(*subjects)
    names = {each.tag.removeprefix(SVG) for each in elements(svg)}
    assert names <= {"svg", "g", "rect", "path", "circle", "text", "title"}
    attributes = {name for each in elements(svg) for name in each.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name or name == "style"]
    assert svg == drawn(*subjects)
    assert len(svg) < 40_000


def test_a_figure_wears_the_colours_of_the_answers() -> None:
    """Every colour of the palette is another one."""
    alone = {
        colour: fills(drawn(subject(top_colour=Choice(colour, 0.9, True)))) - fills(drawn(subject()))
        for colour in COLOURS
    }
    assert all(len(each) == 1 for each in alone.values())
    assert len(set.union(*alone.values())) == len(COLOURS)
    both = drawn(subject(top_colour=Choice("red", 0.9, True), bottom_colour=Choice("blue", 0.9, True)))
    assert fills(both) >= alone["red"] | alone["blue"]


@pytest.mark.parametrize("value", [UNKNOWN, UNSEEN])
def test_what_has_no_answer_is_an_outline(value: str) -> None:
    """As if nothing had been asked."""
    nothing = {question: Choice(value, 0.0, False) for question in RECIPE.questions}
    assert drawn(subject(**nothing)) == drawn(subject())
    assert "stroke-dasharray" in drawn(subject())


def test_an_unsure_colour_has_a_question_mark() -> None:
    assert "?</text>" in drawn(subject(top_colour=Choice("red", 0.4, False)))
    assert "</text>" not in drawn(subject(top_colour=Choice("red", 0.9, True)))


def test_an_unsure_garment_has_no_shape_of_its_own() -> None:
    """A guessed skirt would be an invention; a guessed colour is told as one."""
    colour = Choice("red", 0.9, True)
    plain = drawn(subject(bottom_colour=colour))
    unsure = drawn(subject(bottom=Choice("skirt", 0.4, False), bottom_colour=colour))
    sure = drawn(subject(bottom=Choice("skirt", 0.9, True), bottom_colour=colour))
    without_title = [each.partition("</title>")[2] for each in (plain, unsure, sure)]
    assert without_title[0] == without_title[1] != without_title[2]


def test_words_are_escaped() -> None:
    """An answer is the recipe's word today; a figure does not rely on it."""
    svg = drawn(subject(gender=Choice("<script>alert(1)</script>", 0.9, True)))
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_at_most_six_figures_stand_side_by_side() -> None:
    both = [drawn(*[subject()] * count).count("<g ") for count in (1, 6, 7)]
    assert both == [1, 6, 6]
    with pytest.raises(ValueError, match="nobody"):
        drawn()


def test_colours_are_measured_and_garments_may_be_unknown() -> None:
    assert [head.name for head in RECIPE.heads if head.colour] == ["top_colour", "bottom_colour"]
    assert [head.name for head in RECIPE.heads if head.later] == ["top", "bottom"]
