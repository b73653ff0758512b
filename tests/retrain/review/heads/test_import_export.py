"""A recipe's photos go out for review, and the answers come back into the trees that teach and judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from contracts.boxes import Box
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.errors import InvalidReview
from retrain.heads.dataset import TRAIN, download
from retrain.progress import silent
from retrain.review.export import ExportSummary
from retrain.review.heads.export import export
from retrain.review.heads.importing import is_corrected, read, store
from retrain.review.heads.interface import label_config
from retrain.review.importing import ImportSummary
from tests.retrain.review.heads.recipes import WHOLE, head, recipe
from tests.retrain.review.shop import CHECKED_AT, JPEG, annotation, photo

LEFT, RIGHT = Box(0.1, 0.2, 0.3, 0.6), Box(0.6, 0.2, 0.8, 0.6)
EYE = recipe(head("eye", "open", "shut"), head("look", "left", "right", when={"eye": "open"}))
OPEN = LabelledSubject(LEFT, {"eye": "open", "look": "left"})
Correct = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def labels(*subjects: LabelledSubject, name: str = "one") -> SubjectLabels:
    return SubjectLabels(name, {}, subjects)


def put(bucket: DatasetBucket, tree: Tree, reference: Reference, known: SubjectLabels | None = None) -> Reference:
    bucket.put_pair(tree, reference, jpeg=JPEG, labels=(known or labels(OPEN)).to_json() + "\n")
    return reference


def expire(reference: Reference) -> None:
    """As the bucket's rule does with a photo that has waited in review/ for too long."""
    for key in reference.pair_keys(Tree.REVIEW, ".json"):
        boto3.client("s3", region_name="us-east-1").delete_object(Bucket="dataset", Key=key)


def exported(bucket: DatasetBucket, folder: Path, *, sample_share: float = 0.0) -> list[dict[str, Any]]:
    export(bucket, EYE, folder, sample_share=sample_share, most=None)
    tasks: list[dict[str, Any]] = json.loads((folder / "tasks.json").read_text())
    return tasks


def answered(
    file: Path, tasks: list[dict[str, Any]], correct: Correct = lambda results: results, at: datetime = CHECKED_AT
) -> Path:
    """Label Studio's JSON export, in which somebody corrected each prediction."""
    done = [
        {"id": number, **task, "annotations": [annotation(correct(task["predictions"][0]["result"]), at=at)]}
        for number, task in enumerate(tasks, start=1)
    ]
    file.write_text(json.dumps(done))
    return file


def shut(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The eye is shut, so nothing is asked about its look."""
    box, eye, *_ = json.loads(json.dumps(results))
    eye["value"]["choices"] = ["shut"]
    return [box, eye]


def stored(bucket: DatasetBucket, tree: Tree) -> dict[Reference, SubjectLabels]:
    return {pair.reference: SubjectLabels.from_json(bucket.labels(pair) or "") for pair in bucket.pairs(tree)}


def test_the_unsure_and_a_sample_of_the_sure_go_out_with_the_recipes_interface(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    unsure = put(bucket, Tree.REVIEW, photo(1))
    sure = put(bucket, Tree.AUTO, photo(2), labels(LabelledSubject(RIGHT, {"eye": "shut"})))
    folder = tmp_path / "out"
    assert export(bucket, EYE, folder, sample_share=1, most=None) == ExportSummary(unsure=1, sample=1, left=0)
    tasks = json.loads((folder / "tasks.json").read_text())
    assert {(task["data"]["photo"], task["data"]["tree"], task["data"]["sample"]) for task in tasks} == {
        (str(unsure), "review", False),
        (str(sure), "auto", True),
    }
    assert (folder / "label_config.xml").read_text() == label_config(EYE)
    assert (folder / "images" / f"{stem(unsure)}.jpg").read_bytes() == JPEG
    assert "Click each box" in (folder / "README.txt").read_text()
    assert (folder / ".gitignore").exists()


def test_a_photo_of_the_whole_needs_no_boxes(bucket: DatasetBucket, tmp_path: Path) -> None:
    put(bucket, Tree.REVIEW, photo(1), labels(LabelledSubject(Box(0, 0, 1, 1), {"digit": "n1"})))
    export(bucket, WHOLE, tmp_path / "out", sample_share=0, most=None)
    assert "box" not in (tmp_path / "out" / "README.txt").read_text()


def test_of_many_photos_the_rest_waits(bucket: DatasetBucket, tmp_path: Path) -> None:
    for number in range(5):
        put(bucket, Tree.REVIEW, photo(number))
    summary = export(bucket, EYE, tmp_path / "out", sample_share=0, most=2)
    assert summary == ExportSummary(unsure=2, sample=0, left=3)


def test_only_photos_of_the_recipe_go_out(bucket: DatasetBucket, tmp_path: Path) -> None:
    put(bucket, Tree.REVIEW, photo(1), labels(OPEN, name="other"))
    bucket.put_pair(Tree.REVIEW, photo(2), jpeg=JPEG, labels="no label file")
    mine = put(bucket, Tree.REVIEW, photo(3))
    assert [task["data"]["photo"] for task in exported(bucket, tmp_path / "out")] == [str(mine)]


def test_a_folder_with_files_in_it_is_left_alone(bucket: DatasetBucket, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InvalidReview, match="is not an empty folder, so nothing was written"):
        export(bucket, EYE, tmp_path, sample_share=0, most=None)


def test_accepted_proposals_become_labels_that_teach(bucket: DatasetBucket, tmp_path: Path) -> None:
    one = put(bucket, Tree.REVIEW, photo(1))
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"))
    assert store(read(file, EYE), bucket, golden_share=0) == ImportSummary(reviewed=1)
    assert stored(bucket, Tree.REVIEWED) == {one: labels(OPEN)}
    assert exported(bucket, tmp_path / "again") == [], "a reviewed photo does not go out again"


def test_nothing_teaches_before_a_person_has_checked_it(bucket: DatasetBucket, tmp_path: Path) -> None:
    """A proposal is below its gate: as a label it would teach the model its own mistakes."""
    put(bucket, Tree.REVIEW, photo(1))
    before = download(bucket, EYE, tmp_path / "before", most=0, say=silent)
    assert (before.train, before.golden) == ((), ())
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"), shut)
    store(read(file, EYE), bucket, golden_share=0)
    after = download(bucket, EYE, tmp_path / "after", most=0, say=silent)
    assert after.train == (photo(1),)
    taught = SubjectLabels.from_json(after.label_file(TRAIN, photo(1)).read_text())
    assert taught == labels(LabelledSubject(LEFT, {"eye": "shut"}))


def test_a_correction_is_counted_and_an_answer_to_an_open_question_is_none(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    put(bucket, Tree.REVIEW, photo(1))
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"), shut)
    assert store(read(file, EYE), bucket, golden_share=0) == ImportSummary(reviewed=1, corrected=1)
    said, more = LabelledSubject(LEFT, {"eye": "open"}), LabelledSubject(LEFT, {"eye": "open", "look": "right"})
    assert not is_corrected([said], [more])
    assert is_corrected([more], [said])
    assert is_corrected([said], [LabelledSubject(RIGHT, {"eye": "open"})])
    assert is_corrected([said], [])


def test_the_share_for_judgement_goes_to_golden_by_moments(bucket: DatasetBucket, tmp_path: Path) -> None:
    for number in range(40):
        put(bucket, Tree.REVIEW, photo(number, minutes=number // 2 * 10))
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"))
    summary = store(read(file, EYE), bucket, golden_share=0.5)
    judging, teaching = stored(bucket, Tree.GOLDEN), stored(bucket, Tree.REVIEWED)
    assert (summary.golden, summary.reviewed) == (len(judging), len(teaching))
    assert summary.golden + summary.reviewed == 40
    assert summary.golden > 0 < summary.reviewed
    assert not {one.image_id[:10] for one in judging} & {one.image_id[:10] for one in teaching}


def test_a_photo_that_may_have_taught_never_judges(bucket: DatasetBucket, tmp_path: Path) -> None:
    """Nor one of its moment."""
    put(bucket, Tree.AUTO, photo(1))
    put(bucket, Tree.REVIEW, photo(2))
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out", sample_share=1.0))
    assert store(read(file, EYE), bucket, golden_share=1) == ImportSummary(reviewed=2)


def test_importing_again_changes_nothing_and_a_later_answer_replaces_an_earlier_one(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    """Also after the photo has left review/."""
    one = put(bucket, Tree.REVIEW, photo(1))
    tasks = exported(bucket, tmp_path / "out")
    first = answered(tmp_path / "1.json", tasks)
    later = answered(tmp_path / "2.json", tasks, shut, at=CHECKED_AT + timedelta(hours=1))
    assert store(read(first, EYE), bucket, golden_share=0).reviewed == 1
    assert store(read(first, EYE), bucket, golden_share=0) == ImportSummary(unchanged=1)
    assert store(read(later, EYE), bucket, golden_share=0) == ImportSummary(reviewed=1, corrected=1)
    expire(one)
    for file in (first, later):
        assert store(read(file, EYE), bucket, golden_share=0) == ImportSummary(unchanged=1)
    assert stored(bucket, Tree.REVIEWED) == {one: labels(LabelledSubject(LEFT, {"eye": "shut"}))}


def test_what_is_invalid_is_named_and_the_others_are_stored(bucket: DatasetBucket, tmp_path: Path) -> None:
    good, bad = put(bucket, Tree.REVIEW, photo(1)), put(bucket, Tree.REVIEW, photo(2))
    tasks = exported(bucket, tmp_path / "out")
    [wrong] = [task for task in tasks if task["data"]["photo"] == str(bad)]
    wrong["predictions"][0]["result"][1]["value"]["choices"] = ["half"]
    summary = store(read(answered(tmp_path / "x.json", tasks), EYE), bucket, golden_share=0)
    assert (summary.reviewed, list(stored(bucket, Tree.REVIEWED))) == (1, [good])
    [refused] = summary.refused
    assert "eye is ['half'], not open, shut; answer it anew" in refused


def test_photos_that_have_expired_stop_the_import_unless_they_may_be_left_out(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    one = put(bucket, Tree.REVIEW, photo(1))
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"))
    expire(one)
    with pytest.raises(InvalidReview, match=r"nothing was stored\. Is this the export of another cloud"):
        store(read(file, EYE), bucket, golden_share=0)
    assert store(read(file, EYE), bucket, golden_share=0, missing_ok=True) == ImportSummary(missing=1)


def test_a_picture_that_is_not_whole_is_named(bucket: DatasetBucket, tmp_path: Path) -> None:
    one = photo(1)
    bucket.put_pair(Tree.REVIEW, one, jpeg=b"\xff\xd8 no picture", labels=labels(OPEN).to_json())
    file = answered(tmp_path / "x.json", exported(bucket, tmp_path / "out"))
    summary = store(read(file, EYE), bucket, golden_share=0)
    [refused] = summary.refused
    assert refused.startswith(f"{one}: ")
    assert refused.endswith("; the photo was not stored")
