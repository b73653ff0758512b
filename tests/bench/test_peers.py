"""bench.peers: its S3 and broker answer as the worker needs, its figures are right, the page holds the report's."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.peers import report
from bench.peers.broker import broker
from bench.peers.http1 import Connection
from bench.peers.load import closed_loop, differences, in_turn
from bench.peers.processes import ROOT, born_at, running
from bench.peers.s3 import MemoryS3
from bench.peers.servers import Found
from day0.card import filled
from local.ports import LOOPBACK
from mqtt.client import Broker, connection
from tests.broker import self_signed
from tests.waiting import until


def person(label: str = "adult_male", confidence: float = 0.9, box: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)) -> Any:
    return {"label": label, "confidence": confidence, "box": list(box)}


def figures(rate: float, ms: float, mb: float, cold_s: float) -> dict[str, Any]:
    row = {"photos_a_second": rate, "p50_ms": ms, "p95_ms": 2 * ms, "work_ms": ms / 2}
    return {"cold_s": cold_s, "mb": mb, **{str(at_once): row for at_once in (1, 4, 16)}}


class Idle:
    """A tree of processes that does nothing."""

    def processor_s(self) -> float:
        return 0.0


class Counting:
    """A server that answers after a moment, and counts those that ask at a time."""

    def __init__(self) -> None:
        self.tree: Any = Idle()
        self.asked: list[int] = []
        self.most = self._now = 0

    async def ask(self, slot: int, number: int) -> Found:  # noqa: ARG002
        self._now += 1
        self.most = max(self.most, self._now)
        self.asked.append(number)
        await asyncio.sleep(0.01)
        self._now -= 1
        return []


# The load and the comparison.


def test_every_photo_is_asked_about_once_and_never_more_than_so_many_at_a_time() -> None:
    server = Counting()
    row = asyncio.run(closed_loop(server, in_turn(3, 10), at_once=4))
    assert sorted(server.asked) == sorted([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
    assert server.most == 4
    assert row["p50_ms"] >= 10
    assert 0 < row["photos_a_second"] <= 10 / 0.03


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ([person()], True),
        ([person(confidence=0.885, box=(0.105, 0.2, 0.3, 0.395))], True),
        ([], False),
        ([person(), person()], False),
        ([person(label="elder_male")], False),
        ([person(confidence=0.87)], False),
        ([person(box=(0.1, 0.2, 0.3, 0.42))], False),
    ],
)
def test_two_servers_answer_alike_with_the_same_people_within_the_tolerance(other: Found, equal: bool) -> None:
    assert (differences([[person()]], [other]) == []) is equal


def test_the_order_of_people_does_not_matter() -> None:
    left, right = person(), person(box=(0.6, 0.2, 0.8, 0.4))
    assert differences([[left, right]], [[right, left]]) == []


def test_a_ratio_over_one_means_that_the_worker_is_ahead_whatever_is_compared() -> None:
    """The median of the rounds' ratios, not a ratio of medians: a busy round slows both sides."""
    rounds = [
        {"nunchi": figures(20, 50, 200, 1), "peer": figures(10, 100, 400, 4)},
        {"nunchi": figures(5, 200, 200, 4), "peer": figures(2.5, 400, 400, 16)},
        {"nunchi": figures(30, 40, 200, 1), "peer": figures(15, 80, 400, 4)},
    ]
    ratios = report.ratios({"rounds": rounds}, "peer")
    assert len(ratios) == 14
    assert {title: ratio for title, ratio in ratios.items() if ratio != 2} == {"first answer": 4.0}


# The worker's surroundings.


def in_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await work()

    asyncio.run(run())


def test_the_bench_s3_keeps_copies_and_misses_objects_as_boto3_expects() -> None:
    async def work() -> None:
        s3 = MemoryS3()
        async with s3.serving() as port:
            client = boto3.client(
                "s3",
                endpoint_url=f"http://{LOOPBACK}:{port}",
                region_name="us-east-1",
                aws_access_key_id="bench",
                aws_secret_access_key="bench",
                config=Config(proxies={}, retries={"total_max_attempts": 1}),
            )

            def use() -> None:
                client.put_object(Bucket="images", Key="a/b", Body=b"bytes", IfNoneMatch="*")
                got = client.get_object(Bucket="images", Key="a/b")
                assert (got["Body"].read(), got["ContentLength"]) == (b"bytes", 5)
                source = {"Bucket": "images", "Key": "a/b"}
                client.copy_object(Bucket="dataset", Key="c", CopySource=source, CopySourceIfMatch=got["ETag"])
                assert client.list_objects_v2(Bucket="images")["KeyCount"] == 0
                with pytest.raises(ClientError, match="NoSuchKey"):
                    client.get_object(Bucket="images", Key="missing")
                client.close()

            await asyncio.to_thread(use)
        assert s3.objects == {"/images/a/b": b"bytes", "/dataset/c": b"bytes"}

    in_loop(work)


def test_the_bench_broker_acknowledges_and_hands_on_what_the_workers_client_publishes(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    got: list[tuple[str, bytes]] = []

    async def work() -> None:
        async with broker(cert, key, lambda topic, payload: got.append((topic, payload))) as port:
            address = Broker(host=LOOPBACK, port=port, ca=cert, cert=cert, key=key, client_id="bench")
            async with connection(address) as client:
                for payload in (b"short", b"x" * 20_000):
                    await client.publish("nunchi/kiosk/label", payload, qos=1)

    in_loop(work)
    assert got == [("nunchi/kiosk/label", b"short"), ("nunchi/kiosk/label", b"x" * 20_000)]


def test_a_request_on_a_connection_that_the_server_ended_is_sent_once_more() -> None:
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        served.append(len(served))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def work() -> None:
        async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
            asked = Connection(server.sockets[0].getsockname()[1])
            assert [await asked.post("/", b"", "text/plain") for _ in range(2)] == [(200, b"ok")] * 2
            asked.close()

    in_loop(work)
    assert served == [0, 1]


def test_the_memory_and_the_end_of_a_server_are_those_of_all_that_it_started(tmp_path: Path) -> None:
    """A child in a session of its own, as daemons are."""
    child = "import time; held = bytearray(50_000_000); print('held', flush=True); time.sleep(60)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], start_new_session=True)"
    with running([sys.executable, "-c", program], {}, tmp_path / "log") as tree:
        until(lambda: "held" in tree.end_of_log(), within_s=60, what="the child holds its memory")
        started = {pid: born_at(pid) for pid in tree.pids()}
        assert len(started) == 2
        assert 50 < tree.megabytes() < 150
    assert [pid for pid, born in started.items() if born_at(pid) == born] == []


# What is published.


def test_the_page_holds_the_figures_of_the_report() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert filled(page, report.tables(report.load())) == page


def test_the_report_has_every_peer_or_says_why_not() -> None:
    found = report.load()
    kinds = {name.partition(",")[0] for names in (found["rounds"][0], found["missing"]) for name in names}
    assert kinds == {"nunchi", "bentoml", "litserve", "ray serve", "ultralytics"}
    assert found["people"] > 0
    assert all(each.keys() == found["rounds"][0].keys() for each in found["rounds"])


def test_each_version_of_the_report_is_that_of_its_lock() -> None:
    """After a change of a lock: make peers, and python -m bench.peers --write."""
    versions = report.load()["versions"]
    for folder, package in report.PACKAGES.items():
        lock = (ROOT / "bench" / "peers" / folder / "requirements.txt").read_text()
        [locked] = re.findall(rf"^{package}(?:\[[a-z]+\])?==(\S+)", lock, re.MULTILINE)
        assert versions[package] == locked


def test_make_installs_every_peer_that_is_measured() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "peers"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [name for name in report.PACKAGES if f"bench/peers/{name}/requirements.txt" not in plan] == []


def test_all_peers_have_the_workers_engine() -> None:
    worker = re.findall(r"^onnxruntime==(\S+)", (ROOT / "worker" / "requirements.in").read_text(), re.MULTILINE)
    for folder in report.PACKAGES:
        lock = (ROOT / "bench" / "peers" / folder / "requirements.in").read_text()
        assert re.findall(r"^onnxruntime==(\S+)", lock, re.MULTILINE) == worker


def test_the_report_is_json_without_paths_of_this_machine() -> None:
    assert not re.search(r"/(home|root|work|tmp)/", json.dumps(report.load()))
