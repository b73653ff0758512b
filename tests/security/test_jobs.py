"""What everybody must be able to do, by the programs' own code under the deployed roles; and not a resource more.

What is refused here would be refused on AWS, in production.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from config.names import INFER_DOCUMENT, INSTANCE_PARAMETER
from contracts.answers_message import WHY
from contracts.instants import now
from contracts.names import POINTER, YOLO_LABELS, Reference, new_image_id
from contracts.weights import Pointer, new_run_id
from kiosk.menu.orders import Ordered
from kiosk.menu.sync import OrdersTable
from lambdas.enrol import Enrolment, EnrolSettings
from local.ports import fetch
from recipes.kiosk.labels import Label
from registry.weights import WeightsRegistry
from tests.security.conftest import IMAGE, KIOSK, OTHER_INSTANCE, WORKER_INSTANCE, People
from tests.security.judge import Judge
from worker.models.manifests import InvalidModel
from worker.photos.sqs_queue import SqsQueue
from worker.photos.store import S3Store, Upload
from worker.photos.task import LabelFile, Picture
from worker.rollout.runs import Runs
from worker.rollout.weights import S3WeightsBucket

PHOTO = Reference(KIOSK, IMAGE)
DAY_0_SERVES = Pointer(
    run=None, manifest_sha256=None, moved_at=now(), moved_by="ada", previous=None, reason="the first pointer"
)
NAMES_NO_INSTANCE = "InvalidInstanceID.NotFound"


@pytest.fixture(params=["shop", "chain"])
def place(request: pytest.FixtureRequest) -> People:
    """Each kind of deployment."""
    found: People = request.getfixturevalue(request.param)
    return found


def test_a_kiosk_uploads_under_its_own_name(place: People) -> None:
    key = Reference(KIOSK, new_image_id(now())).upload_key
    place.kiosk.s3.put_object(Bucket=place.images, Key=key, Body=b"a face", ContentType="image/jpeg")
    assert place.root.s3.get_object(Bucket=place.images, Key=key)["Body"].read() == b"a face"


def test_a_kiosk_counts_its_orders_each_once(place: People) -> None:
    """In a transaction under its own name, by the kiosk's own code; asked again, nothing is counted twice."""
    taken_at = datetime(2026, 11, 29, 12, tzinfo=UTC)
    order = Ordered(1, new_image_id(taken_at), taken_at, 12, Label.ELDER_MALE, 0.75, ("gimbap", "udon"), ())
    table = OrdersTable(place.kiosk.dynamodb, table=place.orders, kiosk_id=KIOSK)
    for _ in range(2):
        table.count(order)
    key = {"pk": {"S": f"{KIOSK}#elder_male#12"}, "sk": {"S": "2026-11"}}
    counted = place.root.dynamodb.get_item(TableName=place.orders, Key=key)["Item"]
    assert {name: value.get("N") for name, value in counted.items() if name not in key} == {
        "orders": "1",
        "weight": "0.75",
        "dish:gimbap": "1",
        "dish:udon": "1",
    }


def test_a_worker_reads_uploads_and_stores_results_and_training_pairs(place: People) -> None:
    """Everything that the worker's own store asks of S3, the copy that S3 makes included."""
    photo = Reference(KIOSK, new_image_id(now()))
    place.root.s3.put_object(Bucket=place.images, Key=photo.upload_key, Body=b"a face")
    store = S3Store(place.worker.s3, images_bucket=place.images, dataset_bucket=place.dataset, max_bytes=1000)
    upload = store.fetch(photo)
    assert isinstance(upload, Upload) and upload.data == b"a face"
    assert [store.save_result(photo, "{}"), store.save_result(photo, "{}")] == [True, False]
    store.save_pair(photo, tree="auto", etag=upload.etag, jpeg=None, labels=LabelFile("0 0.5 0.5 1 1\n", YOLO_LABELS))
    store.save_pair(photo, tree="review", etag=upload.etag, jpeg=b"turned", labels=LabelFile("", YOLO_LABELS))
    assert photo in [listed.reference for listed in store.uploads()]
    assert photo in list(store.results_from(photo))
    written = [
        place.root.s3.get_object(Bucket=place.dataset, Key=photo.pair_keys(tree)[0]) for tree in ("auto", "review")
    ]
    assert [one["Body"].read() for one in written] == [b"a face", b"turned"]


def test_a_workers_link_opens_one_picture_and_nothing_else(place: People) -> None:
    """For whoever has it, without an identity; no training reads what it opens."""
    photo = Reference(KIOSK, new_image_id(now()))
    store = S3Store(place.worker.s3, images_bucket=place.images, dataset_bucket=place.dataset, max_bytes=1000)
    link = store.save_picture(photo, Picture(WHY, b"a PNG"), link_s=30)
    assert fetch(link) == b"a PNG"
    elsewhere = link.replace(photo.why_key, place.upload), link.replace(photo.why_key, place.result)
    for refused in (link.partition("?")[0], *elsewhere):
        assert refused != link
        with pytest.raises(HTTPError, match="403"):
            fetch(refused)
    with pytest.raises(ClientError, match="AccessDenied"):
        place.training.s3.get_object(Bucket=place.images, Key=photo.why_key)
    assert place.training.s3.get_object(Bucket=place.images, Key=place.result)["Body"].read() == b"a photo of somebody"


def test_a_worker_is_told_that_a_photo_is_not_there_and_not_that_it_may_not_look(place: People) -> None:
    """It may list, so S3 answers 404: else every photo that expired would be a failure to try again."""
    with pytest.raises(ClientError) as told:
        place.worker.s3.get_object(Bucket=place.images, Key=Reference(KIOSK, new_image_id(now())).result_key)
    assert told.value.response["Error"]["Code"] == "NoSuchKey"


def test_a_training_run_adds_and_promotes_weights_and_a_worker_follows(place: People, tmp_path: Path) -> None:
    """Everything that the registry asks of S3, and all that a worker asks of the weights."""
    place.root.s3.put_object(Bucket=place.weights, Key=POINTER, Body=DAY_0_SERVES.to_json().encode())
    (tmp_path / "m.onnx").write_bytes(b"weights")
    files = {"weights": {"path": "m.onnx", "sha256": hashlib.sha256(b"weights").hexdigest()}}
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "yolov5n", "version": "1", "files": files}))
    run = new_run_id(now(), secrets.token_hex(4))
    training = WeightsRegistry(place.training.s3, place.weights)
    worker = S3WeightsBucket(place.worker.s3, place.weights)
    seen = worker.read_pointer(None)
    assert seen is not None
    assert worker.read_pointer(seen.etag) is None

    added = training.add(tmp_path, run)
    moved = training.promote(run, by="a training run", reason="better")
    found = worker.read_pointer(seen.etag)
    assert found is not None
    assert Pointer.from_json(found.text or b"") == moved
    manifest = Runs(tmp_path / "state").fetch(run, added.manifest_sha256, worker)
    assert (manifest.parent / "m.onnx").read_bytes() == b"weights"
    assert training.rollback(by="a training run", reason="worse").run is None
    with pytest.raises(InvalidModel, match="is missing: the run is incomplete"):  # and not that it may not look
        Runs(tmp_path / "state").fetch("never", "0" * 64, worker)


def test_a_worker_of_mode_queue_takes_photos_keeps_them_and_is_done_with_them(chain: People) -> None:
    """Everything that the worker's own queue asks of SQS."""
    chain.root.sqs.purge_queue(QueueUrl=chain.uploads)
    for body in ("one", "two"):
        chain.root.sqs.send_message(QueueUrl=chain.uploads, MessageBody=body)
    queue = SqsQueue(chain.worker.sqs, url=chain.uploads, visibility_s=30)
    first, *others = queue.receive(10)
    receipts = [first.receipt, *(one.receipt for one in others)]
    assert queue.extend(receipts) == 0
    queue.release(first.receipt, after_s=0)
    queue.delete(first.receipt)


def test_an_instance_fetches_its_code_is_enrolled_and_writes_its_log(place: People) -> None:
    """NunchiCompute's share of its role."""
    me, judge = place.worker, Judge(place.place, place.place["WorkerRoleArn"])
    bucket, key = place.code_asset()
    place.root.s3.put_object(Bucket=bucket, Key=key, Body=b"PK")
    assert me.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"PK"
    assert me.lambda_.invoke(FunctionName=place.place["EnrolFunctionName"], Payload=b"{}")["StatusCode"] == 200
    for name in ("/nunchi/worker", "/nunchi/metrics"):
        stream = place.place.arn("logs", f"log-group:{name}:log-stream:i-0123456789abcdef0")
        assert judge.allows("logs:PutLogEvents", stream) and judge.allows("logs:CreateLogStream", stream)
    assert not judge.allows("s3:GetObject", f"arn:aws:s3:::{bucket}/another.zip")


def test_a_training_run_reads_what_was_gathered_and_adds_weights(place: People) -> None:
    """It moves the pointer only when nobody else has since it was read, and finds the pointer's earlier versions."""
    s3 = place.training.s3
    for key in (f"auto/images/{KIOSK}/{IMAGE}.jpg", "golden/images/one.jpg"):
        assert s3.get_object(Bucket=place.dataset, Key=key)["Body"].read() == b"a photo of somebody"
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=place.dataset, Prefix="auto/")["Contents"]]
    assert f"auto/images/{KIOSK}/{IMAGE}.jpg" in keys
    s3.put_object(Bucket=place.dataset, Key="builds/1.json", Body=b"{}")
    assert s3.get_object(Bucket=place.dataset, Key="builds/1.json")["Body"].read() == b"{}"
    s3.put_object(Bucket=place.weights, Key="runs/2/model.onnx", Body=b"weights")
    before = s3.head_object(Bucket=place.weights, Key="current.json")
    s3.put_object(Bucket=place.weights, Key="current.json", Body=b"2", IfMatch=before["ETag"])
    with pytest.raises(ClientError) as too_late:
        s3.put_object(Bucket=place.weights, Key="current.json", Body=b"3", IfMatch=before["ETag"])
    assert too_late.value.response["Error"]["Code"] == "PreconditionFailed"
    earlier = s3.get_object(Bucket=place.weights, Key="current.json", VersionId=before["VersionId"])
    assert earlier["Body"].read() != b"2"


def test_dispatch_finds_the_instance_and_takes_announcements(shop: People) -> None:
    """What the function asks, and what Lambda asks for it under the same role."""
    shop.root.ssm.put_parameter(Name=INSTANCE_PARAMETER, Value=WORKER_INSTANCE, Type="String", Overwrite=True)
    assert shop.dispatch.ssm.get_parameter(Name=INSTANCE_PARAMETER)["Parameter"]["Value"] == WORKER_INSTANCE
    shop.dispatch.sqs.get_queue_attributes(QueueUrl=shop.uploads, AttributeNames=["All"])
    shop.dispatch.sqs.receive_message(QueueUrl=shop.uploads, VisibilityTimeout=0)


@pytest.mark.parametrize(
    ("may", "document", "tag"),
    [
        (True, INFER_DOCUMENT, "inference"),
        (False, "AWS-RunShellScript", "inference"),
        (False, "Nunchi-Infer-2", "inference"),
        (False, INFER_DOCUMENT, "training"),
        (False, INFER_DOCUMENT, None),
    ],
)
def test_dispatch_sends_one_document_to_tagged_instances_only(
    shop: People, may: bool, document: str, tag: str | None
) -> None:
    """Judged on the deployed policies, for document and instance, as AWS does: see judge.py."""
    judge = Judge(shop.place, shop.place.role_of(shop.place["DispatchFunctionName"]))
    owned = (
        "arn:aws:ssm:ap-northeast-2::document/" if document.startswith("AWS-") else shop.place.arn("ssm", "document/")
    )
    instance = shop.place.arn("ec2", f"instance/{WORKER_INSTANCE}")
    tags = {} if tag is None else {"nunchi:role": tag}
    assert judge.allows("ssm:SendCommand", f"{owned}{document}", instance, **tags) is may


def test_enrolment_makes_replaces_and_ends_a_workers_certificate(place: People) -> None:
    """The function's own code under its own role, from an instance's first boot to its end."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "nunchi:role", "Value": "inference"}]}]
    [started] = place.root.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, TagSpecifications=tags)[
        "Instances"
    ]
    instance: str = started["InstanceId"]
    enrol = Enrolment(
        ec2=place.enrol.ec2, iot=place.enrol.iot, settings=EnrolSettings(worker_policy=place.place["WorkerPolicyName"])
    )
    first = enrol({"instance_id": instance, "csr": signing_request()}, None)
    assert "BEGIN CERTIFICATE" in first["certificate_pem"]
    second = enrol({"instance_id": instance, "csr": signing_request()}, None)
    assert second["certificate_pem"] != first["certificate_pem"]
    assert len(place.root.iot.list_thing_principals(thingName=instance)["principals"]) == 1
    ended = {
        "detail-type": "EC2 Instance State-change Notification",
        "detail": {"instance-id": instance, "state": "terminated"},
    }
    assert enrol(ended, None) == {}
    with pytest.raises(place.root.iot.exceptions.ResourceNotFoundException):
        place.root.iot.describe_thing(thingName=instance)


def signing_request() -> str:
    """What an instance sends: made with a key that stays where it is."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "worker")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("schedule", "call", "instance", "told"),
    [
        ("SchedulesStart", "start_instances", OTHER_INSTANCE, "UnauthorizedOperation"),
        ("SchedulesStart", "start_instances", WORKER_INSTANCE, NAMES_NO_INSTANCE),
        ("SchedulesStart", "stop_instances", WORKER_INSTANCE, "UnauthorizedOperation"),
        ("SchedulesStop", "stop_instances", WORKER_INSTANCE, NAMES_NO_INSTANCE),
        ("SchedulesStop", "start_instances", WORKER_INSTANCE, "UnauthorizedOperation"),
        ("SchedulesLease", "stop_instances", WORKER_INSTANCE, NAMES_NO_INSTANCE),
        ("SchedulesLease", "terminate_instances", WORKER_INSTANCE, "UnauthorizedOperation"),
    ],
)
def test_a_schedule_does_one_thing_to_one_instance(
    shop: People, schedule: str, call: str, instance: str, told: str
) -> None:
    """Whoever is allowed is told that the local cloud has no such instance; nobody else gets that far."""
    with pytest.raises(ClientError) as answer:
        getattr(shop.place.with_role(shop.role(f"{schedule}Role")).ec2, call)(InstanceIds=[instance])
    assert answer.value.response["Error"]["Code"] == told


def test_the_watch_sees_what_workers_say_and_how_old_certificates_are(shop: People) -> None:
    """Which certificates a policy has, is judged on the policy: see judge.py."""
    status = f"nunchi/worker/{WORKER_INSTANCE}/status"
    shop.root.iot_data.publish(topic=status, payload=b"{}", retain=True, qos=1)
    assert shop.watch.iot_data.get_retained_message(topic=status)["payload"] == b"{}"
    assert shop.watch.iot.list_certificates()["certificates"]
    shop.root.ssm.put_parameter(Name=INSTANCE_PARAMETER, Value=WORKER_INSTANCE, Type="String", Overwrite=True)
    assert shop.watch.ssm.get_parameter(Name=INSTANCE_PARAMETER)["Parameter"]["Value"] == WORKER_INSTANCE
    judge = Judge(shop.place, shop.role("WatchRole"))
    for output in ("KioskPolicyName", "WorkerPolicyName"):
        assert judge.allows("iot:ListTargetsForPolicy", shop.place.arn("iot", f"policy/{shop.place[output]}"))


def test_under_the_operators_key_each_may_only_what_its_photos_need(chain: People) -> None:
    """A kiosk may have its upload encrypted and read nothing; a worker and a training run read and write."""
    key = chain.own_key()
    roles = {name: Judge(chain.place, chain.place[f"{name}RoleArn"]) for name in ("Kiosk", "Worker", "Training")}
    told = {
        name: {
            action
            for action in (
                "Decrypt",
                "GenerateDataKey",
                "Encrypt",
                "ScheduleKeyDeletion",
                "PutKeyPolicy",
                "CreateGrant",
            )
            if judge.allows(f"kms:{action}", key)
        }
        for name, judge in roles.items()
    }
    assert told == {
        "Kiosk": {"GenerateDataKey"},
        "Worker": {"Decrypt", "GenerateDataKey"},
        "Training": {"Decrypt", "GenerateDataKey"},
    }


def test_the_steps_of_a_retraining_read_and_write_what_they_are_about(place: People) -> None:
    """By the functions' own requests, under their own roles; what EC2 and SSM are asked is judged below."""
    training = new_run_id(now(), "yolov5n")
    key = f"trainings/{training}/progress.json"
    place.training.s3.put_object(Bucket=place.dataset, Key=key, Body=b"{}")
    assert place.step("watch").s3.get_object(Bucket=place.dataset, Key=key)["Body"].read() == b"{}"
    with pytest.raises(ClientError) as told:  # and not that it may not look
        place.step("watch").s3.get_object(Bucket=place.dataset, Key=key.replace("progress", "outcome"))
    assert told.value.response["Error"]["Code"] == "NoSuchKey"
    check = place.step("check").s3
    assert check.list_objects_v2(Bucket=place.dataset, Prefix="auto/labels/")["Prefix"] == "auto/labels/"
    check.get_object(Bucket=place.weights, Key=POINTER)["Body"].close()
    outcome = f"trainings/{training}/outcome.json"
    place.step("tell").s3.put_object(Bucket=place.dataset, Key=outcome, Body=b"{}", IfNoneMatch="*")
    place.step("tell").s3.get_object(Bucket=place.dataset, Key=outcome)["Body"].close()
    place.step("tell").s3.get_object(Bucket=place.weights, Key=POINTER)["Body"].close()


@pytest.mark.parametrize(("tag", "may"), [("training", True), ("inference", False), (None, False)])
def test_only_training_machines_are_told_to_train_or_to_go(shop: People, tag: str | None, may: bool) -> None:
    """The worker's instance is out of their reach."""
    instance = shop.place.arn("ec2", f"instance/{WORKER_INSTANCE}")
    tags = {} if tag is None else {"nunchi:role": tag}
    watch = Judge(shop.place, shop.role("StepWatchRole"))
    assert watch.allows("ssm:SendCommand", shop.place.arn("ssm", "document/Nunchi-Train"), instance, **tags) is may
    assert not watch.allows("ssm:SendCommand", shop.place.arn("ssm", "document/Nunchi-Infer"), instance, **tags)
    for step in ("StepStopRole", "StepSweepRole"):
        assert Judge(shop.place, shop.role(step)).allows("ec2:TerminateInstances", instance, **tags) is may
