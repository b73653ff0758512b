"""A recipe becomes Label Studio's labelling interface."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given

from recipes.reading import load
from recipes.recipe import Head, Recipe
from retrain.review.heads.interface import controls, label_config
from tests.retrain.review.heads.recipes import ROUTED, WHOLE, drawn_recipes, head, recipe


def parsed(asked: Recipe) -> ET.Element:
    return ET.fromstring(label_config(asked))  # noqa: S314 - our own


def tags(asked: Recipe, *names: str) -> list[ET.Element]:
    return [tag for tag in parsed(asked).iter() if tag.tag in names]


def test_what_is_asked_about_the_whole_photo_has_no_box() -> None:
    assert label_config(WHOLE) == (
        """<View>
  <Image name="photo" value="$image" zoom="true" />
  <Header value="digit" />
  <Choices name="digit-0" toName="photo" choice="single" showInline="true">
    <Choice value="n0" />
    <Choice value="n1" />
  </Choices>
  <Header value="ink" />
  <Rating name="ink-1" toName="photo" maxRating="10" />
</View>
"""
    )


def test_what_is_asked_about_a_subject_is_asked_of_its_box() -> None:
    people = recipe(
        head("gender", "male", "female"),
        head("beard", "yes", "no", when={"gender": "male"}),
        head("age", score=[0, 99.5]),
        find="person",
    )
    assert label_config(people) == (
        """<View>
  <Image name="photo" value="$image" zoom="true" />
  <RectangleLabels name="subject" toName="photo" canRotate="false">
    <Label value="person" />
  </RectangleLabels>
  <Header value="gender" />
  <Choices name="gender-0" toName="photo" perRegion="true" choice="single" showInline="true">
    <Choice value="male" />
    <Choice value="female" />
  </Choices>
  <View visibleWhen="choice-selected" whenTagName="gender-0" whenChoiceValue="male">
    <Header value="beard, if gender is male" />
    <Choices name="beard-1" toName="photo" perRegion="true" choice="single" showInline="true" \
visibleWhen="choice-selected" whenTagName="gender-0" whenChoiceValue="male">
      <Choice value="yes" />
      <Choice value="no" />
    </Choices>
  </View>
  <Header value="age" />
  <Number name="age-2" toName="photo" perRegion="true" min="0" max="99.5" step="0.01" />
</View>
"""
    )


def test_an_input_is_shown_as_text_and_hides_nothing() -> None:
    """The interface is one for all photos: the heading says when a question is asked, and the import checks it."""
    eye = load("pet-eye")
    headers = [tag.get("value") for tag in tags(eye, "Header")]
    assert headers == ["$shown", "sign, if species is dog", "sign, if species is cat"]
    assert not [tag for tag in tags(eye, "View", "Choices") if "visibleWhen" in tag.attrib]


def test_a_condition_names_the_one_head_that_says_its_value_and_is_left_out_if_several_do() -> None:
    views = [
        (view.get("visibleWhen"), view.get("whenTagName"), view.get("whenChoiceValue"), view[0].get("value"))
        for view in tags(ROUTED, "View")[1:]
    ]
    assert views == [
        ("choice-selected", "gender-0", "male", "score, if gender is male"),
        ("choice-selected", "gender-0", "female", "score, if gender is female"),
        ("choice-selected", "sign-3", "red", "side, if sign is red"),
        ("choice-unselected", "side-6", "left", "weight"),
    ]
    assert "cause, if sign is none" in [tag.get("value") for tag in tags(ROUTED, "Header")]


def test_a_colour_is_not_asked_nor_what_hangs_on_it() -> None:
    """It is measured; label files hold none, so no training would learn the other."""
    worn = recipe(
        {"name": "tone", "colour": "basic13"},
        head("kind", "skirt", "shorts", when={"tone": "red"}),
        head("length", "long", "short", when={"kind": "skirt"}),
        head("open", "yes", "no"),
        find="person",
        judge={"of": "open"},
    )
    assert controls(worn) == {"open-3": 3}
    assert [tag.get("name") for tag in tags(worn, "Choices")] == ["open-3"]


def test_stars_are_for_few_whole_points_from_one() -> None:
    scores = recipe(*(head(f"s{n}", score=list(ends)) for n, ends in enumerate([(1, 5), (1, 11), (0, 5), (1, 4.5)])))
    assert [(tag.tag, tag.get("name")) for tag in tags(scores, "Rating", "Number")] == [
        ("Rating", "s0-0"),
        ("Number", "s1-1"),
        ("Number", "s2-2"),
        ("Number", "s3-3"),
    ]


def test_every_text_is_escaped() -> None:
    """Though a recipe's file can't have such names."""
    strange = Recipe(
        name="x",
        find=WHOLE.find,
        heads=(
            Head(name='a"<&', says=('1" onclick="', "<b>&")),
            Head(name="c", when={'a"<&': "<b>&"}, says=("x", "y")),
        ),
    )
    assert [tag.get("value") for tag in tags(strange, "Choice")] == ['1" onclick="', "<b>&", "x", "y"]
    assert tags(strange, "View")[1].get("whenChoiceValue") == "<b>&"


@given(drawn_recipes())
def test_each_question_has_one_control_and_refers_to_what_is_there(asked: Recipe) -> None:
    made = parsed(asked)
    names = [tag.get("name") for tag in made.iter() if "name" in tag.attrib]
    assert len(set(names)) == len(names)
    asking = [tag for tag in made.iter() if tag.tag in ("Choices", "Rating", "Number")]
    assert [tag.get("name") for tag in asking] == list(controls(asked))
    assert len(asking) == len(asked.heads)
    for tag in made.iter():
        assert tag.get("toName", "photo") == "photo"
        if "whenTagName" in tag.attrib:
            [named] = [other for other in made.iter("Choices") if other.get("name") == tag.get("whenTagName")]
            values = {choice.get("value") for choice in named}
            assert set(str(tag.get("whenChoiceValue")).split(",")) <= values
