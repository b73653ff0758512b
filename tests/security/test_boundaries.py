"""Who comes from outside: with no key, from another account, in the clear; and what leaves by the back door."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.instants import now
from contracts.names import Reference, new_image_id
from tests.security.conftest import IMAGE, KIOSK, People
from tests.security.test_permissions import refused
from tests.waiting import until

FACE = b"\xff\xd8\xff the face of somebody " * 20
BUCKETS = ("images", "dataset", "weights")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_who_has_no_key_reads_writes_lists_nothing(shop: People, bucket: str) -> None:
    name, s3 = getattr(shop, bucket), shop.anyone.s3
    for key in (shop.upload, f"auto/images/{KIOSK}/{IMAGE}.jpg", "current.json"):
        refused(partial(s3.get_object, Bucket=name, Key=key))
        refused(partial(s3.put_object, Bucket=name, Key=key, Body=b""))
    refused(lambda: s3.list_objects_v2(Bucket=name))


def test_who_has_no_key_takes_no_announcement(shop: People) -> None:
    with pytest.raises(ClientError) as told:
        shop.anyone.sqs.receive_message(QueueUrl=shop.uploads)
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("queue", ["uploads", "dead"])
def test_another_account_has_no_part_in_the_queues(shop: People, queue: str) -> None:
    url = getattr(shop, queue)
    refused(lambda: shop.stranger.sqs.receive_message(QueueUrl=url))
    refused(lambda: shop.stranger.sqs.send_message(QueueUrl=url, MessageBody="{}"))


def test_a_bucket_can_not_be_opened_to_the_public_by_mistake(shop: People) -> None:
    """Not even by the account's root: S3 takes no such policy and no such ACL."""
    everybody = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{shop.images}/*"}
        ],
    }
    refused(lambda: shop.root.s3.put_bucket_policy(Bucket=shop.images, Policy=json.dumps(everybody)))
    refused(lambda: shop.root.s3.put_bucket_acl(Bucket=shop.images, ACL="public-read"))


def test_another_account_reads_nothing_even_when_somebody_lets_it(shop: People) -> None:
    """A statement that gives another account the photos is added: the deployed denial outweighs it.

    Without the denial the same statement opens the bucket, which shows that the denial is what closes it.
    """
    deployed = json.loads(shop.policy_of_images())
    mistake = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{shop.images}/*",
    }

    def read_under(*statements: dict[str, Any]) -> Any:
        policy = json.dumps({"Version": "2012-10-17", "Statement": [*statements, mistake]})
        shop.root.s3.put_bucket_policy(Bucket=shop.images, Policy=policy)
        return shop.stranger.s3.get_object(Bucket=shop.images, Key=shop.upload)

    try:
        refused(lambda: read_under(*deployed["Statement"]))
        assert read_under()["Body"].read() == b"a photo of somebody"
    finally:
        shop.root.s3.put_bucket_policy(Bucket=shop.images, Policy=json.dumps(deployed))


def test_a_bucket_refuses_what_comes_in_the_clear(shop: People) -> None:
    """From who may do just that over TLS."""
    kiosk, worker = shop.kiosk.client("s3", plain=True), shop.worker.client("s3", plain=True)
    training = shop.training.client("s3", plain=True)
    refused(lambda: kiosk.put_object(Bucket=shop.images, Key=f"uploads/{KIOSK}/{IMAGE}.jpg", Body=b""))
    refused(lambda: worker.get_object(Bucket=shop.images, Key=shop.upload))
    refused(lambda: worker.put_object(Bucket=shop.dataset, Key=f"auto/images/{KIOSK}/{IMAGE}.jpg", Body=b""))
    refused(lambda: training.get_object(Bucket=shop.weights, Key="current.json"))


@pytest.mark.parametrize("queue", ["uploads", "dead"])
def test_a_queue_refuses_what_comes_in_the_clear(shop: People, queue: str) -> None:
    """From the account's root, too."""
    url = getattr(shop, queue)
    refused(lambda: shop.root.client("sqs", plain=True).receive_message(QueueUrl=url))


def test_dead_letters_and_the_log_show_nobody(shop: People) -> None:
    """A photo whose hand-over fails for good ends as its event: key, size and time.

    The deployed function runs; Run Command, which the local cloud refuses here, is what fails. The queue gives the
    message again at once, and not after the two minutes that it was deployed with.
    """
    shop.root.sqs.purge_queue(QueueUrl=shop.dead)
    shop.root.ssm.put_parameter(
        Name="/nunchi/inference-instance", Value="i-0123456789abcdef0", Type="String", Overwrite=True
    )
    shop.root.sqs.set_queue_attributes(QueueUrl=shop.uploads, Attributes={"VisibilityTimeout": "1"})
    photo = Reference(KIOSK, new_image_id(now()))
    shop.kiosk.s3.put_object(Bucket=shop.images, Key=photo.upload_key, Body=FACE, Metadata={"face": "elder"})
    letters: list[str] = []

    def there() -> bool:
        took = shop.root.sqs.receive_message(QueueUrl=shop.dead, MaxNumberOfMessages=10, VisibilityTimeout=60)
        letters.extend(one["Body"] for one in took.get("Messages", []))
        return any(photo.upload_key in letter for letter in letters)

    until(there, within_s=60, what="the photo's event is a dead letter")
    [letter] = [one for one in letters if photo.upload_key in one]
    group = shop.root.lambda_.get_function_configuration(FunctionName=shop.place["DispatchFunctionName"])[
        "LoggingConfig"
    ]["LogGroup"]
    logged = [one["message"] for one in shop.root.logs.filter_log_events(logGroupName=group)["events"]]
    about = [json.loads(line) for line in logged if str(photo) in line]
    assert about and {frozenset(line) for line in about} == {frozenset({"level", "step", "outcome", "photos", "code"})}
    for text in (letter, *logged):
        assert "face of somebody" not in text and base64.b64encode(FACE)[:40].decode() not in text
        assert "elder" not in text
