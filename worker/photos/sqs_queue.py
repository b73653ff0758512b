"""The upload queue, as a worker uses it: take messages, keep them, give them back, be done with them."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 10  # SQS takes and gives no more in one request
LONG_POLL_S: Final = 20  # the longest that SQS waits for a message

# What SQS says of a receipt whose message was received again since, or deleted; some of it after its older protocol's
# "AWS.SimpleQueueService.".
_NOT_OURS: Final = frozenset({"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"})


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message in our hands. `receipt` stands for this receiving of it; `times` counts how often it was given out."""

    receipt: str
    message_id: str
    body: str
    times: int


class UploadQueue(Protocol):
    """Every method blocks, and may be called from several threads at once."""

    def receive(self, most: int) -> list[ReceivedMessage]:
        """Wait a while for messages; up to `most` of them, nobody else's for the visibility timeout."""
        ...

    def keep(self, receipts: Sequence[str]) -> int:
        """Have the messages for another visibility timeout; how many are nobody's any more, or somebody else's."""
        ...

    def give_back(self, receipt: str, *, after_s: int) -> None:
        """Let the message be given out again, to anybody, after some time."""
        ...

    def delete(self, receipt: str) -> None:
        """The message is done with."""
        ...


class SqsQueue:
    """The queue on SQS. Its own visibility timeout does not matter: ours is said at every taking.

    `polling` is a client with patience for a long poll; all else must be quick, so that a request that SQS never
    answers is sent again before the messages in hand are somebody else's. One client can do for both.
    """

    def __init__(self, sqs: SQSClient, *, url: str, visibility_s: int, polling: SQSClient | None = None) -> None:
        self._sqs = sqs
        self._polling = polling or sqs
        self._url = url
        self._visibility_s = visibility_s

    def receive(self, most: int) -> list[ReceivedMessage]:
        answer = self._polling.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(most, MOST_AT_ONCE),
            WaitTimeSeconds=LONG_POLL_S,
            VisibilityTimeout=self._visibility_s,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            ReceivedMessage(
                receipt=one["ReceiptHandle"],
                message_id=one["MessageId"],
                body=one["Body"],
                times=int(one["Attributes"]["ApproximateReceiveCount"]),
            )
            for one in answer.get("Messages", [])
        ]

    def keep(self, receipts: Sequence[str]) -> int:
        lost = 0
        for some in _tens(receipts):
            answer = self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": self._visibility_s}
                    for number, receipt in enumerate(some)
                ],
            )
            lost += len(answer.get("Failed", []))
        return lost

    def give_back(self, receipt: str, *, after_s: int) -> None:
        with _whoever_has_it():
            self._sqs.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=after_s)

    def delete(self, receipt: str) -> None:
        with _whoever_has_it():
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)


@contextmanager
def _whoever_has_it() -> Generator[None, None, None]:
    """That our receipt is worth nothing any more is no failure: our time with the message had run out."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"].rpartition(".")[2] not in _NOT_OURS:
            raise
        log.info("a message is somebody else's by now, or was deleted: %s", error)


def _tens(receipts: Sequence[str]) -> Iterator[list[str]]:
    left = iter(receipts)
    while some := list(islice(left, MOST_AT_ONCE)):
        yield some
