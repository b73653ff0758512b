"""A Lambda function of ours: a zip of one file and the contracts, a role of its own, a log with an expiry."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from config.nunchi_toml import ROOT
from infra.logs import month_log
from infra.nag import acknowledge, acknowledge_dead_letters


class Function(Construct):
    """The function of `lambdas/<name>.py`. `may`: what its role is allowed, beyond writing its own log.

    `dead_letters` keeps failed events of a function that AWS invokes asynchronously.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        description: str,
        environment: Mapping[str, str],
        timeout: Duration,
        may: list[iam.PolicyStatement],
        dead_letters: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.dead = dead_letter_queue(self, "Dead", of=f"events for {name}") if dead_letters else None
        self.log = month_log(self, "Log")
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler",
            code=_code(name),
            environment=dict(environment),
            memory_size=512,
            timeout=timeout,
            role=self.role,
            log_group=self.log,
            logging_format=lambda_.LoggingFormat.JSON,
            dead_letter_queue=self.dead,
        )
        self.log.grant_write(self.role)
        for statement in may:
            self.role.add_to_policy(statement)

        acknowledge(
            self,
            "LambdaTracing",
            reason="Each message carries the times of its photo's steps, which are metrics too: a trace adds nothing.",
            pack="Serverless",
        )
        if not dead_letters:
            acknowledge(
                self,
                "LambdaDLQ",
                reason="Its caller waits for the answer, or keeps what failed: it is never invoked asynchronously.",
                pack="Serverless",
            )


def dead_letter_queue(scope: Construct, id: str, *, of: str) -> sqs.Queue:
    """A queue of events that failed every retry, with the longest retention of SQS. `of`: whose events."""
    dead = sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        removal_policy=RemovalPolicy.DESTROY,
    )
    acknowledge_dead_letters(dead, of=of)
    return dead


def _code(name: str) -> lambda_.Code:
    """A zip of the contracts and one function's file; the patterns are those of .gitignore, hence the mode."""
    return lambda_.Code.from_asset(
        str(ROOT),
        ignore_mode=IgnoreMode.GIT,
        exclude=[
            "/*",
            "!/contracts/",
            "!/lambdas/",
            "/lambdas/*",
            "!/lambdas/__init__.py",
            f"!/lambdas/{name}.py",
            "__pycache__/",
        ],
    )
