"""The names of the stacks' outputs. `infra/` writes them; `local/` and `ops/` read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# of NunchiPipeline
IMAGES_BUCKET: Final = "ImagesBucket"
DATASET_BUCKET: Final = "DatasetBucket"
WEIGHTS_BUCKET: Final = "WeightsBucket"
ORDERS_TABLE: Final = "OrdersTable"
UPLOAD_QUEUE_URL: Final = "UploadQueueUrl"
DEAD_QUEUE_URL: Final = "DeadQueueUrl"
DISPATCH_FUNCTION_NAME: Final = "DispatchFunctionName"  # in mode `command` only
ENROL_FUNCTION_NAME: Final = "EnrolFunctionName"
KIOSK_POLICY_NAME: Final = "KioskPolicyName"
WORKER_POLICY_NAME: Final = "WorkerPolicyName"
WORKER_ACCESS_ARN: Final = "WorkerAccessArn"
TRAINING_ACCESS_ARN: Final = "TrainingAccessArn"
WORKER_ROLE_ARN: Final = "WorkerRoleArn"
TRAINING_ROLE_ARN: Final = "TrainingRoleArn"
KIOSK_ROLE_ARN: Final = "KioskRoleArn"
KIOSK_ROLE_ALIAS_NAME: Final = "KioskRoleAliasName"
# of NunchiTraining
STATE_MACHINE_ARN: Final = "StateMachineArn"
TRAINING_TOPIC_ARN: Final = "TrainingTopicArn"
# of NunchiHealth
ALARM_TOPIC_ARN: Final = "AlarmTopicArn"

_BUCKETS: Final = {"images": IMAGES_BUCKET, "dataset": DATASET_BUCKET, "weights": WEIGHTS_BUCKET}
_TABLES: Final = {"orders": ORDERS_TABLE}


def buckets_of(outputs: Mapping[str, str]) -> dict[str, str]:
    """The names of the buckets `images`, `dataset` and `weights`, from the outputs of NunchiPipeline.

    A stack of another version may lack one: it is left out.
    """
    return {name: outputs[output] for name, output in _BUCKETS.items() if output in outputs}


def tables_of(outputs: Mapping[str, str]) -> dict[str, str]:
    """The name of the DynamoDB table `orders`, likewise."""
    return {name: outputs[output] for name, output in _TABLES.items() if output in outputs}
