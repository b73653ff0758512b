"""What must hold of the pipeline stack, said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.names import INFER_DOCUMENT, INSTANCE_PARAMETER
from contracts.names import Reference
from contracts.settings import load
from lambdas.dispatch import PATIENCE, DispatchSettings
from tests.infra.assembly import Template

BUCKETS = ("ImagesBucket", "DatasetBucket", "WeightsBucket")
QUEUES = ("UploadQueueUrl", "DeadQueueUrl")
HERE = "ap-northeast-2:<AWS::AccountId>"
IOT = f"arn:aws:iot:{HERE}:"
THING = "${iot:Connection.Thing.ThingName}"
NO_CONDITION = "{}"


def dispatch_function(pipeline: Template) -> dict[str, Any]:
    properties: dict[str, Any] = pipeline.resource("DispatchFunctionName")["Properties"]
    return properties


def test_the_outputs_are_what_local_and_the_command_read(pipeline: Template) -> None:
    """Renaming one breaks `nunchi up`."""
    assert set(pipeline.outputs) == {
        *BUCKETS,
        *QUEUES,
        "OrdersTable",
        "DispatchFunctionName",
        "EnrolFunctionName",
        "KioskPolicyName",
        "WorkerPolicyName",
        "WorkerAccessArn",
        "WorkerRoleArn",
        "TrainingAccessArn",
        "TrainingRoleArn",
        "KioskRoleArn",
        "KioskRoleAliasName",
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_encrypted_private_and_survives_its_stack(pipeline: Template, bucket: str) -> None:
    """Photos of people: no public access by policy, list or mistake, and no ACL to give any."""
    resource = pipeline.resource(bucket)
    properties = resource["Properties"]
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    ]
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_takes_nothing_but_tls_1_2_of_this_account_and_writes_down_who_came(
    pipeline: Template, bucket: str
) -> None:
    """Everything else is denied to everybody; AWS's own services, which deliver logs, are of no account."""
    policy = pipeline.behind("AWS::S3::BucketPolicy", Bucket=bucket)
    denials = [
        (one["Action"], one["Principal"], one["Condition"], pipeline.text(one["Resource"]))
        for one in policy["PolicyDocument"]["Statement"]
        if one["Effect"] == "Deny"
    ]
    everything = f"<{bucket}.Arn> <{bucket}.Arn>/*"
    assert denials == [
        ("s3:*", {"AWS": "*"}, {"Bool": {"aws:SecureTransport": "false"}}, everything),
        ("s3:*", {"AWS": "*"}, {"NumericLessThan": {"s3:TlsVersion": 1.2}}, everything),
        (
            "s3:*",
            {"AWS": "*"},
            {
                "StringNotEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
            everything,
        ),
    ]
    log = pipeline.resource(bucket)["Properties"]["LoggingConfiguration"]
    assert log["LogFilePrefix"] == f"{bucket.removesuffix('Bucket').lower()}/"


def test_uploads_leave_after_a_week_and_results_after_a_quarter(pipeline: Template) -> None:
    """A picture of a part of a photo leaves with it. Nothing else has a date; broken-off uploads leave the next day."""
    rules = pipeline.resource("ImagesBucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {
        "uploads/": 7,
        "results/": 90,
        "why/": 7,
    }
    assert Reference("demo", "01m81j18kv000g40r40m30e209").why_key.startswith("why/")
    assert [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule] == [
        {"DaysAfterInitiation": 1}
    ]


def test_photos_for_review_leave_after_a_quarter_and_training_pairs_stay(pipeline: Template) -> None:
    """A photo that nobody has reviewed by then is no training image, and only training images stay.

    Checkpoints and progress of a training leave, too: what it decided stands in its run's report.
    """
    rules = pipeline.resource("DatasetBucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {
        "review/": 90,
        "trainings/": 180,
    }


def test_weights_are_versioned_and_old_versions_stay(pipeline: Template) -> None:
    """They are the way back from a bad model."""
    properties = pipeline.resource("WeightsBucket")["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert not any("NoncurrentVersionExpiration" in rule for rule in properties["LifecycleConfiguration"]["Rules"])


def test_every_upload_is_announced_whatever_its_suffix(pipeline: Template) -> None:
    """A wrong file gets an answer, too."""
    notifications = pipeline.one("Custom::S3BucketNotifications")
    assert pipeline.text(notifications["BucketName"]) == "<ImagesBucket>"
    [to_queue] = notifications["NotificationConfiguration"]["QueueConfigurations"]
    assert {**to_queue, "QueueArn": pipeline.text(to_queue["QueueArn"])} == {
        "QueueArn": "<UploadQueueUrl.Arn>",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}},
    }


def test_counts_of_orders_survive_their_stack_and_mistakes_and_cost_by_the_request(pipeline: Template) -> None:
    """Any second of the last 35 days can be restored; the markers of single orders expire, the counts do not."""
    assert pipeline.resource("OrdersTable") == {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "Tags": [{"Key": "project", "Value": "nunchi"}],
        },
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
    }


def test_under_a_key_of_the_operators_own_the_table_is_encrypted_with_it(key_assembly: Path) -> None:
    """As the buckets are."""
    pipeline = Template(key_assembly / "NunchiPipeline.template.json")
    encryption = pipeline.resource("OrdersTable")["Properties"]["SSESpecification"]
    [key] = [name for name, one in pipeline.resources.items() if one["Type"] == "AWS::KMS::Key"]
    assert encryption == {
        "KMSMasterKeyId": {"Fn::GetAtt": [key, "Arn"]},
        "SSEEnabled": True,
        "SSEType": "KMS",
    }


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_encrypted_and_takes_nothing_but_tls(pipeline: Template, queue: str) -> None:
    assert pipeline.resource(queue)["Properties"]["SqsManagedSseEnabled"] is True
    policy = pipeline.behind("AWS::SQS::QueuePolicy", Queues=queue)
    assert [one["Condition"] for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"] == [
        {"Bool": {"aws:SecureTransport": "false"}}
    ]


def test_only_our_bucket_may_announce(pipeline: Template) -> None:
    """S3 itself could be made to write into the queue by anybody's bucket."""
    policy = pipeline.behind("AWS::SQS::QueuePolicy", Queues="UploadQueueUrl")
    [allowed] = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert pipeline.text(allowed["Condition"]["ArnLike"]["aws:SourceArn"]) == "<ImagesBucket.Arn>"


def test_a_message_is_invisible_for_six_function_timeouts_and_dies_after_five_tries(pipeline: Template) -> None:
    """AWS's rule for a Lambda's queue; the dead are kept for two weeks, so that a holiday passes."""
    uploads = pipeline.resource("UploadQueueUrl")["Properties"]
    assert uploads["VisibilityTimeout"] >= 6 * dispatch_function(pipeline)["Timeout"]
    assert uploads["RedrivePolicy"]["maxReceiveCount"] == 5
    assert pipeline.text(uploads["RedrivePolicy"]["deadLetterTargetArn"]) == "<DeadQueueUrl.Arn>"
    assert pipeline.resource("DeadQueueUrl")["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_function_reads_the_queue_at_once_and_reports_each_failure(pipeline: Template) -> None:
    """A batching window would make a lone photo wait; without one, ten is the most that AWS allows."""
    source = pipeline.one("AWS::Lambda::EventSourceMapping")
    assert (pipeline.text(source["EventSourceArn"]), pipeline.text(source["FunctionName"])) == (
        "<UploadQueueUrl.Arn>",
        "<DispatchFunctionName>",
    )
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == 10
    assert "MaximumBatchingWindowInSeconds" not in source
    assert source["ScalingConfig"] == {"MaximumConcurrency": 5}


def test_a_slow_ssm_is_an_answer_before_the_function_is_killed(pipeline: Template) -> None:
    """A look-up and a sending, each with all its tries and a second between them."""
    patience: Any = PATIENCE
    tries = patience.retries["total_max_attempts"]
    call_s = tries * (patience.connect_timeout + patience.read_timeout) + (tries - 1)
    assert dispatch_function(pipeline)["Timeout"] >= 2 * call_s


def test_the_functions_environment_is_what_it_loads(pipeline: Template) -> None:
    """Deployed names and read names are one declaration."""
    environ = dispatch_function(pipeline)["Environment"]["Variables"]
    assert load(DispatchSettings, environ) == DispatchSettings(
        instance_parameter=INSTANCE_PARAMETER, document=INFER_DOCUMENT
    )


def test_the_function_is_current_and_its_log_ends(pipeline: Template) -> None:
    function = dispatch_function(pipeline)
    assert {name: function[name] for name in ("Runtime", "Architectures", "MemorySize")} == {
        "Runtime": "python3.14",
        "Architectures": ["arm64"],
        "MemorySize": 512,
    }
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert [group["RetentionInDays"] for group in pipeline.all("AWS::Logs::LogGroup")] == [30, 30]


def test_the_function_may_send_one_document_to_tagged_instances_and_nothing_else(pipeline: Template) -> None:
    """All that its role allows."""
    role = pipeline.text(dispatch_function(pipeline)["Role"]).strip("<>").removesuffix(".Arn")
    [policy] = [one for one in pipeline.all("AWS::IAM::Policy") if pipeline.text(one["Roles"]) == f"<{role}>"]
    log = pipeline.text(dispatch_function(pipeline)["LoggingConfig"]["LogGroup"]).strip("<>")
    assert pipeline.allowed(policy["PolicyDocument"]) == {
        *(
            (f"sqs:{action}", "<UploadQueueUrl.Arn>", NO_CONDITION)
            for action in (
                "ReceiveMessage",
                "DeleteMessage",
                "ChangeMessageVisibility",
                "GetQueueAttributes",
                "GetQueueUrl",
            )
        ),
        ("logs:CreateLogStream", f"<{log}.Arn>", NO_CONDITION),
        ("logs:PutLogEvents", f"<{log}.Arn>", NO_CONDITION),
        ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/nunchi/inference-instance", NO_CONDITION),
        ("ssm:SendCommand", f"arn:aws:ssm:{HERE}:document/Nunchi-Infer", NO_CONDITION),
        (
            "ssm:SendCommand",
            f"arn:aws:ec2:{HERE}:instance/*",
            '{"StringEquals": {"ssm:resourceTag/nunchi:role": "inference"}}',
        ),
    }
    assert "ManagedPolicyArns" not in pipeline.resources[role]["Properties"]


def test_a_worker_may_read_photos_and_weights_write_results_and_deletes_nothing(pipeline: Template) -> None:
    """All that its policy allows: what the worker calls today, and no room for later."""
    policy = pipeline.resource("WorkerAccessArn")["Properties"]["PolicyDocument"]
    assert pipeline.allowed(policy) == {
        ("s3:GetObject", "<ImagesBucket.Arn>/uploads/*", NO_CONDITION),
        ("s3:GetObject", "<ImagesBucket.Arn>/results/*", NO_CONDITION),
        ("s3:PutObject", "<ImagesBucket.Arn>/results/*", NO_CONDITION),
        ("s3:GetObject", "<ImagesBucket.Arn>/why/*", NO_CONDITION),
        ("s3:PutObject", "<ImagesBucket.Arn>/why/*", NO_CONDITION),
        ("s3:PutObject", "<DatasetBucket.Arn>/auto/*", NO_CONDITION),
        ("s3:PutObject", "<DatasetBucket.Arn>/review/*", NO_CONDITION),
        ("s3:GetObject", "<WeightsBucket.Arn>/runs/*", NO_CONDITION),
        ("s3:GetObject", "<WeightsBucket.Arn>/current.json", NO_CONDITION),
        ("s3:ListBucket", "<ImagesBucket.Arn>", NO_CONDITION),
        ("s3:ListBucket", "<WeightsBucket.Arn>", NO_CONDITION),
    }


def test_a_worker_whose_recipe_keeps_no_photo_may_delete_photos_and_nothing_else(
    pipeline: Template, forgetful_pipeline: Template
) -> None:
    """One right more, on uploads alone; and their bucket keeps no versions, or a deletion would only hide them."""
    usual, forgetful = (
        each.allowed(each.resource("WorkerAccessArn")["Properties"]["PolicyDocument"])
        for each in (pipeline, forgetful_pipeline)
    )
    assert forgetful - usual == {("s3:DeleteObject", "<ImagesBucket.Arn>/uploads/*", NO_CONDITION)}
    assert usual <= forgetful
    images = forgetful_pipeline.resource("ImagesBucket")["Properties"]
    assert not {"VersioningConfiguration", "ObjectLockEnabled", "ReplicationConfiguration"} & images.keys()


def test_whatever_runs_a_worker_finds_its_policy_among_the_outputs(pipeline: Template) -> None:
    """On AWS or on one machine, it attaches the same rights."""
    assert pipeline.resource("WorkerAccessArn")["Type"] == "AWS::IAM::ManagedPolicy"


def test_a_kiosk_may_speak_and_hear_for_itself_alone(pipeline: Template) -> None:
    """Its own client id, its own label topic to hear, its own status topic to speak on."""
    assert pipeline.allowed(pipeline.resource("KioskPolicyName")["Properties"]["PolicyDocument"]) == {
        ("iot:Connect", f"{IOT}client/{THING}", NO_CONDITION),
        ("iot:Subscribe", f"{IOT}topicfilter/nunchi/{THING}/label", NO_CONDITION),
        ("iot:Receive", f"{IOT}topic/nunchi/{THING}/label", NO_CONDITION),
        ("iot:Publish", f"{IOT}topic/nunchi/{THING}/status", NO_CONDITION),
        ("iot:AssumeRoleWithCertificate", f"{IOT}rolealias/nunchi-kiosk", NO_CONDITION),
    }


def test_a_worker_may_label_for_every_kiosk_and_keep_its_own_status(pipeline: Template) -> None:
    """It hears nothing, and only its status is retained."""
    assert pipeline.allowed(pipeline.resource("WorkerPolicyName")["Properties"]["PolicyDocument"]) == {
        ("iot:Connect", f"{IOT}client/{THING}", NO_CONDITION),
        ("iot:Publish", f"{IOT}topic/nunchi/*/label", NO_CONDITION),
        ("iot:Publish", f"{IOT}topic/nunchi/worker/{THING}/status", NO_CONDITION),
        ("iot:RetainPublish", f"{IOT}topic/nunchi/worker/{THING}/status", NO_CONDITION),
    }


def test_in_mode_queue_there_is_no_function_on_a_photos_way_and_the_worker_reads_the_queue(
    pipeline: Template, queue_pipeline: Template
) -> None:
    """One setting switches, and nothing else differs."""
    assert set(pipeline.outputs) - set(queue_pipeline.outputs) == {"DispatchFunctionName"}
    assert queue_pipeline.all("AWS::Lambda::EventSourceMapping") == []
    access = [
        one.allowed(one.resource("WorkerAccessArn")["Properties"]["PolicyDocument"])
        for one in (pipeline, queue_pipeline)
    ]
    assert access[1] - access[0] == {
        (f"sqs:{action}", "<UploadQueueUrl.Arn>", NO_CONDITION)
        for action in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")
    }
    assert access[0] <= access[1]
    gone = {name for name in pipeline.resources if name not in queue_pipeline.resources}
    assert {pipeline.resources[name]["Type"] for name in gone} == {
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
    }
    assert [
        name
        for name, one in queue_pipeline.resources.items()
        if one.get("Properties") != pipeline.resources[name].get("Properties")
    ] == [queue_pipeline.fields["Outputs"]["WorkerAccessArn"]["Value"]["Ref"]]


def test_a_training_run_may_add_weights_and_move_their_pointer_and_deletes_nothing(pipeline: Template) -> None:
    """It reads what was gathered and checked, and never a photo as it was uploaded, or a picture of a part of one."""
    role = pipeline.resources[
        pipeline.text(pipeline.fields["Outputs"]["TrainingRoleArn"]["Value"]).strip("<>").split(".")[0]
    ]
    assert pipeline.text(role["Properties"]["ManagedPolicyArns"]) == "<TrainingAccessArn>"
    policy = pipeline.resource("TrainingAccessArn")["Properties"]["PolicyDocument"]
    assert pipeline.allowed(policy) == {
        *(
            ("s3:GetObject", f"<DatasetBucket.Arn>/{tree}/*", NO_CONDITION)
            for tree in ("auto", "review", "reviewed", "golden", "builds", "trainings")
        ),
        *(("s3:PutObject", f"<DatasetBucket.Arn>/{tree}/*", NO_CONDITION) for tree in ("builds", "trainings")),
        *(
            (action, f"<WeightsBucket.Arn>/{key}", NO_CONDITION)
            for action in ("s3:GetObject", "s3:PutObject")
            for key in ("runs/*", "current.json")
        ),
        ("s3:GetObjectVersion", "<WeightsBucket.Arn>/current.json", NO_CONDITION),
        ("s3:GetObject", "<ImagesBucket.Arn>/results/*", NO_CONDITION),
        ("s3:ListBucket", "<ImagesBucket.Arn>", NO_CONDITION),
        ("s3:ListBucket", "<DatasetBucket.Arn>", NO_CONDITION),
        ("s3:ListBucket", "<WeightsBucket.Arn>", NO_CONDITION),
    }
