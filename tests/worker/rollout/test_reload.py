"""Another model comes into service: no photo notices, no bad one ever serves, and there is always one."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from contracts.messages import Status
from contracts.names import Reference
from contracts.tickets import Ticket
from local.ports import LOOPBACK, free_ports
from tests.fakes import FACE, FakeDetector
from tests.waiting import until_async
from tests.worker.photos.pipeline_harness import SETTINGS, Bench, bench
from tests.worker.rollout.reload_harness import BUCKET, CONTENT, Shelf
from worker.rollout.reload import Reload, ServingModel, start
from worker.rollout.weights import S3WeightsBucket, WeightsUnavailable
from worker.telemetry.watchdog import HANG_TIMEOUT_S

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

pytestmark = pytest.mark.anyio


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def shelf(s3: S3Client, tmp_path: Path) -> Shelf:
    return Shelf(s3, tmp_path)


def version(reload: Reload) -> str:
    return reload.in_service.model.version


# ---- under load


@asynccontextmanager
async def photos_coming(worker: Bench) -> AsyncGenerator[list[Reference], None]:
    """A photo every few milliseconds, or as many as the machine can do, for as long as the block takes; then all
    are settled. The model that serves at the end of the block has photos, too."""
    sent: list[Reference] = []

    async def send() -> None:
        while True:
            await until_async(lambda: worker.pipeline.waiting < SETTINGS.photos_at_once)
            sent.append(worker.upload())
            assert worker.pipeline.submit([Ticket(sent[-1])]).accepted == 1
            await asyncio.sleep(0.004)

    sending = asyncio.create_task(send())
    try:
        yield sent
        await answered(worker, worker.pipeline.detector.model.version)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await worker.settled()


def serving(worker: Bench, reload: Reload) -> Callable[[], Awaitable[None]]:
    async def serve() -> None:
        worker.pipeline.detector = reload.in_service.detector

    return serve


async def answered(worker: Bench, version: str) -> None:
    """Wait until a photo has been answered by the model of this version."""
    await until_async(lambda: any(one.model.version == version for one in worker.publisher.messages))


def versions_of(worker: Bench, sent: list[Reference]) -> list[str]:
    """The versions that answered, in the order in which photos came, each once in a row; every photo told, once."""
    told = {one.reference: one for one in worker.publisher.messages}
    assert len(worker.publisher.messages) == len(told) == len(sent)
    assert worker.metric("nunchi_failures_total") == 0
    versions: list[str] = []
    for reference in sent:
        result = worker.store.result(reference)
        assert result is not None
        assert result.message == told[reference]
        assert result.message.status is Status.LABELLED
        if versions[-1:] != [result.message.model.version]:
            versions.append(result.message.model.version)
    return versions


async def test_ten_models_come_into_service_and_no_photo_notices(shelf: Shelf, tmp_path: Path) -> None:
    """None is lost, none fails, each names one version, and versions never go back."""
    reload = shelf.following()
    async with bench(tmp_path / "worker") as worker:
        serve = serving(worker, reload)
        await serve()
        async with photos_coming(worker) as sent:
            for number in range(10):
                await asyncio.to_thread(shelf.promote, f"r{number}")
                assert await reload.check()
                await serve()
                await answered(worker, f"r{number}")
        assert versions_of(worker, sent) == ["day-0", *(f"r{number}" for number in range(10))]


async def test_a_rollback_while_a_model_is_being_loaded_comes_after_it(shelf: Shelf, tmp_path: Path) -> None:
    """What was begun is finished, and the next look goes back; photos are served all the while."""
    reload = shelf.following()
    shelf.promote("r1")
    await reload.check()
    async with bench(tmp_path / "worker") as worker:
        serve = serving(worker, reload)
        await serve()
        async with photos_coming(worker) as sent:
            shelf.trials.waits_for = asyncio.Event()
            shelf.promote("r2")
            following = asyncio.create_task(reload.run(serve, period_s=0.02))
            await until_async(lambda: shelf.trials.tried == ["r1", "r2"])
            shelf.registry.rollback(by="ada", reason="a test")
            begun = len(sent)
            await until_async(lambda: len(sent) > begun + 10)
            assert version(reload) == "r1"
            shelf.trials.waits_for.set()
            await until_async(lambda: len(shelf.weights.reads) > 6 and version(reload) == "r1" and shelf.kept >= {"r2"})
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        assert versions_of(worker, sent) in (["r1", "r2", "r1"], ["r1"])  # r2 served between two looks


# ---- what never serves


def overwrite(content: bytes) -> Callable[[Shelf], None]:
    return lambda shelf: shelf.put("runs/bad/m.onnx", content)


def nothing(_: Shelf) -> None:
    pass


BAD: dict[str, tuple[dict[str, Any], Callable[[Shelf], None], str]] = {
    "truncated": ({}, overwrite(CONTENT[:-1]), r"m\.onnx of run bad has SHA-256 .*: it is truncated or was changed"),
    "digest wrong": ({}, overwrite(CONTENT[::-1]), r"m\.onnx of run bad has SHA-256"),
    "manifest changed": (
        {},
        lambda shelf: shelf.put("runs/bad/manifest.json", b"{}"),
        "the manifest of run bad has SHA-256",
    ),
    "other classes": ({"classes": ["person"]}, nothing, r"classes are \['person'\], not"),
    "nan outputs": ({"behaviour": "nan"}, nothing, r"confidence nan is not a number from 0 to 1"),
    "sees nobody": ({"behaviour": "blind"}, nothing, "finds nothing in the picture"),
    "fails at photos": ({"behaviour": "fails"}, nothing, "fails on the picture .*shapes do not fit"),
    "missing file": (
        {},
        lambda shelf: shelf.s3.delete_object(Bucket=BUCKET, Key="runs/bad/m.onnx") and None,
        r"runs/bad/m\.onnx is missing: the run is incomplete",
    ),
    "unknown kind": ({"kind": "oracle"}, nothing, "the kind 'oracle' is unknown"),
    "slower than allowed": ({"behaviour": "slow"}, nothing, "more than 3 times as long, so it does not serve"),
    "allows itself too much": ({"most_slowdown": 1000}, nothing, "most_slowdown is 1000, not a number from 1 to 20"),
    "crashes at load": ({"behaviour": "crashes at load"}, nothing, "can't be loaded: .*no such operator"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_run_never_serves_and_is_tried_once(shelf: Shelf, tmp_path: Path, kind: str) -> None:
    """The model that served serves on, and no photo notices; why is said once; and the next good run is followed."""
    fields, spoil, says = BAD[kind]
    reload = shelf.following()
    shelf.promote("r1")
    assert await reload.check()
    async with bench(tmp_path / "worker") as worker:
        serve = serving(worker, reload)
        await serve()
        async with photos_coming(worker) as sent:
            digest = await asyncio.to_thread(shelf.add, "bad", **fields)
            spoil(shelf)
            shelf.point("bad", digest)
            await refused(shelf, reload, says)
            await serve()
        assert versions_of(worker, sent) == ["r1", "r9"]


POINTERS: dict[str, tuple[bytes, str]] = {
    "no json": (b"r1", "the pointer is not JSON"),
    "another schema": (b'{"schema":2}', "follows schema 2; only 1 is known here: update this program"),
    "missing run": (
        (
            b'{"schema":1,"run":"nowhere","manifest_sha256":"' + b"0" * 64 + b'","moved_at":"2026-11-22T03:04:05Z",'
            b'"moved_by":"ada","previous":null,"reason":"a test"}'
        ),
        r"runs/nowhere/manifest\.json is missing: the run is incomplete",
    ),
}


@pytest.mark.parametrize("kind", POINTERS)
async def test_a_bad_pointer_is_not_followed(shelf: Shelf, kind: str) -> None:
    text, says = POINTERS[kind]
    reload = shelf.following()
    shelf.promote("r1")
    assert await reload.check()
    shelf.put("current.json", text)
    await refused(shelf, reload, says)


async def refused(shelf: Shelf, reload: Reload, says: str) -> None:
    assert not await reload.check()
    assert re.search(says, str(reload.refused))
    assert (version(reload), shelf.refusals) == ("r1", 1)
    loads, fetched = shelf.loads, len(shelf.weights.fetched)
    assert not await reload.check()
    assert (shelf.loads, len(shelf.weights.fetched), shelf.refusals) == (loads, fetched, 1)
    assert not any(name.endswith(".part") for name in shelf.kept)
    shelf.point("r9", shelf.add("r9"))
    assert await reload.check()
    assert version(reload) == "r9"
    assert reload.refused is None


async def test_a_run_that_does_not_come_to_an_end_never_serves(shelf: Shelf) -> None:
    """Native code can't be ended, only left to itself."""
    reload = Reload(replace(shelf.source, timeout_s=0.2), shelf.following().in_service, shelf.metrics)
    shelf.promote("r1", behaviour="hangs at load")
    assert not await reload.check()
    assert "not loaded and checked within 0.2 s; it does not serve" in str(reload.refused)
    assert (version(reload), shelf.refusals) == ("day-0", 1)


async def test_a_full_disk_keeps_the_old_model_and_is_tried_again(shelf: Shelf) -> None:
    """It is said once, nothing is left of the new run, and room is all that it takes."""
    reload = shelf.following()
    shelf.promote("r1")
    shelf.weights.full = True
    for _ in range(3):
        assert not await reload.check()
    assert (version(reload), shelf.refusals, shelf.kept) == ("day-0", 1, set())
    assert reload.refused is not None
    assert "No space left on device" in reload.refused
    shelf.weights.full = False
    assert await reload.check()
    assert version(reload) == "r1"
    assert reload.refused is None


async def test_while_s3_is_away_the_old_model_serves(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    """That is nobody's fault and no refusal; it is said once."""
    reload = shelf.following()
    shelf.promote("r1")
    shelf.weights.away = True
    for _ in range(3):
        assert not await reload.check()
    assert (version(reload), shelf.refusals) == ("day-0", 0)
    assert [one.message for one in caplog.records] == [
        "the bucket does not answer; fake day-0 keeps serving, it is tried again later"
    ]
    shelf.weights.away = False
    assert await reload.check()
    assert version(reload) == "r1"


# ---- the way back, and what is kept


async def test_a_run_that_served_before_may_serve_again_however_slow_it_is(shelf: Shelf) -> None:
    """The way back is never closed by the rule that keeps slow models out."""
    reload = shelf.following()
    shelf.promote("r1", behaviour="slow", most_slowdown=20)
    assert await reload.check()
    shelf.promote("r2")
    assert await reload.check()
    shelf.registry.rollback(by="ada", reason="a test")
    assert await reload.check()
    assert (version(reload), shelf.trials.tried) == ("r1", ["r1", "r2"])


async def test_a_rollback_to_day_0_needs_no_file_of_the_bucket(shelf: Shelf) -> None:
    reload = shelf.following()
    shelf.promote("r1")
    assert await reload.check()
    shelf.registry.promote(None, by="ada", reason="a test")
    assert await reload.check()
    assert version(reload) == "day-0"
    shelf.s3.delete_object(Bucket=BUCKET, Key="current.json")  # the same, said otherwise
    assert not await reload.check()
    assert version(reload) == "day-0"


async def test_the_disk_keeps_the_last_two_runs(shelf: Shelf) -> None:
    reload = shelf.following()
    for run in ("r1", "r2", "r3"):
        shelf.promote(run)
        assert await reload.check()
    assert shelf.kept == {"r2", "r3", "served.json"}


async def test_a_pointer_that_did_not_move_costs_a_conditional_request(shelf: Shelf) -> None:
    """S3 answers it without a body."""
    reload = shelf.following()
    assert not await reload.check()  # nobody promoted anything yet
    shelf.promote("r1")
    assert await reload.check()
    assert not await reload.check()
    etag = shelf.s3.head_object(Bucket=BUCKET, Key="current.json")["ETag"]
    assert shelf.weights.reads == [None, "", etag]
    assert S3WeightsBucket(shelf.s3, BUCKET).read_pointer(etag) is None


def test_an_unresponsive_s3_raises_weights_unavailable() -> None:
    [port] = free_ports(1)
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://{LOOPBACK}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    weights = S3WeightsBucket(s3, BUCKET)
    with pytest.raises(WeightsUnavailable, match=r"s3://weights/current\.json can't be read"):
        weights.read_pointer(None)
    with pytest.raises(WeightsUnavailable, match=r"s3://weights/runs/r1/m\.onnx can't be read"):
        weights.fetch("runs/r1/m.onnx", Path("never-written"), max_bytes=1)


# ---- at a start


async def test_a_start_serves_what_the_pointer_means(shelf: Shelf) -> None:
    shelf.promote("r1")
    assert version(await start(shelf.source, shelf.metrics)) == "r1"
    assert version(await start(shelf.source, shelf.metrics)) == "r1"
    assert shelf.trials.tried == ["r1"]  # what served here need not be tried anew


async def test_a_start_without_a_pointer_serves_the_built_in_model(shelf: Shelf) -> None:
    assert version(await start(shelf.source, shelf.metrics)) == "day-0"


async def test_a_start_does_not_wait_for_a_run_for_ever(shelf: Shelf) -> None:
    """A shop opens with the built-in model, and follows the pointer when it can."""
    shelf.promote("r1")
    shelf.trials.waits_for = asyncio.Event()
    reload = await start(replace(shelf.source, timeout_s=0.5), shelf.metrics)
    assert version(reload) == "day-0"
    shelf.trials.waits_for.set()
    assert await reload.check()
    assert version(reload) == "r1"


def damaged(shelf: Shelf) -> None:
    (shelf.disk / "r1" / "m.onnx").write_bytes(b"")


def forgotten(shelf: Shelf) -> None:
    (shelf.disk / "served.json").write_bytes(b"[1")


@pytest.mark.parametrize(
    ("harm", "serves"), [(nothing, "r1"), (damaged, "day-0"), (forgotten, "day-0")], ids=["whole", "damaged", "unknown"]
)
@pytest.mark.parametrize("away", [True, False], ids=["s3-away", "bad-pointer"])
async def test_a_start_without_the_promoted_run_serves_the_last_good_one(
    shelf: Shelf, away: bool, harm: Callable[[Shelf], None], serves: str
) -> None:
    """And without that, the built-in model: there is never no worker."""
    shelf.promote("r1")
    await start(shelf.source, shelf.metrics)
    harm(shelf)
    shelf.weights.away = away
    shelf.point("nowhere", hashlib.sha256(b"").hexdigest())
    assert version(await start(shelf.source, shelf.metrics)) == serves


async def test_a_damaged_run_is_fetched_anew(shelf: Shelf) -> None:
    shelf.promote("r1")
    await start(shelf.source, shelf.metrics)
    damaged(shelf)
    assert version(await start(shelf.source, shelf.metrics)) == "r1"
    assert (shelf.disk / "r1" / "m.onnx").read_bytes() == CONTENT


def test_a_photo_that_hangs_in_a_model_that_was_replaced_is_still_noticed() -> None:
    """Until it comes out, or the watchdog ends the worker."""
    seconds = [0.0]
    seen: list[bool] = []
    first = FakeDetector(FACE, before=lambda: seen.append(in_service.is_responsive()))
    in_service = ServingModel(first, lambda: seconds[0])
    old = in_service.detector

    def hang() -> None:
        in_service.replace(FakeDetector(FACE))
        seconds[0] += HANG_TIMEOUT_S
        seen.append(in_service.is_responsive())

    first.before = hang
    old.detect([])
    assert seen == [False]
    assert in_service.is_responsive()
