"""The upload queue: receive messages, extend their visibility timeout, release or delete them."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import ClientError

from contracts.aws.errors import error_code

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

MAX_BATCH: Final = 10  # messages of one SQS request
LONG_POLL_S: Final = 20  # the longest that SQS waits for a message

# SQS's codes for a receipt handle whose message was received again since, or deleted; some of them with its older
# protocol's prefix "AWS.SimpleQueueService.".
_STALE_RECEIPT: Final = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"})


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A received message. `receipt` is the handle of this delivery; `times` counts the deliveries so far."""

    receipt: str
    message_id: str
    body: str
    times: int


class UploadQueue(Protocol):
    """The upload queue. Every method blocks, and may be called from several threads at once."""

    def receive(self, limit: int) -> list[ReceivedMessage]:
        """Wait a while for messages; up to `limit` of them, invisible to other workers for the visibility timeout."""
        ...

    def extend(self, receipts: Sequence[str]) -> int:
        """Keep the messages invisible for another visibility timeout; returns how many receipts are stale."""
        ...

    def release(self, receipt: str, *, after_s: int) -> None:
        """Make the message visible to every worker after some time."""
        ...

    def delete(self, receipt: str) -> None:
        """Delete the message: its photos are done."""
        ...


class SqsQueue:
    """The queue on SQS. Every request sets the visibility timeout; the queue's own setting does not matter.

    `polling` is a client whose timeout allows a long poll; all other requests need a short timeout, so that one that
    SQS never answers is retried before the visibility timeout ends. One client can do for both.
    """

    def __init__(self, sqs: SQSClient, *, url: str, visibility_s: int, polling: SQSClient | None = None) -> None:
        self._sqs = sqs
        self._polling = polling or sqs
        self._url = url
        self._visibility_s = visibility_s

    def receive(self, limit: int) -> list[ReceivedMessage]:
        response = self._polling.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(limit, MAX_BATCH),
            WaitTimeSeconds=LONG_POLL_S,
            VisibilityTimeout=self._visibility_s,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            ReceivedMessage(
                receipt=message["ReceiptHandle"],
                message_id=message["MessageId"],
                body=message["Body"],
                times=int(message["Attributes"]["ApproximateReceiveCount"]),
            )
            for message in response.get("Messages", [])
        ]

    def extend(self, receipts: Sequence[str]) -> int:
        stale = 0
        for start in range(0, len(receipts), MAX_BATCH):
            response = self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": self._visibility_s}
                    for number, receipt in enumerate(receipts[start : start + MAX_BATCH])
                ],
            )
            stale += len(response.get("Failed", []))
        return stale

    def release(self, receipt: str, *, after_s: int) -> None:
        with _ignoring_stale_receipt():
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=after_s)

    def delete(self, receipt: str) -> None:
        with _ignoring_stale_receipt():
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)


@contextmanager
def _ignoring_stale_receipt() -> Generator[None, None, None]:
    """A stale receipt is no failure: the visibility timeout had ended."""
    try:
        yield
    except ClientError as error:
        if error_code(error).rpartition(".")[2] not in _STALE_RECEIPT:
            raise
        log.info("a message was received again by another worker, or deleted: %s", error)
