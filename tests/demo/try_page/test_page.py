"""The page in Chromium, with a counter that answers as a test says: every outcome, in words of both languages."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Route, expect, sync_playwright

from contracts.answers_message import (
    MISSING_INPUT,
    NOT_DECLARED,
    SEVERAL_FOUND,
    AnswersMessage,
    AnswersStatus,
    Choice,
    Subject,
)
from contracts.boxes import Box
from contracts.messages import Status
from demo.try_page.server import create_app
from imaging.decoding import decode
from kiosk.errors import NoAnswer
from kiosk.screen.guard import hosts_of
from recipes.kiosk.message import REASONS_OF
from recipes.recipe import Recipe
from recipes.texts import Texts
from tests.chromium import CHROMIUM, FLAGS
from tests.demo.try_page.answering import (
    CAREFUL,
    CAREFUL_TEXTS,
    EN,
    EYE,
    KO,
    RECIPE,
    SURE,
    TEXTS,
    FakeCounter,
    message,
)
from tests.demo.try_page.opened import SIZES, SOME_MS, opened
from tests.imaging.heics import GRADIENT
from tests.pictures import encoded, gradient, turned_by_exif

EXPLAINED = replace(message(AnswersStatus.LABELLED, EYE), pictures={"why": "https://s3/why?secret"})
FIGURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="220"><rect width="9" height="9"/></svg>'
WHY_PICTURE = encoded(gradient(), "PNG")

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")


@dataclass
class Served:
    """The page at `url`, whose pictures the counter answers, until `stop`."""

    url: str
    counter: FakeCounter
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(SOME_MS / 1e3)


@contextmanager
def serving(
    counter: FakeCounter, recipe: Recipe = RECIPE, texts: Mapping[str, Texts] = TEXTS
) -> Generator[Served, None, None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = create_app(
            recipe,
            texts,
            counter,
            hosts=hosts_of(port),
            fetched=lambda link: FIGURE if "figure" in link else WHY_PICTURE,
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        served = Served(f"http://127.0.0.1:{port}/", counter, server, thread)
        try:
            yield served
        finally:
            served.stop()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(FakeCounter()) as served:
        yield served


@pytest.fixture
def careful() -> Iterator[Served]:
    """A recipe that asks for a declaration first, and keeps no photo."""
    with serving(FakeCounter(replace(message(AnswersStatus.LABELLED, EYE), inputs={})), CAREFUL, CAREFUL_TEXTS) as it:
        yield it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Playwright keeps an event loop in this thread, so it ends with the module."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(gradient(400, 300), quality=90))
    return path


def test_answers_are_words_with_what_is_certain_about_them(browser: Browser, served: Served, photo: Path) -> None:
    """The box lies where the message has it; an unsure answer is a question, a score has its interval.

    Where the recipe explains a value, the text stands below the answer.
    """
    with opened(browser, served.url) as shown:
        shown.page.check("text=cat", force=True)
        shown.send(photo)
        answers = shown.answered()
        expect(answers.locator("h2")).to_have_text("One face found")
        expect(answers.locator(".notice")).to_have_text(EN.notice)
        expect(answers.locator(".row")).to_have_text(
            [
                re.compile("Sign *no sign seen *97 % *Not seen in this picture.$"),
                re.compile("Side *left\\? *54 % *not sure$"),
                re.compile("Age *7.3 *0 *20 *4.5 to 9.8 in 8 of 10 cases$"),
            ]
        )
        expect(answers.locator(".unsure")).to_have_count(1)
        expect(answers.locator(".joined")).to_have_text("Together: no sign seen · left? (52 %)")
        expect(answers.locator(".took")).to_have_text("0.42 s from upload to answer (0.03 s uploading)")
        picture, box = (shown.page.locator(each).bounding_box() for each in (".picture", ".box"))
        assert picture and box
        across = [(box["x"] - picture["x"]) / picture["width"], box["width"] / picture["width"]]
        down = [(box["y"] - picture["y"]) / picture["height"], box["height"] / picture["height"]]
        assert across + down == pytest.approx([0.25, 0.5, 0.1, 0.5], abs=0.01)
        assert served.counter.asked == [(photo.read_bytes(), {"species": "cat"})]
        assert (shown.complaints, shown.outside) == ([], [])


def test_the_picture_that_shows_why_stands_under_the_answers(browser: Browser, served: Served, photo: Path) -> None:
    """In the words of its question, and without a request to where it was stored."""
    served.counter.says = EXPLAINED
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        why = shown.answered().locator("figure")
        expect(why.locator("h3")).to_have_text("Why")
        picture = why.get_by_role("img", name="A picture, bright where it speaks for the answer to “Sign”")
        assert picture.evaluate("(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [
            64,
            48,
        ]
        expect(why.locator("figcaption")).not_to_contain_text("From the left")
        shown.switch_language()
        expect(why.locator("h3")).to_have_text("왜 그렇게 보았나요")
        served.counter.says = replace(EXPLAINED, subjects=(EYE, EYE))
        shown.send(photo)
        expect(shown.page.locator(".several")).to_be_visible(timeout=SOME_MS)
        expect(why.locator("figcaption")).to_contain_text("왼쪽부터 1번")
        served.counter.says = replace(EXPLAINED, pictures={})
        shown.send(photo)
        expect(shown.page.locator(".several")).to_have_count(0, timeout=SOME_MS)
        expect(shown.answered().locator("figure")).to_have_count(0)
        assert (shown.complaints, shown.outside) == ([], [])


def test_the_figure_of_the_answers_is_an_image_in_which_nothing_runs(
    browser: Browser, served: Served, photo: Path
) -> None:
    """Though it were no figure but a script; its text is the recipe's, in the language of the page."""
    served.counter.says = replace(EXPLAINED, pictures={"figure": "https://s3/figure.svg?secret"})
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        figure = shown.answered().get_by_role("img", name="A figure of the answers")
        assert figure.evaluate("(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [
            120,
            220,
        ]
        assert str(figure.get_attribute("src")).startswith("data:image/svg+xml;base64,")
        assert figure.evaluate("(image) => image.tagName") == "IMG"
        shown.switch_language()
        expect(shown.answered().get_by_role("img", name="답을 그린 그림")).to_be_visible()
        assert (shown.complaints, shown.outside, shown.faults()) == ([], [], [])


def test_a_head_without_an_answer_says_so_and_gives_no_percentage(
    browser: Browser, served: Served, photo: Path
) -> None:
    """In words of both languages; no bar, no question mark."""
    none = {"sign": Choice("unknown", 0.0, False), "side": Choice("unseen", 0.0, False), "age": SURE["age"]}
    served.counter.says = message(AnswersStatus.LABELLED, Subject(Box(0, 0, 1, 1), none))
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        rows = shown.answered().locator(".row")
        expect(rows.nth(0)).to_have_text(re.compile("^ *Sign *not known yet *$"))
        expect(rows.nth(1)).to_have_text(re.compile("^ *Side *not in the picture *$"))
        shown.switch_language()
        expect(rows.nth(0)).to_have_text(re.compile("^ *변화 *아직 모름 *$"))
        expect(rows.nth(1)).to_have_text(re.compile("^ *쪽 *사진에 보이지 않음 *$"))
        assert (shown.complaints, shown.outside) == ([], [])


def test_the_share_of_a_colour_is_told_as_no_probability(browser: Browser, served: Served, photo: Path) -> None:
    served.counter.says = message(
        AnswersStatus.LABELLED, Subject(Box(0, 0, 1, 1), {"fur": Choice("white", 0.93, True)})
    )
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        row = shown.answered().locator(".row")
        expect(row).to_have_text(re.compile("^ *Fur *white *93 % of it *$"))
        expect(row.get_by_label("93 % of the part has it")).to_be_visible()
        shown.switch_language()
        expect(row).to_have_text(re.compile("^ *털 *하양 *넓이의 93% *$"))
        assert (shown.complaints, shown.outside) == ([], [])


def test_one_switch_changes_the_language_and_is_remembered(browser: Browser, served: Served, photo: Path) -> None:
    """The answers stay; nothing is sent again."""
    with opened(browser, served.url, locale="ko-KR") as shown:
        shown.page.check("text=개", force=True)
        shown.send(photo)
        answers = shown.answered()
        expect(answers.locator(".row").nth(1)).to_have_text(re.compile("쪽 *왼쪽\\? *54% *불확실"))
        expect(answers.locator(".notice")).to_have_text(KO.notice)
        shown.switch_language()
        expect(answers.locator(".row").nth(1)).to_have_text(re.compile("Side *left\\? *54 % *not sure"))
        expect(answers.locator(".notice")).to_have_text(EN.notice)
        assert shown.page.locator("html").get_attribute("lang") == "en"
        assert len(served.counter.asked) == 1
        shown.page.reload()
        expect(shown.page.locator("h1")).to_have_text(EN.title, timeout=SOME_MS)


def test_nothing_is_sent_before_the_inputs_are_chosen(browser: Browser, served: Served, photo: Path) -> None:
    """A choice sends the picture; another choice sends it again."""
    with opened(browser, served.url) as shown:
        shown.send(photo)
        expect(shown.page.locator(".answers h2")).to_have_text("Choose first: Animal", timeout=SOME_MS)
        assert served.counter.asked == []
        for choice in ("dog", "cat"):
            shown.page.check(f"text={choice}", force=True)
            shown.answered()
        assert [inputs for _, inputs in served.counter.asked] == [{"species": "dog"}, {"species": "cat"}]


def test_nothing_is_sent_before_the_declaration_and_with_it_the_photo_is(
    browser: Browser, careful: Served, photo: Path
) -> None:
    """Unticked, nothing more is sent, and what was answered before is not shown."""
    with opened(browser, careful.url) as shown:
        expect(shown.page.get_by_role("checkbox", name="I am an adult.")).not_to_be_checked()
        expect(shown.page.locator("footer")).to_contain_text("It is deleted as soon as it is answered.")
        shown.send(photo)
        expect(shown.page.locator(".answers h2")).to_have_text("First tick the box", timeout=SOME_MS)
        assert careful.counter.asked == []
        shown.page.get_by_role("checkbox").check()
        shown.answered()
        assert careful.counter.asked == [(photo.read_bytes(), {"adult-declared": "yes"})]
        shown.page.get_by_role("checkbox").uncheck()
        expect(shown.page.locator(".answers h2")).to_have_text("First tick the box")
        shown.send(photo)
        expect(shown.page.locator("html[data-state=ready]")).to_have_count(1, timeout=SOME_MS)
        shown.switch_language()
        expect(shown.page.get_by_role("checkbox", name="저는 성인입니다.")).not_to_be_checked()
        expect(shown.page.locator(".answers h2")).to_have_text("먼저 네모 칸을 눌러 주세요")
        assert len(careful.counter.asked) == 1
        assert (shown.complaints, shown.outside) == ([], [])


def test_a_score_is_a_word_then_points_of_so_many_then_its_interval(
    browser: Browser, careful: Served, photo: Path
) -> None:
    """Where the recipe has words for it: a person need not know whether 7 of 20 is much."""
    with opened(browser, careful.url) as shown:
        shown.page.get_by_role("checkbox").check()
        shown.send(photo)
        row = shown.answered().locator(".row").nth(2)
        expect(row).to_have_text(re.compile("Age *middling *7.3 of 20 points *0 *20 *4.5 to 9.8 in 8 of 10 cases$"))
        shown.switch_language()
        expect(row).to_have_text(re.compile("나이 *보통 *20점 만점에 7.3점 *0 *20 *열에 여덟은 4.5~9.8$"))


OUTCOMES = [
    message(AnswersStatus.NOTHING_FOUND),
    message(AnswersStatus.UNSURE, Subject(Box(0, 0, 1, 1), {"side": SURE["side"]})),
    *(message(AnswersStatus.DECLINED, reason=reason) for reason in (SEVERAL_FOUND, MISSING_INPUT, NOT_DECLARED)),
    *(message(AnswersStatus.REJECTED, reason=str(reason)) for reason in sorted(REASONS_OF[Status.REJECTED])),
]


def test_every_outcome_is_told_in_words_of_both_languages(browser: Browser, served: Served, photo: Path) -> None:
    """A headline and a sentence; never the name of a status or a reason."""
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        for outcome in OUTCOMES:
            served.counter.says = outcome
            shown.send(photo)
            said: list[str] = []
            for letter in ("[A-Za-z]", "[가-힣]"):
                told = [shown.answered().locator(each).first.inner_text() for each in ("h2", "h2 + p")]
                assert re.match(f"{letter}.*\n.*{letter}.*\\.$", "\n".join(told)), (outcome.status, outcome.reason)
                said += told
                shown.switch_language()
            assert not any("_" in each for each in said)
            expect(shown.page.locator(".box")).to_have_count(len(outcome.subjects))
        assert (shown.complaints, shown.outside) == ([], [])


def test_several_subjects_have_numbers_on_the_picture_and_beside_it(
    browser: Browser, served: Served, photo: Path
) -> None:
    """The one that is pointed at is marked in both places."""
    second = Subject(Box(0.8, 0.2, 0.95, 0.5), {"sign": SURE["sign"]})
    served.counter.says = message(AnswersStatus.LABELLED, EYE, second)
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        answers = shown.answered()
        expect(answers.locator("h2")).to_have_text("2 faces found")
        expect(answers.locator("article h3")).to_have_text(["1", "2"])
        expect(shown.page.locator(".box b")).to_have_text(["1", "2"])
        answers.locator("article").nth(1).hover()
        expect(shown.page.locator(".box").nth(1)).to_have_class("box pointed")


@pytest.mark.parametrize("size", list(SIZES))
def test_the_notice_stays_beside_the_answers(browser: Browser, served: Served, photo: Path, size: str) -> None:
    """Of a dozen subjects the last is seen with it, too."""
    served.counter.says = message(AnswersStatus.LABELLED, *[EYE] * 12)
    with opened(browser, served.url, size=size) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        answers = shown.answered()
        answers.locator("article").last.scroll_into_view_if_needed()
        expect(answers.locator("article").last).to_be_in_viewport()
        expect(answers.locator(".notice")).to_be_in_viewport(ratio=1)


def test_the_message_itself_is_shown_on_request(browser: Browser, served: Served, photo: Path) -> None:
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        raw = shown.answered().locator("pre")
        expect(raw).to_be_hidden()
        shown.page.click("summary")
        assert AnswersMessage.from_json(raw.inner_text()) == served.counter.says


def test_a_picture_that_was_not_answered_can_be_sent_again(browser: Browser, served: Served, photo: Path) -> None:
    """In the language of the page, with the program's own sentence; also when the program has ended."""
    says, served.counter.says = served.counter.says, NoAnswer("no label for demo/1 within 20 s")
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        answers = shown.page.locator(".answers")
        expect(answers).to_contain_text("No answer came in time.", timeout=SOME_MS)
        expect(answers).to_contain_text("no label for demo/1 within 20 s")
        served.counter.says = says
        shown.page.click("text=Send again")
        expect(shown.answered().locator(".row")).to_have_count(3)
        served.stop()
        shown.page.check("text=cat", force=True)
        expect(answers).to_contain_text("The program behind this page has ended.", timeout=SOME_MS)


def test_a_late_answer_does_not_replace_that_about_the_next_picture(
    browser: Browser, served: Served, photo: Path
) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route) if not held else route.continue_()

    with opened(browser, served.url) as shown:
        shown.page.route("**/api/ask?*", hold_the_first)
        shown.page.check("text=dog", force=True)
        shown.send(photo)
        expect(shown.page.locator("html[data-state=asking]")).to_have_count(1, timeout=SOME_MS)
        shown.send(photo)
        expect(shown.answered().locator("h2")).to_have_text("One face found")
        nothing = {"message": json.loads(message(AnswersStatus.NOTHING_FOUND).to_json()), "upload_ms": 1, "total_ms": 2}
        with shown.page.expect_response("**/api/ask?*"):
            held[0].fulfill(json=nothing)
        expect(shown.page.locator(".answers h2")).to_have_text("One face found")


def test_a_phones_picture_is_shown_upright_and_heic_as_a_jpeg(browser: Browser, served: Served, tmp_path: Path) -> None:
    """The box of the message is that of the upright picture."""
    turned, heic = tmp_path / "turned.jpg", tmp_path / "phone.heic"
    turned.write_bytes(turned_by_exif(gradient(400, 300), 6))
    heic.write_bytes(GRADIENT)
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        for file, ratio in ((turned, 3 / 4), (heic, 4 / 3)):
            shown.send(file)
            shown.answered()
            picture = shown.page.locator(".picture").bounding_box()
            assert picture and picture["width"] / picture["height"] == pytest.approx(ratio, abs=0.01)
        assert served.counter.asked[0][0] == turned.read_bytes()
        assert decode(served.counter.asked[1][0]).size == (64, 48)


def test_a_file_that_is_no_picture_is_sent_too(browser: Browser, served: Served, tmp_path: Path) -> None:
    """The cloud says what is wrong with it."""
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    served.counter.says = message(AnswersStatus.REJECTED, reason="not_an_image")
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.send(text)
        expect(shown.answered().locator("h2")).to_have_text("The picture can't be read")
        expect(shown.page.locator(".no-preview")).to_be_visible()
        assert served.counter.asked == [(b"no picture", {"species": "dog"})]


def test_the_camera_takes_a_picture_and_is_turned_off(browser: Browser, served: Served) -> None:
    with opened(browser, served.url) as shown:
        shown.page.check("text=dog", force=True)
        shown.page.click("text=Use the camera")
        shown.page.wait_for_function("() => document.querySelector('video')?.videoWidth", timeout=SOME_MS)
        video = shown.page.evaluate_handle("() => document.querySelector('video').srcObject")
        shown.page.click("text=Take the picture")
        shown.answered()
        assert video.evaluate("(stream) => stream.getTracks().map((track) => track.readyState)") == ["ended"]
        assert decode(served.counter.asked[0][0]).jpeg is not None
        assert (shown.complaints, shown.outside) == ([], [])


def test_a_camera_that_is_not_allowed_is_told(browser: Browser, served: Served) -> None:
    with opened(browser, served.url) as shown:
        shown.page.context.clear_permissions()
        shown.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')); }")
        shown.page.click("text=Use the camera")
        expect(shown.page.get_by_role("alert")).to_contain_text("The camera can't be used.")


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
def test_axe_finds_nothing_and_nothing_is_beyond_the_window(
    browser: Browser, served: Served, photo: Path, size: str, locale: str
) -> None:
    """Before a picture, and with its answers, what shows why, and the message itself."""
    served.counter.says = EXPLAINED
    with opened(browser, served.url, size=size, locale=locale) as shown:
        faults = shown.faults()
        shown.page.locator("input[type=radio]").first.check(force=True)
        shown.send(photo)
        shown.answered()
        shown.page.click("summary")
        assert faults + shown.faults() == []


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
def test_axe_finds_nothing_about_a_declaration_and_words_for_a_score(
    browser: Browser, careful: Served, photo: Path, size: str, locale: str
) -> None:
    """Before the box is ticked, with a picture that waits for it, and with the answers."""
    with opened(browser, careful.url, size=size, locale=locale) as shown:
        faults = shown.faults()
        shown.send(photo)
        expect(shown.page.locator(".answers h2")).to_be_visible(timeout=SOME_MS)
        faults += shown.faults()
        shown.page.get_by_role("checkbox").check()
        shown.answered()
        assert faults + shown.faults() == []
