"""Checks of the images bucket: uploads without a result, and the age of the newest result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from config.names import PIPELINE_STACK
from config.stack_outputs import IMAGES_BUCKET
from contracts.errors import InvalidName
from contracts.names import (
    IMAGE_SUFFIX,
    RESULTS,
    UPLOADS,
    WHYS,
    Reference,
    new_image_id,
    parse_result_key,
    swept_upload,
)
from ops.doctor.examination import Deployment, Result, attention, ill, well
from worker.recovery.sweep import FORGOTTEN_AFTER, ListedUpload, find_unanswered

MAX_LISTED: Final = 20_000  # uploads: some 20 requests; listing a week of a chain of shops would take minutes
MAX_KIOSKS: Final = 200
MAX_SHOWN: Final = 3  # keys that are named
_OURS: Final = (UPLOADS, RESULTS, WHYS)
_PERIODS: Final = (timedelta(hours=1), timedelta(days=7))


class _Listings:
    """Uploads and results as S3 lists them, in order; no more than MAX_LISTED uploads."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self.listed = 0
        self.foreign: list[str] = []  # keys under uploads/ that are not those of photos

    @property
    def truncated(self) -> bool:
        return self.listed >= MAX_LISTED

    def uploads(self) -> Iterator[ListedUpload]:
        for entry in self._objects(UPLOADS):
            self.listed += 1
            if self.truncated:
                return
            try:
                yield ListedUpload(swept_upload(entry["Key"]), entry["LastModified"])
            except InvalidName:
                self.foreign.append(entry["Key"])  # the worker warns of it, too

    def results_from(self, first: Reference) -> Iterator[Reference]:
        for reference, _ in self.results(first):
            yield reference

    def results(self, first: Reference) -> Iterator[tuple[Reference, datetime]]:
        """The results of a kiosk from photo `first` on, and when each was written."""
        # StartAfter excludes its key, so it is one character shorter than the first key.
        start = first.result_key[:-1]
        for entry in self._objects(f"{RESULTS}{first.kiosk_id}/", StartAfter=start):
            try:
                yield parse_result_key(entry["Key"]), entry["LastModified"]
            except InvalidName:
                continue

    def kiosks(self) -> list[str]:
        """The kiosks with results, MAX_KIOSKS at most."""
        answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=RESULTS, Delimiter="/", MaxKeys=MAX_KIOSKS)
        return [entry["Prefix"].removeprefix(RESULTS).rstrip("/") for entry in answer.get("CommonPrefixes", [])]

    def outside(self) -> list[str]:
        """Keys in the bucket beside uploads and results; the first page of them."""
        answer = self._s3.list_objects_v2(Bucket=self._bucket, Delimiter="/")
        folders = [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]
        keys = [entry["Key"] for entry in answer.get("Contents", [])]
        return keys + [f"{folder}…" for folder in folders if folder not in _OURS]

    def _objects(self, prefix: str, **parameters: Any) -> Iterator[Any]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **parameters)
        for page in pages:
            yield from page.get("Contents", [])


def _listings(deployment: Deployment) -> _Listings:
    return _Listings(deployment.client("s3"), deployment.output(PIPELINE_STACK, IMAGES_BUCKET))


def foreign(deployment: Deployment) -> Result:
    """Objects that get no label, because their keys are not those of uploads."""
    listings = _listings(deployment)
    for _ in listings.uploads():
        pass
    keys = [*listings.foreign, *listings.outside()]
    if not keys:
        return well("every object has the key of an upload or a result")
    shown = ", ".join(keys[:MAX_SHOWN]) + (", …" if len(keys) > MAX_SHOWN else "")
    return attention(
        f"{len(keys)} objects get no label, as their keys are not {UPLOADS}KIOSK/ID{IMAGE_SUFFIX}: {shown}",
        "docs/kiosk-makers.md says how to name them",
    )


def uploads(deployment: Deployment) -> Result:
    """Uploads older than five minutes without a result: the worker's sweep should have found them."""
    listings = _listings(deployment)
    forgotten = find_unanswered(listings, older_than=FORGOTTEN_AFTER, without=lambda _: False).forgotten
    sample = f" of the first {MAX_LISTED}" if listings.truncated else ""
    if not forgotten:
        return well(f"none{sample} is without a result after five minutes")
    text = f"{forgotten}{sample} without a result after five minutes"
    if not deployment.should_run:
        return well(f"{text}; the next start finds them")
    remedy = "aws logs tail /nunchi/worker --since 30m --filter-pattern sweep"
    if deployment.local:
        remedy = f"tail -n 50 {shlex.quote(str(deployment.logs))}/worker*.log"
    return ill(text, remedy)


def last_label(deployment: Deployment) -> Result:
    """The age of the newest result. S3 lists results in the order of their photos, so only the end is read."""
    listings = _listings(deployment)
    for period in _PERIODS:
        first = new_image_id(deployment.now() - period, bytes(10))
        newest = max(
            (
                (written, reference)
                for kiosk in listings.kiosks()
                for reference, written in listings.results(Reference(kiosk, first))
            ),
            default=None,
        )
        if newest is not None:
            written, reference = newest
            return well(f"{_ago(deployment.now() - written)} ago, kiosk {reference.kiosk_id}")
    if deployment.local:
        return well(f"none yet: {deployment.nunchi('send samples/*.jpg')}")
    return attention("none in a week", "nunchi kiosk list; is a kiosk on, and does it upload?")


def _ago(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
