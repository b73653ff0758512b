"""What nobody may do, each asked of the deployed roles by somebody who has them, and each refused by AWS's word for it.

Refused for any other reason, such as a thing that isn't there, would prove nothing: the code is asserted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.security.conftest import IMAGE, KIOSK, OTHER_INSTANCE, OTHER_KIOSK, People
from tests.security.deployment import Identity

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException"}
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
Try = Callable[[Identity, People], Any]


def _key(partition: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": "2026-11"}}


def _update(at: People, partition: str) -> dict[str, Any]:
    return {
        "TableName": at.orders,
        "Key": _key(partition),
        "UpdateExpression": "ADD orders :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }


def _count(me: Identity, at: People, partition: str) -> Any:
    return me.dynamodb.update_item(**_update(at, partition))


KIOSKS: dict[str, Try] = {
    "upload under another kiosk's name": lambda me, at: me.s3.put_object(
        Bucket=at.images, Key=f"uploads/{OTHER_KIOSK}/{IMAGE}.jpg", Body=b""
    ),
    "upload under a name that begins as its own": lambda me, at: me.s3.put_object(
        Bucket=at.images, Key=f"uploads/{KIOSK}-2/{IMAGE}.jpg", Body=b""
    ),
    "read a photo of its own": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "read another kiosk's photo": lambda me, at: me.s3.get_object(
        Bucket=at.images, Key=f"uploads/{OTHER_KIOSK}/{IMAGE}.jpg"
    ),
    "copy another kiosk's photo into its own folder": lambda me, at: me.s3.copy_object(
        Bucket=at.images,
        Key=f"uploads/{KIOSK}/copy.jpg",
        CopySource={"Bucket": at.images, "Key": f"uploads/{OTHER_KIOSK}/{IMAGE}.jpg"},
    ),
    "list its own photos": lambda me, at: me.s3.list_objects_v2(Bucket=at.images, Prefix=f"uploads/{KIOSK}/"),
    "delete a photo of its own": lambda me, at: me.s3.delete_object(Bucket=at.images, Key=at.upload),
    "make a photo of its own public": lambda me, at: me.s3.put_object_acl(
        Bucket=at.images, Key=at.upload, ACL="public-read"
    ),
    "count an order of another kiosk's": lambda me, at: _count(me, at, f"{OTHER_KIOSK}#none#12"),
    "count an order under a name that begins as its own": lambda me, at: _count(me, at, f"{KIOSK}-2#none#12"),
    "count an order of another kiosk's in a transaction with one of its own": lambda me, at: (
        me.dynamodb.transact_write_items(
            TransactItems=[
                {"Update": _update(at, f"{KIOSK}#none#12")},
                {"Update": _update(at, f"{OTHER_KIOSK}#none#12")},
            ]
        )
    ),
    "overwrite a count of another kiosk's": lambda me, at: me.dynamodb.put_item(
        TableName=at.orders, Item=_key(f"{OTHER_KIOSK}#none#12") | {"orders": {"N": "1000"}}
    ),
    "read a count of its own": lambda me, at: me.dynamodb.get_item(TableName=at.orders, Key=_key(f"{KIOSK}#none#12")),
    "read all counts": lambda me, at: me.dynamodb.scan(TableName=at.orders),
    "delete a count of its own": lambda me, at: me.dynamodb.delete_item(
        TableName=at.orders, Key=_key(f"{KIOSK}#none#12")
    ),
    "delete the table of counts": lambda me, at: me.dynamodb.delete_table(TableName=at.orders),
    "read its result": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.result),
    "write a result": lambda me, at: me.s3.put_object(Bucket=at.images, Key=at.result, Body=b"{}"),
    "read a training image": lambda me, at: me.s3.get_object(Bucket=at.dataset, Key=f"auto/images/{KIOSK}/{IMAGE}.jpg"),
    "write a training label": lambda me, at: me.s3.put_object(
        Bucket=at.dataset, Key=f"auto/labels/{KIOSK}/{IMAGE}.txt", Body=b""
    ),
    "read the weights": lambda me, at: me.s3.get_object(Bucket=at.weights, Key="runs/1/model.onnx"),
    "choose the weights in service": lambda me, at: me.s3.put_object(Bucket=at.weights, Key="current.json", Body=b""),
    "announce an upload itself": lambda me, at: me.sqs.send_message(QueueUrl=at.uploads, MessageBody="{}"),
    "read announcements": lambda me, at: me.sqs.receive_message(QueueUrl=at.uploads),
    "have itself enrolled as a worker": lambda me, at: me.lambda_.invoke(FunctionName=at.place["EnrolFunctionName"]),
    "publish a label over HTTP": lambda me, _: me.iot_data.publish(topic=f"nunchi/{KIOSK}/label", payload=b"{}"),
    "take the worker's role": lambda me, at: me.sts.assume_role(
        RoleArn=at.place["WorkerRoleArn"], RoleSessionName="kiosk"
    ),
    "look at the registry of kiosks": lambda me, _: me.iot.list_things(),
}

WORKERS: dict[str, Try] = {
    "delete an upload": lambda me, at: me.s3.delete_object(Bucket=at.images, Key=at.upload),
    "delete a result": lambda me, at: me.s3.delete_object(Bucket=at.images, Key=at.result),
    "write an upload": lambda me, at: me.s3.put_object(Bucket=at.images, Key=at.upload, Body=b""),
    "read the dataset": lambda me, at: me.s3.get_object(Bucket=at.dataset, Key=f"auto/images/{KIOSK}/{IMAGE}.jpg"),
    "list the dataset": lambda me, at: me.s3.list_objects_v2(Bucket=at.dataset),
    "write a golden label": lambda me, at: me.s3.put_object(Bucket=at.dataset, Key="golden/labels/one.txt", Body=b""),
    "write a build of the dataset": lambda me, at: me.s3.put_object(Bucket=at.dataset, Key="builds/1.json", Body=b""),
    "copy a photo to the golden ones": lambda me, at: me.s3.copy_object(
        Bucket=at.dataset, Key="golden/images/two.jpg", CopySource={"Bucket": at.images, "Key": at.upload}
    ),
    "carry a photo off to another bucket of the account": lambda me, at: me.s3.copy_object(
        Bucket=at.assets, Key="photo.jpg", CopySource={"Bucket": at.images, "Key": at.upload}
    ),
    "write weights": lambda me, at: me.s3.put_object(Bucket=at.weights, Key="runs/2/model.onnx", Body=b""),
    "choose the weights in service": lambda me, at: me.s3.put_object(Bucket=at.weights, Key="current.json", Body=b""),
    "delete weights": lambda me, at: me.s3.delete_object(Bucket=at.weights, Key="runs/1/model.onnx"),
    "delete a version of the weights": lambda me, at: me.s3.delete_object(
        Bucket=at.weights, Key="runs/1/model.onnx", VersionId=at.version_of_weights()
    ),
    "delete the pointer": lambda me, at: me.s3.delete_object(Bucket=at.weights, Key="current.json"),
    "change a bucket's policy": lambda me, at: me.s3.put_bucket_policy(Bucket=at.images, Policy=at.policy_of_images()),
    "remove a bucket's policy": lambda me, at: me.s3.delete_bucket_policy(Bucket=at.images),
    "let a bucket be made public": lambda me, at: me.s3.delete_public_access_block(Bucket=at.images),
    "make a bucket public by its ACL": lambda me, at: me.s3.put_bucket_acl(Bucket=at.images, ACL="public-read"),
    "keep photos for ever": lambda me, at: me.s3.delete_bucket_lifecycle(Bucket=at.images),
    "have photos expire at once": lambda me, at: me.s3.put_bucket_lifecycle_configuration(
        Bucket=at.images,
        LifecycleConfiguration={
            "Rules": [{"ID": "now", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
        },
    ),
    "suspend versions": lambda me, at: me.s3.put_bucket_versioning(
        Bucket=at.weights, VersioningConfiguration={"Status": "Suspended"}
    ),
    "stop the access log": lambda me, at: me.s3.put_bucket_logging(Bucket=at.images, BucketLoggingStatus={}),
    "stop the announcements": lambda me, at: me.s3.put_bucket_notification_configuration(
        Bucket=at.images, NotificationConfiguration={}
    ),
    "delete a bucket": lambda me, at: me.s3.delete_bucket(Bucket=at.images),
    "list the account's buckets": lambda me, _: me.s3.list_buckets(),
    "purge the upload queue": lambda me, at: me.sqs.purge_queue(QueueUrl=at.uploads),
    "announce an upload itself": lambda me, at: me.sqs.send_message(QueueUrl=at.uploads, MessageBody="{}"),
    "change the upload queue": lambda me, at: me.sqs.set_queue_attributes(
        QueueUrl=at.uploads, Attributes={"MessageRetentionPeriod": "60"}
    ),
    "take dead letters": lambda me, at: me.sqs.receive_message(QueueUrl=at.dead),
    "purge the dead letters": lambda me, at: me.sqs.purge_queue(QueueUrl=at.dead),
    "send a Run Command": lambda me, _: me.ssm.send_command(
        DocumentName="AWS-RunShellScript", InstanceIds=[OTHER_INSTANCE], Parameters={"commands": ["id"]}
    ),
    "read a parameter": lambda me, _: me.ssm.get_parameter(Name="/nunchi/inference-instance"),
    "send photos to another instance": lambda me, _: me.ssm.put_parameter(
        Name="/nunchi/inference-instance", Value=OTHER_INSTANCE, Overwrite=True
    ),
    "take the training's role": lambda me, at: me.sts.assume_role(
        RoleArn=at.place["TrainingRoleArn"], RoleSessionName="worker"
    ),
    "create a user": lambda me, _: me.iam.create_user(UserName="mallory"),
    "give its role a right": lambda me, at: me.iam.put_role_policy(
        RoleName=at.place["WorkerRoleArn"].rpartition("/")[2], PolicyName="more", PolicyDocument=EVERYTHING
    ),
    "change the code of a function": lambda me, at: me.lambda_.update_function_code(
        FunctionName=at.place["EnrolFunctionName"], ZipFile=b"PK"
    ),
    "add a device": lambda me, _: me.iot.create_keys_and_certificate(setAsActive=True),
    "let devices do everything": lambda me, at: me.iot.create_policy_version(
        policyName=at.place["KioskPolicyName"], policyDocument=EVERYTHING, setAsDefault=True
    ),
    "publish a label without its certificate": lambda me, _: me.iot_data.publish(
        topic=f"nunchi/{KIOSK}/label", payload=b"{}"
    ),
    "tag an instance for Run Command": lambda me, _: me.ec2.create_tags(
        Resources=[OTHER_INSTANCE], Tags=[{"Key": "nunchi:role", "Value": "inference"}]
    ),
    "terminate an instance": lambda me, _: me.ec2.terminate_instances(InstanceIds=[OTHER_INSTANCE]),
    "delete the log": lambda me, _: me.logs.delete_log_group(logGroupName="/nunchi/worker"),
    "write another log": lambda me, _: me.logs.create_log_stream(logGroupName="/aws/lambda/x", logStreamName="forged"),
}

TRAININGS: dict[str, Try] = {
    "delete a version of the weights": lambda me, at: me.s3.delete_object(
        Bucket=at.weights, Key="runs/1/model.onnx", VersionId=at.version_of_weights()
    ),
    "delete weights": lambda me, at: me.s3.delete_object(Bucket=at.weights, Key="runs/1/model.onnx"),
    "delete the pointer": lambda me, at: me.s3.delete_object(Bucket=at.weights, Key="current.json"),
    "suspend versions": lambda me, at: me.s3.put_bucket_versioning(
        Bucket=at.weights, VersioningConfiguration={"Status": "Suspended"}
    ),
    "have old versions expire": lambda me, at: me.s3.put_bucket_lifecycle_configuration(
        Bucket=at.weights, LifecycleConfiguration={"Rules": []}
    ),
    "write elsewhere in the weights": lambda me, at: me.s3.put_object(Bucket=at.weights, Key="run.sh", Body=b""),
    "delete a training image": lambda me, at: me.s3.delete_object(
        Bucket=at.dataset, Key=f"auto/images/{KIOSK}/{IMAGE}.jpg"
    ),
    "write a golden label": lambda me, at: me.s3.put_object(Bucket=at.dataset, Key="golden/labels/one.txt", Body=b""),
    "label photos itself": lambda me, at: me.s3.put_object(
        Bucket=at.dataset, Key=f"auto/labels/{KIOSK}/{IMAGE}.txt", Body=b""
    ),
    "read an upload": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "change a result": lambda me, at: me.s3.put_object(Bucket=at.images, Key=at.result, Body=b"{}"),
    "change a bucket's policy": lambda me, at: me.s3.put_bucket_policy(Bucket=at.weights, Policy=EVERYTHING),
    "read announcements": lambda me, at: me.sqs.receive_message(QueueUrl=at.uploads),
    "send a Run Command": lambda me, _: me.ssm.send_command(DocumentName="Nunchi-Infer", InstanceIds=[OTHER_INSTANCE]),
    "have itself enrolled as a worker": lambda me, at: me.lambda_.invoke(FunctionName=at.place["EnrolFunctionName"]),
    "take the worker's role": lambda me, at: me.sts.assume_role(
        RoleArn=at.place["WorkerRoleArn"], RoleSessionName="training"
    ),
}

DISPATCHES: dict[str, Try] = {
    "read a photo": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "list photos": lambda me, at: me.s3.list_objects_v2(Bucket=at.images),
    "write a result": lambda me, at: me.s3.put_object(Bucket=at.images, Key=at.result, Body=b"{}"),
    "read another parameter": lambda me, _: me.ssm.get_parameter(Name="/nunchi/another"),
    "read all parameters below a path": lambda me, _: me.ssm.get_parameters_by_path(Path="/", Recursive=True),
    "change where photos go": lambda me, _: me.ssm.put_parameter(
        Name="/nunchi/inference-instance", Value=OTHER_INSTANCE, Overwrite=True
    ),
    "change the document": lambda me, _: me.ssm.update_document(Name="Nunchi-Infer", Content="{}"),
    "read what commands printed": lambda me, _: me.ssm.list_command_invocations(Details=True),
    "take dead letters": lambda me, at: me.sqs.receive_message(QueueUrl=at.dead),
    "purge the upload queue": lambda me, at: me.sqs.purge_queue(QueueUrl=at.uploads),
    "have something enrolled": lambda me, at: me.lambda_.invoke(FunctionName=at.place["EnrolFunctionName"]),
    "publish a label": lambda me, _: me.iot_data.publish(topic=f"nunchi/{KIOSK}/label", payload=b"{}"),
    "stop an instance": lambda me, _: me.ec2.stop_instances(InstanceIds=[OTHER_INSTANCE]),
}

ENROLS: dict[str, Try] = {
    "make a kiosk's thing": lambda me, _: me.iot.create_thing(thingName="veranda"),
    "look at a kiosk's thing": lambda me, _: me.iot.describe_thing(thingName=KIOSK),
    "delete a kiosk's thing": lambda me, _: me.iot.delete_thing(thingName=KIOSK),
    "list a kiosk's certificates": lambda me, _: me.iot.list_thing_principals(thingName=KIOSK),
    "make a key pair": lambda me, _: me.iot.create_keys_and_certificate(setAsActive=True),
    "write a policy for devices": lambda me, _: me.iot.create_policy(policyName="all", policyDocument=EVERYTHING),
    "let devices do everything": lambda me, at: me.iot.create_policy_version(
        policyName=at.place["WorkerPolicyName"], policyDocument=EVERYTHING, setAsDefault=True
    ),
    "publish a label": lambda me, _: me.iot_data.publish(topic=f"nunchi/{KIOSK}/label", payload=b"{}"),
    "read a photo": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "start an instance": lambda me, _: me.ec2.start_instances(InstanceIds=[OTHER_INSTANCE]),
    "tag an instance": lambda me, _: me.ec2.create_tags(
        Resources=[OTHER_INSTANCE], Tags=[{"Key": "nunchi:role", "Value": "inference"}]
    ),
}

WATCHES: dict[str, Try] = {
    "read what a kiosk last said": lambda me, _: me.iot_data.get_retained_message(topic=f"nunchi/{KIOSK}/status"),
    "list everything that is retained": lambda me, _: me.iot_data.list_retained_messages(),
    "publish a status": lambda me, _: me.iot_data.publish(topic="nunchi/worker/i-1/status", payload=b"{}", retain=True),
    "revoke a certificate": lambda me, _: me.iot.update_certificate(certificateId="0" * 64, newStatus="REVOKED"),
    "read another parameter": lambda me, _: me.ssm.get_parameter(Name="/nunchi/another"),
    "start an instance": lambda me, _: me.ec2.start_instances(InstanceIds=[OTHER_INSTANCE]),
    "read a photo": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "take dead letters": lambda me, at: me.sqs.receive_message(QueueUrl=at.dead),
}


STEPS: dict[str, Try] = {
    "read a photo": lambda me, at: me.s3.get_object(Bucket=at.images, Key=at.upload),
    "read a training image": lambda me, at: me.s3.get_object(Bucket=at.dataset, Key=f"auto/images/{KIOSK}/{IMAGE}.jpg"),
    "write a golden label": lambda me, at: me.s3.put_object(Bucket=at.dataset, Key="golden/labels/one.txt", Body=b""),
    "choose the weights in service": lambda me, at: me.s3.put_object(Bucket=at.weights, Key="current.json", Body=b""),
    "write progress in a training's name": lambda me, at: me.s3.put_object(
        Bucket=at.dataset, Key="trainings/20261122t030405z-yolov5n/progress.json", Body=b""
    ),
    "take the training's role": lambda me, at: me.sts.assume_role(
        RoleArn=at.place["TrainingRoleArn"], RoleSessionName="step"
    ),
    "read what is announced": lambda me, at: me.sqs.receive_message(QueueUrl=at.uploads),
    "create a user": lambda me, _: me.iam.create_user(UserName="mallory"),
}


def refused(ask: Callable[[], object]) -> None:
    """The request is refused for want of a right, and for nothing else."""
    with pytest.raises(ClientError) as told:
        ask()
    assert told.value.response["Error"]["Code"] in DENIED


@pytest.mark.parametrize("forbidden", KIOSKS)
def test_a_kiosk_may_not(shop: People, forbidden: str) -> None:
    refused(lambda: KIOSKS[forbidden](shop.kiosk, shop))


@pytest.mark.parametrize("forbidden", WORKERS)
def test_a_worker_may_not(shop: People, forbidden: str) -> None:
    """Asked with both shares of an instance's role."""
    refused(lambda: WORKERS[forbidden](shop.worker, shop))


@pytest.mark.parametrize("forbidden", WORKERS)
def test_a_worker_of_mode_queue_may_not(chain: People, forbidden: str) -> None:
    """Its role has the queue in addition, and may still do none of it."""
    refused(lambda: WORKERS[forbidden](chain.worker, chain))


@pytest.mark.parametrize("forbidden", TRAININGS)
def test_a_training_run_may_not(shop: People, forbidden: str) -> None:
    refused(lambda: TRAININGS[forbidden](shop.training, shop))


@pytest.mark.parametrize("forbidden", DISPATCHES)
def test_dispatch_may_not(shop: People, forbidden: str) -> None:
    refused(lambda: DISPATCHES[forbidden](shop.dispatch, shop))


@pytest.mark.parametrize("forbidden", ENROLS)
def test_enrolment_may_not(shop: People, forbidden: str) -> None:
    refused(lambda: ENROLS[forbidden](shop.enrol, shop))


@pytest.mark.parametrize("forbidden", WATCHES)
def test_the_watch_may_not(shop: People, forbidden: str) -> None:
    refused(lambda: WATCHES[forbidden](shop.watch, shop))


@pytest.mark.parametrize("forbidden", STEPS)
@pytest.mark.parametrize("step", ["check", "start", "watch", "stop", "tell", "sweep"])
def test_a_step_of_a_retraining_may_not(shop: People, step: str, forbidden: str) -> None:
    """None of them reads a photo, labels one, or decides which weights serve."""
    refused(lambda: STEPS[forbidden](shop.step(step), shop))


def test_a_worker_of_mode_command_may_not_take_photos_from_the_queue(shop: People) -> None:
    """They would be lost to dispatch."""
    refused(lambda: shop.worker.sqs.receive_message(QueueUrl=shop.uploads))


def test_a_kiosk_that_does_not_say_its_name_may_count_nothing(shop: People) -> None:
    """The variable of the policy has no value then, and matches no kiosk's key.

    On AWS it matches nothing. The local cloud takes the variable's own text for its value: a key that is no kiosk's.
    """
    for partition in (f"{KIOSK}#none#12", "#none#12"):
        refused(partial(_count, shop.nameless, shop, partition))


def test_a_kiosk_that_does_not_say_its_name_may_upload_nothing(shop: People) -> None:
    """Not under its own name either, nor under none."""
    for key in (shop.upload, f"uploads//{IMAGE}.jpg", f"uploads/{IMAGE}.jpg"):
        refused(partial(shop.nameless.s3.put_object, Bucket=shop.images, Key=key, Body=b""))
