"""What `nunchi doctor` reads in the images bucket: uploads that nobody answered, and the newest answer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from config.names import PIPELINE_STACK, WORKER_LOG
from config.stack_outputs import IMAGES_BUCKET
from contracts.errors import InvalidName
from contracts.names import RESULTS, UPLOADS, Reference, new_image_id, parse_result_key, parse_upload_key
from ops.doctor.examination import Deployment, Finding, State
from worker.recovery.sweep import FORGOTTEN_AFTER, ListedUpload, find_unanswered

MOST_LISTED: Final = 20_000  # uploads: some 20 requests; a chain of shops has more in a week than a person waits for
MOST_KIOSKS: Final = 200
_LOOK_BACK: Final = (timedelta(hours=1), timedelta(days=7))


class _Listings:
    """Uploads and results as S3 lists them, in order; no more than MOST_LISTED uploads."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self.listed = 0

    @property
    def cut_short(self) -> bool:
        return self.listed >= MOST_LISTED

    def uploads(self) -> Iterator[ListedUpload]:
        for one in self._objects(UPLOADS):
            self.listed += 1
            if self.cut_short:
                return
            try:
                yield ListedUpload(parse_upload_key(one["Key"]), one["LastModified"])
            except InvalidName:
                continue  # not an upload; the worker leaves it alone, too

    def results_from(self, first: Reference) -> Iterator[Reference]:
        for one, _ in self.results(first):
            yield one

    def results(self, first: Reference) -> Iterator[tuple[Reference, datetime]]:
        """The results of a kiosk from that photo on, and when each was written."""
        # Just before its key: StartAfter leaves out the key itself.
        start = first.result_key[:-1]
        for one in self._objects(f"{RESULTS}{first.kiosk_id}/", StartAfter=start):
            try:
                yield parse_result_key(one["Key"]), one["LastModified"]
            except InvalidName:
                continue

    def kiosks(self) -> list[str]:
        """Those that have results, MOST_KIOSKS at most."""
        answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=RESULTS, Delimiter="/", MaxKeys=MOST_KIOSKS)
        return [one["Prefix"].removeprefix(RESULTS).rstrip("/") for one in answer.get("CommonPrefixes", [])]

    def _objects(self, prefix: str, **parameters: Any) -> Iterator[Any]:
        more: dict[str, Any] = {}
        while True:
            answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **parameters, **more)
            yield from answer.get("Contents", [])
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}


def _listings(patient: Deployment) -> _Listings:
    return _Listings(patient.client("s3"), patient.output(PIPELINE_STACK, IMAGES_BUCKET))


def uploads(patient: Deployment) -> Finding:
    """Those without a result that are older than five minutes: what the worker's sweep is there for."""
    listings = _listings(patient)
    forgotten = find_unanswered(listings, older_than=FORGOTTEN_AFTER, without=lambda _: False).forgotten
    some = f" of the first {MOST_LISTED}" if listings.cut_short else ""
    if not forgotten:
        return Finding("uploads", State.WELL, f"none{some} waits for a result longer than five minutes")
    told = f"{forgotten}{some} without a result for more than five minutes"
    if not patient.should_run:
        return Finding("uploads", State.WELL, f"{told}; the next start finds them")
    remedy = f"aws logs tail {WORKER_LOG} --since 30m --filter-pattern sweep"
    if patient.local:
        remedy = f"tail -n 50 {shlex.quote(str(patient.logs))}/worker*.log"
    return Finding("uploads", State.ILL, told, remedy)


def last_label(patient: Deployment) -> Finding:
    """When the newest result was written. Results of a kiosk are in the order of its photos: only the end is read."""
    listings = _listings(patient)
    for back in _LOOK_BACK:
        first = new_image_id(patient.now() - back, bytes(10))
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
            return Finding("last label", State.WELL, f"{_ago(patient.now() - written)} ago, kiosk {reference.kiosk_id}")
    if patient.local:
        return Finding("last label", State.WELL, f"none yet: {patient.nunchi('send samples/*.jpg')}")
    return Finding(
        "last label", State.ATTENTION, "none in a week", "nunchi kiosk list; is a kiosk on, and does it upload?"
    )


def _ago(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
