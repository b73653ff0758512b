"""Mode queue: several workers read the upload queue themselves, and one that dies costs nothing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import now
from contracts.names import Reference, new_image_id
from local.record import CloudState
from tests.end_to_end.conftest import Running, running_cloud
from tests.end_to_end.listener import Listener
from tests.end_to_end.photos import faces
from tests.lambdas.events import announcing, upload_of
from tests.waiting import until

SETTINGS = {
    # A worker says at each taking how long a message is its own; the queue's two minutes do not matter.
    "NUNCHI_VISIBILITY_S": "5",
    "NUNCHI_MODEL_THREADS": "1",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_cloud(tmp_path_factory.mktemp("queue"), "--mode=queue", "--workers=2", **SETTINGS) as running:
        yield running


@pytest.fixture
def labels(cloud: Running) -> Iterator[Listener]:
    with Listener(cloud.record.device) as listener:
        yield listener


def both_are_up(cloud: Running) -> bool:
    return None not in pids(cloud)


def by_whom(cloud: Running, image_ids: list[str]) -> Counter[str]:
    """How many of the photos each worker has stored a result of."""
    return Counter(result.instance_id for one in image_ids if (result := cloud.result(one)) is not None)


def pids(cloud: Running) -> list[int | None]:
    return [worker.pid for worker in cloud.record.workers]


def pid_of(cloud: Running, instance: str) -> int:
    (pid,) = (worker.pid for worker in cloud.record.workers if worker.instance == instance)
    assert pid is not None
    return pid


def nothing_is_left(cloud: Running) -> bool:
    """Neither in the queue, nor in anybody's hands, nor among the dead letters."""
    return all(count == 0 for url in cloud.record.queues.values() for count in counts(cloud, url).values())


def counts(cloud: Running, url: str) -> dict[str, int]:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = cloud.record.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return {name: int(attributes[name]) for name in names}


def test_two_workers_share_the_photos_and_nothing_stands_between_queue_and_worker(
    cloud: Running, labels: Listener
) -> None:
    """No Lambda dispatches, no command is sent; every photo is told once, and its message is gone."""
    image_ids = [cloud.put(photo) for photo in faces(30)]
    labels.wait_for(*image_ids)
    until(lambda: nothing_is_left(cloud), within_s=60, what="queue and dead letters are empty")
    shares = by_whom(cloud, image_ids)
    assert shares.keys() == {worker.instance for worker in cloud.record.workers}
    assert min(shares.values()) >= 3, shares
    assert Counter(message["image_id"] for message in labels.messages) == Counter(image_ids)
    functions = cloud.record.client("lambda").list_functions()["Functions"]
    assert [one["FunctionName"] for one in functions if "Dispatch" in one["FunctionName"]] == []
    assert cloud.record.client("ssm").list_commands()["Commands"] == []


def test_a_worker_killed_in_the_middle_of_sixty_photos_costs_no_photo_and_no_label(
    cloud: Running, labels: Listener
) -> None:
    """Each has one result and is told once: also those that the dead one had stored and told nobody.

    The broker is away until the kill, so that such photos exist, and none is between told and noted as told.
    """
    dying, other = cloud.record.workers
    cloud.cable.cut()
    try:
        with ThreadPoolExecutor(8) as pool:  # quicker than two workers, or nothing would be left to lose
            image_ids = list(pool.map(cloud.put, faces(60)))
        early = image_ids[:16]  # a look at all of them takes longer than they do
        until(lambda: by_whom(cloud, early)[dying.instance] >= 2, within_s=60, what="results of the one to die")
        killed = pid_of(cloud, dying.instance)
        os.kill(killed, signal.SIGKILL)
        done = by_whom(cloud, image_ids)
        assert sum(done.values()) < len(image_ids), "they were done before the kill"
        until(lambda: killed not in pids(cloud), within_s=60, what="a record without the dead worker")
        assert cloud.record.state is CloudState.UP  # there is another one
    finally:
        cloud.cable.mend()
    cloud.until_results(image_ids, within_s=90)
    labels.wait_for(*image_ids, within_s=60)
    until(lambda: nothing_is_left(cloud), within_s=60, what="queue and dead letters are empty")
    until(lambda: both_are_up(cloud), within_s=60, what="a new worker in the record")
    told = Counter(message["image_id"] for message in labels.messages)
    assert told == Counter(image_ids)
    shares = by_whom(cloud, image_ids)
    assert shares[dying.instance] >= done[dying.instance] >= 3
    assert shares[other.instance] > 0


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_and_releases_the_rest_at_once(
    cloud: Running, labels: Listener
) -> None:
    """One message of sixty photos, more than a worker works on at a time: another one goes on where this one stops."""
    until(lambda: both_are_up(cloud), within_s=60, what="two workers")
    references = announced_together(cloud, faces(60))
    image_ids = [reference.image_id for reference in references]
    early = image_ids[:4]  # a look at all of them takes longer than they do
    until(lambda: by_whom(cloud, early), within_s=60, what="a first result")
    ((stopped, _),) = by_whom(cloud, early).items()
    (number,) = (place for place, one in enumerate(cloud.record.workers, start=1) if one.instance == stopped)
    os.kill(pid_of(cloud, stopped), signal.SIGTERM)
    cloud.until_results(image_ids, within_s=60)
    labels.wait_for(*image_ids)
    until(lambda: nothing_is_left(cloud), within_s=60, what="queue and dead letters are empty")
    assert Counter(message["image_id"] for message in labels.messages) == Counter(image_ids)
    assert "is released: this worker stops" in log_of(cloud, number)


def announced_together(cloud: Running, photos: list[bytes]) -> list[Reference]:
    """Uploads that S3 announces in one message; it may do so, and here it is made to."""
    s3, bucket, at = cloud.record.client("s3"), cloud.record.buckets["images"], now()
    usual = s3.get_bucket_notification_configuration(Bucket=bucket)
    usual.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        references = [Reference("demo", cloud.put(photo, image_id=new_image_id(at))) for photo in photos]
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=usual)
    body = announcing(*(upload_of(reference, now()) for reference in references))
    cloud.record.client("sqs").send_message(QueueUrl=cloud.record.queues["uploads"], MessageBody=body)
    return references


def log_of(cloud: Running, number: int) -> str:
    name = "worker.log" if number == 1 else f"worker-{number}.log"
    return Path(cloud.state / "logs" / name).read_text()
