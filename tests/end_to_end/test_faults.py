"""What the path survives."""

from __future__ import annotations

import os
import signal

from local.record import CloudState
from tests.end_to_end.conftest import Running
from tests.end_to_end.listener import Listener
from tests.end_to_end.photos import faces
from tests.waiting import until


def test_a_worker_killed_with_twenty_photos_in_flight_leaves_none_without_result(cloud: Running) -> None:
    """The cloud starts it again, as systemd would; what it had in hand it finds by itself."""
    before = cloud.record.worker.pid
    assert before is not None
    image_ids = [cloud.put(photo) for photo in faces(10)]
    os.kill(before, signal.SIGSTOP)  # so that it can't finish before the kill
    image_ids += [cloud.put(photo) for photo in faces(20)[10:]]
    os.kill(before, signal.SIGKILL)
    until(lambda: told_of(cloud) == (CloudState.STARTING, None), within_s=60, what="a record without the dead worker")
    assert not any(cloud.result(image_id) for image_id in image_ids[10:])
    cloud.until_results(image_ids, within_s=90)
    until(lambda: told_of(cloud)[0] is CloudState.UP, within_s=60, what="a new worker in the record")
    assert told_of(cloud)[1] not in (None, before)


def test_while_the_broker_is_away_results_are_stored_and_afterwards_labels_come_again(
    cloud: Running, labels: Listener
) -> None:
    """The worker reconnects by itself; a label that is still news is told late, not never."""
    cloud.cable.cut()
    try:
        meanwhile = [cloud.put(photo) for photo in faces(3)]
        cloud.until_results(meanwhile)
        assert not any(labels.about(image_id) for image_id in meanwhile)
    finally:
        cloud.cable.mend()
    labels.wait_for(*meanwhile)
    labels.wait_for(cloud.put(faces(1)[0]))


def told_of(cloud: Running) -> tuple[CloudState, int | None]:
    """What `nunchi status` says: whether it is up, with which worker."""
    record = cloud.record
    return record.state, record.worker.pid
