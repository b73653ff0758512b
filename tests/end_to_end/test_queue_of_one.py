"""Mode queue with one worker, for one shop: its labels, and what happens when it dies or was not there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from local.ports import free_ports
from local.record import CloudState
from local.state import StateDir
from tests.end_to_end.conftest import Running, run_nunchi
from tests.end_to_end.listener import Listener
from tests.end_to_end.photos import faces
from tests.end_to_end.proxy import Cable
from tests.waiting import until


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    state = tmp_path_factory.mktemp("one")
    mqtt_port, cable_port = free_ports(2)
    ports = (f"--mqtt-port={mqtt_port}", f"--worker-mqtt-port={cable_port}")
    with pytest.MonkeyPatch.context() as environment, Cable(cable_port, mqtt_port) as cable:
        environment.setenv("NUNCHI_VISIBILITY_S", "5")  # how long a dead worker's photos are its own
        environment.setenv("NUNCHI_LABEL_TTL_S", "300")  # a busy machine must not make a label old
        try:
            started = run_nunchi(state, "up", "--detach", "--mode=queue", "--workers=1", *ports)
            assert started.returncode == 0, started.stderr
            yield Running(state, json.loads(StateDir(state).read().to_json()), cable)
        finally:
            ended = run_nunchi(state, "down")
            assert ended.returncode == 0, ended.stderr


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
