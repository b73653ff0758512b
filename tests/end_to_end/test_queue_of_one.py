"""Mode queue with one worker, for one shop: its labels, and what happens when it dies or was not there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from local.record import CloudState
from tests.end_to_end.conftest import Running, running_cloud
from tests.end_to_end.listener import Listener
from tests.end_to_end.photos import faces
from tests.waiting import until

ONE = ("--mode=queue", "--workers=1")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_cloud(
        tmp_path_factory.mktemp("one"), "--mode=queue", "--workers=1", NUNCHI_VISIBILITY_S="5"
    ) as running:
        yield running


def test_one_worker_labels_every_photo_and_its_successor_those_that_it_left(cloud: Running) -> None:
    """No Run Command, no second worker: what waits in the queue while it is dead is labelled by the next one."""
    with Listener(cloud.record.device) as labels:
        first = [cloud.put(photo) for photo in faces(5)]
        labels.wait_for(*first)

        (worker,) = cloud.record.workers
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        left = [cloud.put(photo) for photo in faces(8)[5:]]
        cloud.until_results(left, within_s=120)
        labels.wait_for(*left, within_s=120)
    until(lambda: cloud.record.state is CloudState.UP, within_s=60, what="a new worker in the record")
    (successor,) = cloud.record.workers
    assert successor.pid != worker.pid
    assert cloud.record.client("ssm").list_commands()["Commands"] == []
