"""Names that do not change from one deployment to the next: stacks, logs, tags, and what AWS finds by its name.

Each stands here once. `infra/` gives the resource its name, and `local/` and `ops/` find it by that, without the CDK.
"""

from __future__ import annotations

from typing import Final

PIPELINE_STACK: Final = "NunchiPipeline"
TRAINING_STACK: Final = "NunchiTraining"
COMPUTE_STACK: Final = "NunchiCompute"
HEALTH_STACK: Final = "NunchiHealth"
STACKS: Final = (PIPELINE_STACK, TRAINING_STACK, COMPUTE_STACK, HEALTH_STACK)  # each needs only those before it
# Alone and last, because some accounts may not create budgets: that must not cost them their alarms.
BUDGET_STACK: Final = "NunchiBudget"

# Run Command, `dispatch` and the steps of a retraining reach only the instances whose tag names their role.
ROLE_TAG: Final = "nunchi:role"
INFERENCE_ROLE: Final = "inference"
TRAINING_ROLE: Final = "training"

INFER_DOCUMENT: Final = "Nunchi-Infer"
TRAIN_DOCUMENT: Final = "Nunchi-Train"
INSTANCE_PARAMETER: Final = "/nunchi/inference-instance"
LAUNCH_TEMPLATE: Final = "NunchiTraining"
STATE_MACHINE: Final = "nunchi-training"
SCHEDULE_GROUP: Final = "nunchi"
# A kiosk's certificate asks for this alias: on AWS of the role of kiosks, locally of the credential provider's.
KIOSK_ROLE_ALIAS: Final = "nunchi-kiosk"

# shell/cloudwatch-agent*.json write to these.
WORKER_LOG: Final = "/nunchi/worker"
METRICS_LOG: Final = "/nunchi/metrics"
TRAINING_LOG: Final = "/nunchi/training"
# Step Functions writes to a log of this prefix without a resource policy that grows with each such log.
STATE_MACHINE_LOG: Final = f"/aws/vendedlogs/states/{STATE_MACHINE}"
