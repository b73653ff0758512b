"""Runs and the pointer: nothing is lost in JSON, ids sort by time, and what breaks a promise is refused in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ContractError, InvalidMessage, InvalidName
from contracts.weights import DAY_0, MOST_TEXT, Pointer, check_run_id, files_beside, new_run_id, run_key
from tests.strategies import instants

GOLDEN = Pointer(
    run="20261122t030405z-yolov5n",
    manifest_sha256="ab" * 32,
    moved_at=datetime(2026, 11, 22, 3, 4, 5, 678000, tzinfo=UTC),
    moved_by="ada",
    previous=None,
    reason="better for elder women",
)
GOLDEN_JSON = (
    f'{{"schema":1,"run":"20261122t030405z-yolov5n","manifest_sha256":"{"ab" * 32}",'
    '"moved_at":"2026-11-22T03:04:05.678Z","moved_by":"ada","previous":null,"reason":"better for elder women"}'
)
runs = st.from_regex(r"\A[0-9a-z][0-9a-z-]{0,63}\Z").filter(lambda run: run != DAY_0)
texts = st.text(min_size=1, max_size=MOST_TEXT).filter(lambda text: text.isprintable() and text.strip())


@st.composite
def pointers(draw: st.DrawFn) -> Pointer:
    run = draw(st.none() | runs)
    digest = None if run is None else draw(st.text("0123456789abcdef", min_size=64, max_size=64))
    return Pointer(
        run=run,
        manifest_sha256=digest,
        moved_at=draw(instants),
        moved_by=draw(texts),
        previous=draw(st.none() | runs),
        reason=draw(texts),
    )


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(GOLDEN_JSON) | fields)


def test_a_known_pointer_has_a_known_text() -> None:
    """Workers of other versions read it."""
    assert GOLDEN.to_json() == GOLDEN_JSON
    assert Pointer.from_json(GOLDEN_JSON) == GOLDEN


@given(pointers())
def test_nothing_of_a_pointer_is_lost_in_json(pointer: Pointer) -> None:
    assert Pointer.from_json(pointer.to_json()) == pointer


def test_fields_of_later_versions_are_let_pass() -> None:
    assert Pointer.from_json(changed(judged_by="report.json")) == GOLDEN


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        (changed(schema=2), "follows schema 2; only 1 is known here: update this program"),
        (changed(run="../x"), "is not the id of a run"),
        (changed(run=DAY_0), "is not the id of a run"),
        (changed(run=7), "is not the id of a run"),
        (changed(run=None), "a manifest's digest if and only if it names a run"),
        (changed(manifest_sha256="AB"), "is not a SHA-256"),
        (changed(manifest_sha256=7), "expected string"),
        (changed(moved_at="yesterday"), "is not a valid time"),
        (changed(moved_by=""), "moved_by is one line of 1 to 500 characters"),
        (changed(reason="one\ntwo"), "reason is one line"),
        (changed(reason=None), "reason is None, not of type str"),
        (changed(previous="X"), "is not the id of a run"),
        ('{"schema":1}', "has no field 'run'"),
    ],
)
def test_what_is_no_pointer_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(InvalidMessage, match=says):
        Pointer.from_json(text)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(junk: bytes) -> None:
    with pytest.raises(ContractError):
        Pointer.from_json(junk)


@given(instants.filter(lambda at: at.year > 999), instants.filter(lambda at: at.year > 999), st.text(max_size=80))
def test_ids_sort_by_time_whatever_the_models_are_called(one: datetime, other: datetime, name: str) -> None:
    first, second = sorted((one, other))
    earlier, later = check_run_id(new_run_id(first)), check_run_id(new_run_id(second, name))
    assert earlier[:16] <= later[:16]


def test_a_models_name_stands_in_the_id_as_far_as_it_can() -> None:
    assert new_run_id(GOLDEN.moved_at, "YOLOv5n, INT8!") == "20261122t030405z-yolov5n-int8"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../x", "a//b", ".x", "a b", "-x", "a/"])
def test_no_path_leaves_the_folder_of_its_run(path: str) -> None:
    with pytest.raises(InvalidName, match="is not the path of a run's file"):
        run_key("r1", path)


def test_the_files_beside_a_manifest_are_those_of_no_package() -> None:
    files = {"weights": {"path": "a/m.onnx", "sha256": "0" * 64}, "age": {"package": "p", "path": "x", "sha256": "1"}}
    assert files_beside({"files": files}) == {"a/m.onnx": "0" * 64}


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        [],
        {"files": []},
        {"files": {"w": "m.onnx"}},
        {"files": {"w": {"path": "m.onnx"}}},
        {"files": {"w": {"path": "../m", "sha256": "0" * 64}}},
        {"files": {"w": {"path": "m.onnx", "sha256": "0"}}},
        {"files": {"w": {"path": "manifest.json", "sha256": "0" * 64}}},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_name_its_files_is_refused(manifest: Any) -> None:
    with pytest.raises(InvalidMessage, match='the manifest\'s "files"'):
        files_beside(manifest)
