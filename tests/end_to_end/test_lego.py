"""The recipe lego through the whole cloud: a picture of a person, the answers, and the figure that wears them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from urllib.error import HTTPError

import pytest
from playwright.sync_api import expect, sync_playwright

from contracts.answers_message import UNKNOWN, AnswersMessage
from demo.drawn_clothes import people
from local.environment import ROOT
from local.ports import fetch
from tests.chromium import CHROMIUM, FLAGS
from tests.demo.try_page.opened import opened
from tests.end_to_end.conftest import running_cloud
from tests.end_to_end.test_try import trying

PICTURE = ROOT / "docs" / "recipes" / "lego.png"
DRAWS = os.environ.get("NUNCHI_SCREENSHOTS") == "1"  # make the picture of docs/recipes anew
GREEN_AND_BROWN = 8  # the number of that drawn person


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")
def test_a_person_in_drawn_clothes_is_answered_and_drawn_as_a_figure(tmp_path: Path) -> None:
    """Garments are unknown, colours are sure; the figure is stored beside the result, and only its link opens it."""
    person = list(people(GREEN_AND_BROWN + 1))[-1]
    photo = tmp_path / "person.jpg"
    photo.write_bytes(person.jpeg)
    with (
        running_cloud(tmp_path / "lego", "--recipe=lego") as running,
        trying(running.state) as (_, address),
        sync_playwright() as playwright,
    ):
        assert json.loads(fetch(f"{address}api/recipe"))["name"] == "lego"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with opened(browser, address) as shown:
            shown.send(photo)
            answers = shown.answered()
            expect(answers.locator("h2")).to_have_text("One person found")
            figure = answers.get_by_role("img", name="A figure of each person")
            expect(figure).to_be_visible()
            expect(answers.locator(".row").nth(1)).to_contain_text("not known yet")
            expect(answers.locator(".row").nth(2)).to_contain_text(person.top)
            expect(answers.locator(".row").nth(4)).to_contain_text(person.bottom)
            if DRAWS:
                shown.page.screenshot(path=PICTURE, full_page=True)
            source = str(figure.get_attribute("src"))
            shown.page.click("summary")
            message = AnswersMessage.from_json(shown.page.locator("pre").inner_text())
            svg = fetch(message.pictures["figure"])
            assert source == f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
            with pytest.raises(HTTPError, match="403"):
                fetch(message.pictures["figure"].partition("?")[0])
            assert (shown.complaints, shown.outside) == ([], [])
        browser.close()
        [subject] = message.subjects
        said = {question: answer.value for question, answer in subject.answers.items()}
        assert said["top"] == said["bottom"] == UNKNOWN
        assert (said["top_colour"], said["bottom_colour"]) == (person.top, person.bottom)
        images = running.status["buckets"]["images"]
        stored = running.record.client("s3").get_object(Bucket=images, Key=message.reference.drawn_key)
        assert (stored["ContentType"], stored["Body"].read()) == ("image/svg+xml", svg)
