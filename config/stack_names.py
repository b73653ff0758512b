"""The CloudFormation stacks of infra/app.py, by name."""

from typing import Final

PIPELINE: Final = "NunchiPipeline"
TRAINING: Final = "NunchiTraining"
COMPUTE: Final = "NunchiCompute"
HEALTH: Final = "NunchiHealth"
