"""The upload queue on SQS, as moto plays it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from worker.photos.sqs_queue import ReceivedMessage, SqsQueue

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SQSClient]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def url(sqs: SQSClient) -> str:
    """Of a queue whose own visibility timeout is the one for Lambdas."""
    return sqs.create_queue(QueueName="uploads", Attributes={"VisibilityTimeout": "120"})["QueueUrl"]


VISIBLE: Final = "ApproximateNumberOfMessages"
HELD: Final = "ApproximateNumberOfMessagesNotVisible"


def counted(sqs: SQSClient, url: str) -> tuple[int, int]:
    """How many messages can be received, and how many are in somebody's hands."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[VISIBLE, HELD])["Attributes"]
    return int(found[VISIBLE]), int(found[HELD])


def test_a_message_is_received_with_how_often_it_was_given_out(sqs: SQSClient, url: str) -> None:
    queue = SqsQueue(sqs, url=url, visibility_s=15)
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello")
    [first] = queue.receive(8)
    assert first == ReceivedMessage(first.receipt, sent["MessageId"], "hello", 1)
    queue.release(first.receipt, after_s=0)
    [second] = queue.receive(8)
    assert (second.body, second.times) == ("hello", 2)


def test_no_more_are_received_than_fit_and_never_more_than_sqs_gives(sqs: SQSClient, url: str) -> None:
    queue = SqsQueue(sqs, url=url, visibility_s=15)
    for number in range(14):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    assert len(queue.receive(3)) == 3
    assert len(queue.receive(256)) <= 10
    assert counted(sqs, url)[1] <= 13


def test_a_message_is_ours_for_our_own_visibility_timeout(sqs: SQSClient, url: str) -> None:
    """Not for the queue's: a worker that dies must not cost its customers two minutes."""
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    queue = SqsQueue(sqs, url=url, visibility_s=1)
    [taken] = queue.receive(1)
    [again] = queue.receive(1)  # waits for it
    assert (again.message_id, again.times) == (taken.message_id, 2)


def test_messages_are_kept_ten_in_a_request_and_the_lost_ones_are_counted(sqs: SQSClient, url: str) -> None:
    queue = SqsQueue(sqs, url=url, visibility_s=15)
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    receipts = [one.receipt for _ in range(2) for one in queue.receive(10)]
    assert len(receipts) == 12
    assert queue.extend(receipts) == 0
    queue.delete(receipts[0])
    assert queue.extend(receipts) == 1
    assert queue.extend([]) == 0


def test_a_deleted_message_is_gone_and_a_receipt_that_is_worth_nothing_is_no_failure(sqs: SQSClient, url: str) -> None:
    """Our time ran out, and somebody else was quicker."""
    queue = SqsQueue(sqs, url=url, visibility_s=15)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    [taken] = queue.receive(1)
    queue.delete(taken.receipt)
    assert counted(sqs, url) == (0, 0)
    queue.release(taken.receipt, after_s=0)
    queue.delete(taken.receipt)


@pytest.mark.parametrize(
    "code", ["ReceiptHandleIsInvalid", "InvalidParameterValue", "AWS.SimpleQueueService.MessageNotInflight"]
)
def test_a_message_that_is_somebody_elses_by_now_is_let_go_in_whatever_words_sqs_says_so(
    sqs: SQSClient, url: str, code: str
) -> None:
    """SQS still has the long names of its older protocol, which moto does not use."""
    with Stubber(sqs) as stub:
        stub.add_client_error("change_message_visibility", service_error_code=code)
        SqsQueue(sqs, url=url, visibility_s=15).release("receipt", after_s=2)


def test_any_other_refusal_is_raised(sqs: SQSClient, url: str) -> None:
    """A queue that is gone, a right that is missing: the worker must say so."""
    queue = SqsQueue(sqs, url=url, visibility_s=15)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        queue.delete("receipt")
