"""The runs in the weights bucket, each written once; and the pointer, moved by who has read it last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from contracts.errors import ContractError
from contracts.instants import now
from contracts.names import POINTER, RUNS
from contracts.weights import DAY_0, MANIFEST, Pointer, check_path, check_run_id, files_beside, run_key
from registry.errors import InvalidRun, PointerMoved, RegistryError, RunExists, RunUnknown

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CHUNK: Final = 1 << 20
_MISSING: Final = frozenset({"NoSuchKey", "404"})
# Another write was faster, is under way at this instant, or took the pointer away.
_RACED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}) | _MISSING


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as its manifest says. `added_at` is when it was complete."""

    id: str
    manifest: Mapping[str, Any]
    manifest_sha256: str
    added_at: datetime

    @property
    def version(self) -> str:
        """Name and version, as the messages have them."""
        return f"{self.manifest.get('name', '?')} {self.manifest.get('version', '?')}"


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """The pointer as it was read; `etag` None: there is none yet, and the model of day 0 serves."""

    pointer: Pointer | None
    etag: str | None

    @property
    def run(self) -> str | None:
        return self.pointer.run if self.pointer else None


class WeightsRegistry:
    """The weights of one bucket. What AWS refuses passes through as botocore's ClientError."""

    def __init__(self, s3: S3Client, bucket: str, *, clock: Callable[[], datetime] = now) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock

    def runs(self) -> list[Run]:
        """Every complete run, in the order of their ids."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=RUNS, Delimiter="/")
        folders = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        found = []
        for folder in folders:
            try:
                found.append(self.run(folder.removeprefix(RUNS).rstrip("/")))
            except (ContractError, RunUnknown, InvalidRun):
                continue  # not complete yet, or not of our making
        return found

    def run(self, run: str) -> Run:
        """The run of that id; RunUnknown when there is none that is complete."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=run_key(run, MANIFEST))
        except ClientError as error:
            if _code(error) not in _MISSING:
                raise
            raise RunUnknown(
                f"there is no complete run {run} in s3://{self._bucket}; nothing was changed. nunchi weights list"
            ) from None
        with closing(answer["Body"]) as body:
            content = body.read()
        return Run(run, _manifest(content, f"run {run}"), hashlib.sha256(content).hexdigest(), answer["LastModified"])

    def check(self, run: str) -> Run:
        """The run, every byte of it read; InvalidRun when a file is missing or not the bytes promised."""
        known = self.run(run)
        for path, promised in _files(known.manifest, f"run {run}").items():
            try:
                digest = self._digest(run_key(run, path))
            except ClientError as error:
                if _code(error) not in _MISSING:
                    raise
                raise InvalidRun(
                    f"run {run} has no {path}; it is not put into service. Add it again under another id"
                ) from None
            if digest != promised:
                raise InvalidRun(
                    f"{path} of run {run} has SHA-256 {digest}, not {promised}; the run is not put into service. "
                    "Add it again under another id"
                )
        return known

    def add(self, folder: Path, run: str) -> Run:
        """Store a folder as a run: each file once, its manifest last. What is there already and the same may stay.

        InvalidRun before anything is written when the folder is no whole run; RunExists when one of the run's files is
        there with other bytes.
        """
        check_run_id(run)
        manifest, files = folder / MANIFEST, _folder(folder)
        for path in [*files, MANIFEST]:
            local = folder / path
            if not self._put_once(run_key(run, path), local):
                with local.open("rb") as file:
                    ours = hashlib.file_digest(file, "sha256").hexdigest()
                if self._digest(run_key(run, path)) != ours:
                    raise RunExists(
                        f"run {run} is there with another {path}; runs never change. Add {manifest.parent} under "
                        "another id: --run ID"
                    )
        return self.check(run)

    def current(self) -> CurrentRun:
        """The pointer; RegistryError when what is there is none, and workers go on with what they have."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=POINTER)
        except ClientError as error:
            if _code(error) in _MISSING:
                return CurrentRun(None, None)
            raise
        with closing(answer["Body"]) as body:
            try:
                return CurrentRun(Pointer.from_json(body.read()), answer["ETag"])
            except ContractError as error:
                raise RegistryError(
                    f"s3://{self._bucket}/{POINTER}: {error}; workers serve what they have. Copy an older version of "
                    "it back: aws s3api list-object-versions"
                ) from None

    def promote(self, run: str | None, *, by: str, reason: str, over: CurrentRun | None = None) -> Pointer:
        """Put a run into service, None for the model of day 0: checked whole, then the pointer moves.

        `over` is what the run was judged against: if anything else serves by now, PointerMoved. RunUnknown or
        InvalidRun when the run can't serve; in each case the pointer stays.
        """
        before = over or self.current()
        if before.run == run:
            raise RegistryError(f"{run or DAY_0} is in service already; nothing was moved")
        digest = None if run is None else self.check(run).manifest_sha256
        pointer = Pointer(
            run=run,
            manifest_sha256=digest,
            moved_at=self._clock(),
            moved_by=by,
            previous=before.run,
            reason=reason,
        )
        body = pointer.to_json().encode()
        still: dict[str, Any] = {"IfMatch": before.etag} if before.etag else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=POINTER,
                Body=body,
                ContentType="application/json",
                **still,
            )
        except ClientError as error:
            if _code(error) not in _RACED:
                raise
            raise PointerMoved(
                f"somebody else moved the pointer meanwhile; {run or DAY_0} was not put into service. "
                "See what serves, nunchi weights list, and decide again"
            ) from None
        return pointer

    def rollback(self, *, by: str, reason: str) -> Pointer:
        """Put back what served before; RegistryError when nothing did."""
        before = self.current()
        if before.pointer is None:
            raise RegistryError(f"no run was ever put into service, {DAY_0} serves; nothing was moved")
        return self.promote(before.pointer.previous, by=by, reason=reason, over=before)

    def history(self) -> list[Pointer]:
        """Every pointer that there was, the newest first, out of the object's versions; what is none is left out."""
        found = []
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=POINTER)
        for version in (one for page in pages for one in page.get("Versions", []) if one["Key"] == POINTER):
            answer = self._s3.get_object(Bucket=self._bucket, Key=POINTER, VersionId=version["VersionId"])
            with closing(answer["Body"]) as body:
                try:
                    found.append(Pointer.from_json(body.read()))
                except ContractError:
                    continue
        return found

    def _digest(self, key: str) -> str:
        sha256 = hashlib.sha256()
        with closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            for chunk in body.iter_chunks(_CHUNK):
                sha256.update(chunk)
        return sha256.hexdigest()

    def _put_once(self, key: str, path: Path) -> bool:
        """False when there is such an object."""
        with path.open("rb") as file:
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in _RACED:
                    return False
                raise
        return True


def _folder(folder: Path) -> list[str]:
    """The files of a folder that is a whole run, without its manifest."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise InvalidRun(
            f"{folder} has no {MANIFEST} ({error.strerror}); nothing was added. Name the folder of a run"
        ) from None
    for path, promised in _files(_manifest(content, str(folder)), str(folder)).items():
        try:
            with (folder / path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InvalidRun(
                f"{folder / path} can't be read ({error.strerror}); nothing was added. Make the run anew"
            ) from None
        if digest != promised:
            raise InvalidRun(
                f"{folder / path} has SHA-256 {digest}, not {promised}; nothing was added. Make the run anew"
            )
    return _beside(folder)


def _beside(folder: Path) -> list[str]:
    """Every file of the folder but its manifest: reports and other formats of the weights go with it."""
    paths: Iterable[str] = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    try:
        return sorted(check_path(path) for path in paths if path != MANIFEST)
    except ContractError as error:
        raise InvalidRun(f"{folder}: {error}; nothing was added. Rename the file, or take it away") from None


def _manifest(content: bytes, where: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise InvalidRun(f"the manifest of {where} is not JSON: {error}; it can't serve. Make the run anew") from None
    if not isinstance(fields, dict):
        raise InvalidRun(f"the manifest of {where} is no JSON object; it can't serve. Make the run anew")
    return fields


def _files(manifest: Mapping[str, Any], where: str) -> dict[str, str]:
    try:
        return files_beside(manifest)
    except ContractError as error:
        raise InvalidRun(f"{where}: {error}; it can't serve. Make the run anew") from None


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
