"""The messages and results that a worker may write or read, of whichever recipe.

A worker writes its own recipe's. It may read another one's: of an outbox or a bucket that another recipe has served.
"""

from __future__ import annotations

from datetime import datetime

from contracts.answers_message import AnswersMessage, AnswersResult
from contracts.messages import DatasetTree
from contracts.schema import SCHEMA, reading
from recipes.kiosk.message import LabelMessage, Result

Message = LabelMessage | AnswersMessage
AnyResult = Result | AnswersResult


def result_of(
    message: Message, training: DatasetTree, *, instance_id: str, upload_etag: str, decided_at: datetime
) -> AnyResult:
    """The result that is stored with a message."""
    if isinstance(message, AnswersMessage):
        return AnswersResult(message, training, instance_id, upload_etag, decided_at)
    return Result(message, training, instance_id, upload_etag, decided_at)


def result_from_json(source: str | bytes) -> AnyResult:
    """The stored result of a photo; InvalidMessage if it follows no schema."""
    with reading(Result.TITLE, source, schema=SCHEMA) as values:
        return (AnswersResult if "recipe" in values["message"] else Result).from_json(values)
