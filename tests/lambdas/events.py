"""What SQS hands to the dispatch function: S3's announcements, as AWS and the local cloud write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from contracts.instants import to_text
from contracts.names import Reference

Message = dict[str, Any]

TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T05:11:40.123Z"})


def announcing(*uploads: tuple[str, datetime]) -> str:
    """The body of an S3 event about these keys."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventVersion": "2.6",
                    "eventSource": "aws:s3",
                    "eventName": "ObjectCreated:Put",
                    "eventTime": to_text(at),
                    "s3": {"bucket": {"name": "images"}, "object": {"key": quote_plus(key, safe="/"), "size": 1}},
                }
                for key, at in uploads
            ]
        }
    )


def upload_of(reference: Reference, at: datetime) -> tuple[str, datetime]:
    return reference.upload_key, at


def batch(bodies: Sequence[str]) -> list[Message]:
    """SQS messages `m0`, `m1`, … with these bodies."""
    return [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]
