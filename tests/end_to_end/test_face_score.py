"""The recipe face-score in a whole cloud: asked only after a declaration, answered, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from contracts.answers_message import AnswersMessage, AnswersResult, AnswersStatus, Score
from contracts.instants import now
from contracts.messages import DatasetTree
from contracts.names import RESULTS, UPLOADS, WHYS, Reference, new_image_id
from local.environment import ROOT
from tests.chromium import CHROMIUM, FLAGS
from tests.demo.try_page.opened import opened
from tests.end_to_end.conftest import Running, running_cloud
from tests.end_to_end.test_queue import nothing_is_left
from tests.end_to_end.test_try import DRAWS, trying
from tests.lambdas.events import announcing, upload_of
from tests.waiting import until

SAMPLES = ROOT / "samples"
PORTRAIT = SAMPLES / "usg_D000601.jpg"
PICTURE = ROOT / "docs" / "recipes" / "face-score.png"
DECLARED = {"adult-declared": "yes"}


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cloud whose worker sweeps every two seconds."""
    folder = tmp_path_factory.mktemp("forgetful")
    with running_cloud(folder, "--recipe=face-score", NUNCHI_SWEEP_EVERY_S="2") as running:
        yield running


def keys(cloud: Running, bucket: str, prefix: str = "") -> list[str]:
    listed = cloud.record.client("s3").list_objects_v2(Bucket=cloud.status["buckets"][bucket], Prefix=prefix)
    return [each["Key"] for each in listed.get("Contents", [])]


def put(cloud: Running, photo: bytes, declared: dict[str, str], key: str = "") -> Reference:
    reference = Reference("demo", new_image_id(now()))
    cloud.record.client("s3").put_object(
        Bucket=cloud.status["buckets"]["images"], Key=key or reference.upload_key, Body=photo, Metadata=declared
    )
    return reference


def answer(cloud: Running, reference: Reference) -> AnswersResult:
    until(lambda: reference.result_key in keys(cloud, "images", RESULTS), within_s=60, what=f"an answer to {reference}")
    stored = cloud.record.client("s3").get_object(Bucket=cloud.status["buckets"]["images"], Key=reference.result_key)
    return AnswersResult.from_json(stored["Body"].read())


def assert_nothing_is_kept(cloud: Running) -> None:
    """No upload, no part of one, nothing that teaches or waits for review."""
    until(lambda: keys(cloud, "images", UPLOADS) == [], within_s=60, what="no upload in the bucket")
    assert keys(cloud, "images", WHYS) == []
    assert keys(cloud, "dataset") == []


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here: `apt-get install chromium`")
def test_a_photo_is_sent_after_the_tick_scored_on_the_page_and_gone(forgetful: Running) -> None:
    """In both languages: a box, a word, points of five and their interval, what to do better."""
    with trying(forgetful.state) as (_, address), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        with opened(browser, address, locale="ko-KR") as shown:
            shown.send(PORTRAIT)
            expect(shown.page.locator(".answers h2")).to_have_text("먼저 네모 칸을 눌러 주세요")
            assert keys(forgetful, "images") == []
            shown.page.get_by_role("checkbox", name="저는 성인이고, 제 사진입니다.").check()
            rows = shown.answered().locator(".row")
            expect(rows.nth(1)).to_contain_text("5점 만점에")
            shown.switch_language()
            expect(rows.nth(0)).to_contain_text("The rule that was used")
            expect(rows.nth(1)).to_contain_text("of 5 points")
            expect(rows.nth(1)).to_contain_text("in 8 of 10 cases")
            expect(rows.nth(2)).to_contain_text("What to do better")
            expect(shown.page.locator(".box")).to_have_count(1)
            assert shown.faults() == []
            if DRAWS:
                shown.page.screenshot(path=PICTURE, full_page=True)
            shown.page.click("summary")
            message = AnswersMessage.from_json(shown.page.locator("pre").inner_text())
            assert (shown.complaints, shown.outside) == ([], [])
        browser.close()
    assert (message.status, dict(message.inputs)) == (AnswersStatus.LABELLED, DECLARED)
    [subject] = message.subjects
    assert isinstance(subject.answers["score"], Score)
    assert_nothing_is_kept(forgetful)
    result = answer(forgetful, message.reference)
    assert (result.message, result.training) == (message, DatasetTree.NONE)


OUTCOMES = {
    "nobody in it": ("kiosk-nobody.jpg", DECLARED, AnswersStatus.NOTHING_FOUND, None),
    "two people in it": ("kiosk-two-people.jpg", DECLARED, AnswersStatus.DECLINED, "several_found"),
    "no declaration": (PORTRAIT.name, dict[str, str](), AnswersStatus.DECLINED, "not_declared"),
    "another declaration": (PORTRAIT.name, {"adult-declared": "no"}, AnswersStatus.DECLINED, "not_declared"),
    "no picture": ("README.md", DECLARED, AnswersStatus.REJECTED, "not_an_image"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_becomes_of_a_photo_nothing_of_it_is_kept(forgetful: Running, outcome: str) -> None:
    """The worker deletes it by a right of its own role, which is enforced here as on AWS."""
    name, declared, status, reason = OUTCOMES[outcome]
    told = answer(forgetful, put(forgetful, (SAMPLES / name).read_bytes(), declared)).message
    assert (told.status, told.reason) == (status, reason)
    assert_nothing_is_kept(forgetful)


def test_a_photo_under_a_wrong_name_is_deleted_there(forgetful: Running) -> None:
    reference = Reference("demo", new_image_id(now()))
    put(forgetful, PORTRAIT.read_bytes(), DECLARED, reference.upload_key.removesuffix("jpg") + "PNG")
    assert answer(forgetful, reference).message.reason == "wrong_suffix"
    assert_nothing_is_kept(forgetful)


def test_a_photo_that_comes_again_under_its_name_is_not_looked_at_and_goes_too(forgetful: Running) -> None:
    """The first answer stands; the sweep deletes what has one."""
    reference = put(forgetful, PORTRAIT.read_bytes(), DECLARED)
    first = answer(forgetful, reference)
    assert_nothing_is_kept(forgetful)
    put(forgetful, (SAMPLES / "kiosk-nobody.jpg").read_bytes(), DECLARED, reference.upload_key)
    assert_nothing_is_kept(forgetful)
    assert answer(forgetful, reference) == first


def test_from_the_queue_a_message_for_a_photo_that_is_gone_is_done_with_and_no_dead_letter(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """S3 announces an upload more than once at times; and one that never came is no error either."""
    folder = tmp_path_factory.mktemp("queue")
    with running_cloud(folder, "--recipe=face-score", "--mode=queue", "--workers=1") as cloud:
        reference = put(cloud, PORTRAIT.read_bytes(), DECLARED)
        first = answer(cloud, reference)
        assert_nothing_is_kept(cloud)
        never = Reference("demo", new_image_id(now()))
        for each in (reference, reference, never):
            cloud.record.client("sqs").send_message(
                QueueUrl=cloud.record.queues["uploads"], MessageBody=announcing(upload_of(each, now()))
            )
        until(lambda: nothing_is_left(cloud), within_s=60, what="queue and dead letters are empty")
        assert answer(cloud, reference) == first
        assert keys(cloud, "images") == [reference.result_key]
