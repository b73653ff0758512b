"""The state machine of a retraining as a resource: its role, its log, its time limit. Its states are in states.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from config.documents import TRAINING_LEASE_S
from config.names import STATE_MACHINE, STATE_MACHINE_LOG
from infra.functions import Function
from infra.logs import log_group
from infra.nag import acknowledge, acknowledge_wildcards
from infra.roles import FROM_THIS_ACCOUNT
from infra.statements import allow
from infra.training.states import Pace, retraining

# Longer than a machine's lease: a state machine that timed out first would leave the stopping to the reaper.
_LIMIT: Final = Duration.seconds(TRAINING_LEASE_S + 3 * 3600)


class RetrainingStateMachine(sfn.StateMachine):
    """Invokes `functions`, by the names of STEPS in states.py."""

    def __init__(self, scope: Construct, id: str, *, functions: Mapping[str, Function], pace: Pace) -> None:
        log = log_group(scope, "Log", STATE_MACHINE_LOG, logs.RetentionDays.THREE_MONTHS)
        role = _role(scope, functions)
        steps = {name: step.function for name, step in functions.items()}
        super().__init__(
            scope,
            id,
            state_machine_name=STATE_MACHINE,
            definition_body=sfn.DefinitionBody.from_chainable(retraining(scope, steps, pace)),
            role=role.without_policy_updates(),
            timeout=_LIMIT,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=True),
        )
        no_trace = "A retraining takes an hour and has a log of each step: a trace adds nothing."
        acknowledge(self, "SF2", reason=no_trace)
        acknowledge(self, "StepFunctionStateMachineXray", reason=no_trace, pack="Serverless")
        self.node.add_dependency(role)  # Step Functions checks at creation whether it may write its log


def _role(scope: Construct, functions: Mapping[str, Function]) -> iam.Role:
    role = iam.Role(
        scope,
        "StatesRole",
        description="Nunchi retraining: invoke its steps, write its log",
        assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=FROM_THIS_ACCOUNT),
    )
    role.add_to_policy(allow("lambda:InvokeFunction", on=[step.function.function_arn for step in functions.values()]))
    deliveries = [f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")]
    log_actions = ("ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
    role.add_to_policy(allow(*deliveries, *(f"logs:{action}" for action in log_actions), on="*"))
    acknowledge_wildcards(role, "*", reason="Actions for the log delivery of an AWS service know no resources.")
    return role
