"""The model registry: immutable runs, and the pointer to the one in service, moved with optimistic locking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from contracts.aws.errors import MISSING, error_code, is_missing
from contracts.aws.s3 import get_or_none
from contracts.errors import ContractError
from contracts.instants import now
from contracts.names import POINTER, RUNS
from contracts.weights import DAY_0, MANIFEST, Pointer, check_path, check_run_id, files_beside, run_key, sha256_of
from registry.errors import InvalidRun, PointerMoved, RegistryError, RunExists, RunUnknown

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CHUNK: Final = 1 << 20
# Codes of a conditional write that lost: another write came first, is in progress, or deleted the object.
_CONFLICT: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}) | MISSING


@dataclass(frozen=True, slots=True)
class Run:
    """A complete run. `added_at` is when its manifest, the last file, was written."""

    id: str
    manifest: Mapping[str, Any]
    manifest_sha256: str
    added_at: datetime

    @property
    def version(self) -> str:
        """Name and version of the model, as in messages."""
        return f"{self.manifest.get('name', '?')} {self.manifest.get('version', '?')}"


@dataclass(frozen=True, slots=True)
class CurrentRun:
    """The pointer as it was read. Both are None before the first promotion: the model of day 0 is in service."""

    pointer: Pointer | None
    etag: str | None

    @property
    def run(self) -> str | None:
        return self.pointer.run if self.pointer else None


class WeightsRegistry:
    """The model registry in one bucket. Errors of AWS are raised as botocore's ClientError."""

    def __init__(self, s3: S3Client, bucket: str, *, clock: Callable[[], datetime] = now) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock

    def runs(self) -> list[Run]:
        """All complete runs, sorted by id."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=RUNS, Delimiter="/")
        folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        runs = []
        for folder in folders:
            try:
                runs.append(self.run(folder.removeprefix(RUNS).rstrip("/")))
            except (ContractError, RunUnknown, InvalidRun):
                continue  # not complete yet, or not a run
        return runs

    def run(self, run: str) -> Run:
        """The run of that id; RunUnknown when it is missing or incomplete."""
        stored = get_or_none(self._s3, bucket=self._bucket, key=run_key(run, MANIFEST))
        if stored is None:
            raise RunUnknown(
                f"there is no complete run {run} in s3://{self._bucket}; nothing was changed. "
                "`nunchi weights list` shows all"
            )
        manifest = _manifest(stored.content, f"run {run}")
        return Run(run, manifest, hashlib.sha256(stored.content).hexdigest(), stored.last_modified)

    def check(self, run: str) -> Run:
        """The run, with every file read; InvalidRun when one is missing or its SHA-256 differs from the manifest's."""
        stored = self.run(run)
        for path, expected in _files(stored.manifest, f"run {run}").items():
            try:
                digest = self._digest(run_key(run, path))
            except ClientError as error:
                if not is_missing(error):
                    raise
                raise InvalidRun(
                    f"file {path} of run {run} is missing; the run is not promoted. Add it again under another id"
                ) from None
            if digest != expected:
                raise InvalidRun(
                    f"{path} of run {run} has SHA-256 {digest}, not {expected}; the run is not promoted. "
                    "Add it again under another id"
                )
        return stored

    def download(self, run: Run, folder: Path) -> Path:
        """Write the run's manifest and files into `folder`; returns the manifest's path.

        InvalidRun when a file is missing or its SHA-256 differs from the manifest's; that file is not written.
        """
        for path, digest in ({MANIFEST: run.manifest_sha256} | _files(run.manifest, f"run {run.id}")).items():
            stored = get_or_none(self._s3, bucket=self._bucket, key=run_key(run.id, path))
            if stored is None or hashlib.sha256(stored.content).hexdigest() != digest:
                raise InvalidRun(
                    f"{path} of run {run.id} is missing, or its SHA-256 differs from the manifest's; nothing was "
                    "judged. Add the run again under another id, or promote another run: nunchi weights rollback"
                )
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(stored.content)
        return folder / MANIFEST

    def add(self, folder: Path, run: str) -> Run:
        """Store a folder as a run, its manifest last. Files that exist with the same content are kept.

        InvalidRun, before anything is written, when the folder is incomplete or corrupt; RunExists when a file exists
        with other content.
        """
        check_run_id(run)
        for path in [*_check_folder(folder), MANIFEST]:
            local = folder / path
            key = run_key(run, path)
            if not self._put_once(key, local) and self._digest(key) != sha256_of(local):
                raise RunExists(
                    f"run {run} exists with another {path}, and runs are immutable. Add {folder} under another id: "
                    "--run ID"
                )
        return self.check(run)

    def current(self) -> CurrentRun:
        """The pointer; RegistryError when it is invalid, in which case workers keep their model."""
        stored = get_or_none(self._s3, bucket=self._bucket, key=POINTER)
        if stored is None:
            return CurrentRun(None, None)
        try:
            return CurrentRun(Pointer.from_json(stored.content), stored.etag)
        except ContractError as error:
            raise RegistryError(
                f"s3://{self._bucket}/{POINTER} is invalid: {error}; workers keep their model. Restore an older "
                "version: aws s3api list-object-versions"
            ) from None

    def promote(self, run: str | None, *, by: str, reason: str, over: CurrentRun | None = None) -> Pointer:
        """Promote a run, None for the model of day 0: check all its files, then move the pointer.

        `over` is the incumbent that the run was judged against; PointerMoved when another run is in service now.
        RunUnknown or InvalidRun when the run can't serve. On an error the pointer does not move.
        """
        before = over or self.current()
        if before.run == run:
            raise RegistryError(f"{run or DAY_0} is in service already; the pointer was not moved")
        digest = None if run is None else self.check(run).manifest_sha256
        at, previous = self._clock(), before.run
        pointer = Pointer(run=run, manifest_sha256=digest, moved_at=at, moved_by=by, previous=previous, reason=reason)
        place: dict[str, Any] = {"Bucket": self._bucket, "Key": POINTER, "ContentType": "application/json"}
        place |= {"IfMatch": before.etag} if before.etag else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(Body=pointer.to_json().encode(), **place)
        except ClientError as error:
            if error_code(error) not in _CONFLICT:
                raise
            raise PointerMoved(
                f"the pointer was moved meanwhile; {run or DAY_0} was not promoted. "
                "Check the run in service with `nunchi weights list`, and decide again"
            ) from None
        return pointer

    def rollback(self, *, by: str, reason: str) -> Pointer:
        """Put the previous run back into service; RegistryError when no run was ever promoted."""
        before = self.current()
        if before.pointer is None:
            raise RegistryError(f"no run was ever promoted, {DAY_0} is in service; the pointer was not moved")
        return self.promote(before.pointer.previous, by=by, reason=reason, over=before)

    def history(self) -> list[Pointer]:
        """All versions of the pointer, the newest first; invalid ones are left out."""
        pointers = []
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=POINTER)
        for version in (each for page in pages for each in page.get("Versions", []) if each["Key"] == POINTER):
            response = self._s3.get_object(Bucket=self._bucket, Key=POINTER, VersionId=version["VersionId"])
            with closing(response["Body"]) as body:
                try:
                    pointers.append(Pointer.from_json(body.read()))
                except ContractError:
                    continue
        return pointers

    def _digest(self, key: str) -> str:
        sha256 = hashlib.sha256()
        with closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            for chunk in body.iter_chunks(_CHUNK):
                sha256.update(chunk)
        return sha256.hexdigest()

    def _put_once(self, key: str, path: Path) -> bool:
        """Write an object unless it exists; False when it does."""
        with path.open("rb") as file:
            try:
                self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) in _CONFLICT:
                    return False
                raise
        return True


def read_folder(folder: Path) -> tuple[Mapping[str, Any], str]:
    """The manifest of a run's folder and its SHA-256; InvalidRun when the folder is incomplete or corrupt."""
    _check_folder(folder)
    content = (folder / MANIFEST).read_bytes()
    return _manifest(content, str(folder)), hashlib.sha256(content).hexdigest()


def _check_folder(folder: Path) -> list[str]:
    """The paths of all files but the manifest; InvalidRun when the folder is incomplete or corrupt."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise InvalidRun(
            f"{folder} has no {MANIFEST} ({error.strerror}); nothing was added. Name the folder of a run"
        ) from None
    for path, expected in _files(_manifest(content, str(folder)), str(folder)).items():
        try:
            digest = sha256_of(folder / path)
        except OSError as error:
            raise InvalidRun(
                f"{folder / path} can't be read ({error.strerror}); nothing was added. Create the run again"
            ) from None
        if digest != expected:
            raise InvalidRun(
                f"{folder / path} has SHA-256 {digest}, not {expected}; nothing was added. Create the run again"
            )
    return _files_in(folder)


def _files_in(folder: Path) -> list[str]:
    """All files of the folder but its manifest: reports and other formats of the weights are stored, too."""
    paths: Iterable[str] = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    try:
        return sorted(check_path(path) for path in paths if path != MANIFEST)
    except ContractError as error:
        raise InvalidRun(f"{folder}: {error}; nothing was added. Rename the file, or remove it") from None


def _manifest(content: bytes, where: str) -> Mapping[str, Any]:
    with _validating(where):
        fields = json.loads(content)
        if not isinstance(fields, dict):
            raise ValueError("it is not a JSON object")
        return fields


def _files(manifest: Mapping[str, Any], where: str) -> dict[str, str]:
    with _validating(where):
        return files_beside(manifest)


@contextmanager
def _validating(where: str) -> Generator[None, None, None]:
    try:
        yield
    except ValueError as error:
        why = "not JSON" if isinstance(error, json.JSONDecodeError) else "invalid"
        raise InvalidRun(f"the manifest of {where} is {why}: {error}; it can't serve. Create the run again") from None
