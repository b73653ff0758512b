"""Mode `queue`: a group of inference instances that read the upload queue, as many as the backlog asks for."""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Duration, Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from config.names import INFERENCE_ROLE, ROLE_TAG
from config.sections import HoursSettings, QueueSettings
from infra.compute.actions import GROUP_ID_UNKNOWN, group_actions
from infra.compute.boot import Boot
from infra.compute.instance import BOOT_TIMEOUT, HardenedTemplate, amazon_linux, disk
from infra.compute.network import Network
from infra.nag import acknowledge, acknowledge_wildcards
from infra.references import weaken_references
from infra.statements import allow

# shell/lifecycle.sh completes both. An instance that never becomes ready is replaced; one that does not complete its
# termination is terminated after the timeout.
LAUNCHING: Final = "launching"
TERMINATING: Final = "terminating"
# The worker takes up to 20 s for the photos in flight on shutdown, systemd a little more.
DRAIN_TIMEOUT: Final = Duration.minutes(2)
_WARM_UP: Final = Duration.minutes(2)
# The limits in every template: one instance proves that a first deployment boots, and from then on the hours set them.
# By its documentation CloudFormation leaves limits that are the same as in the last template. A changed one would start
# instances at night, or, as a minimum above the night's maximum of 0, fail. A group whose limits are equal takes no
# target tracking (cfn-lint's E3712), so the maximum is 2 for the minutes until the hours set it.
_LEAST_AT_CREATION: Final = 1
_MOST_AT_CREATION: Final = 2
_UNIX_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class InferenceGroup(Construct):
    """An Auto Scaling group with a warm pool, whose size follows the photos that wait for each instance."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        network: Network,
        instance_type: str,
        role: iam.IRole,
        boot: Boot,
        sizes: QueueSettings,
        hours: HoursSettings,
        queue: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        template = HardenedTemplate(
            self,
            network,
            instance_type,
            machine_image=amazon_linux(instance_type),
            associate_public_ip_address=True,
            role=role,
            user_data=boot.user_data(),
            detailed_monitoring=True,
            block_devices=[disk()],
        )
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            launch_template=template,
            min_capacity=_LEAST_AT_CREATION,
            max_capacity=_MOST_AT_CREATION,
            default_instance_warmup=_WARM_UP,
            group_metrics=[autoscaling.GroupMetrics.all()],
            # The oldest launch template first, so that instances with the newest code stay.
            termination_policies=[autoscaling.TerminationPolicy.OLDEST_LAUNCH_TEMPLATE],
            # The first instances are older than the hooks, so CloudFormation waits for their signals.
            signals=autoscaling.Signals.wait_for_min_capacity(timeout=BOOT_TIMEOUT),
            # New code reaches the group instance by instance, each drained, none ended before its successor is ready;
            # then the warm pool. A rolling update would leave the pool as it is, and start old code from there.
            update_policy=autoscaling.UpdatePolicy.instance_refresh(
                strategy=autoscaling.InstanceRefreshStrategy.ROLLING,
                min_healthy_percentage=100,
                max_healthy_percentage=110,
                skip_matching=True,
            ),
        )
        Annotations.of(self.group).acknowledge_warning("@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh")
        # Before the first instance's first command. The CDK adds the dependency on the route for an instance only.
        internet = network.vpc.select_subnets(subnet_type=ec2.SubnetType.PUBLIC).internet_connectivity_established
        self.group.node.add_dependency(boot.may, internet)
        acknowledge(
            self.group, "AS3", reason="It scales every day. Alarms report failures, the dashboard shows its size."
        )
        Tags.of(self.group).add(ROLE_TAG, INFERENCE_ROLE)
        transition, result = autoscaling.LifecycleTransition, autoscaling.DefaultResult
        for name, when, timeout, otherwise in (
            (LAUNCHING, transition.INSTANCE_LAUNCHING, BOOT_TIMEOUT, result.ABANDON),
            (TERMINATING, transition.INSTANCE_TERMINATING, DRAIN_TIMEOUT, result.CONTINUE),
        ):
            self.group.add_lifecycle_hook(
                name.title(),
                lifecycle_hook_name=name,
                lifecycle_transition=when,
                heartbeat_timeout=timeout,
                default_result=otherwise,
            )
        if sizes.warm_pool:
            self.group.add_warm_pool(
                min_size=sizes.warm_pool,
                # Without it AWS keeps stopped instances up to `most`, and bills their disks.
                max_group_prepared_capacity=sizes.least + sizes.warm_pool,
                pool_state=autoscaling.PoolState.STOPPED,
                reuse_on_scale_in=True,
            )
        self._repeat_sizes(hours, sizes)
        self._track_backlog(queue, sizes.backlog_per_instance)
        self._allow_lifecycle(role)
        weaken_references(self.group)
        self.name = self.group.auto_scaling_group_name
        self.actions = group_actions(self.name, self.group.auto_scaling_group_arn, least=sizes.least, most=sizes.most)

    def _repeat_sizes(self, hours: HoursSettings, sizes: QueueSettings) -> None:
        """Set the limits again every ten minutes of the opening hours: a deployment by day gives other sizes or hours.

        Scheduled actions of the group itself, because AWS documents the update policy
        `IgnoreUnmodifiedGroupSizeProperties` for groups that have one.
        """
        for number, cron in enumerate(hours.week.repeats, start=1):
            self.group.scale_on_schedule(
                f"Repeat{number}",
                schedule=autoscaling.Schedule.expression(_unix_cron(cron)),
                time_zone=hours.zone,
                min_capacity=sizes.least,
                max_capacity=sizes.most,
            )

    def _track_backlog(self, queue: sqs.IQueue, target: int) -> None:
        """Scale so that the photos waiting for each instance stay at the target."""
        spec, group = autoscaling.CfnScalingPolicy, self.group.auto_scaling_group_name
        messages = "ApproximateNumberOfMessagesVisible"
        metrics = [
            _metric_query("waiting", "Sum", "AWS/SQS", messages, QueueName=queue.queue_name),
            _metric_query(
                "instances", "Average", "AWS/AutoScaling", "GroupInServiceInstances", AutoScalingGroupName=group
            ),
            spec.TargetTrackingMetricDataQueryProperty(
                id="backlog", expression="waiting / instances", label="Photos that wait for each instance"
            ),
        ]
        spec(
            self,
            "Backlog",
            auto_scaling_group_name=group,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=spec.TargetTrackingConfigurationProperty(
                target_value=target,
                customized_metric_specification=spec.CustomizedMetricSpecificationProperty(metrics=metrics),
            ),
        )

    def _allow_lifecycle(self, role: iam.IRole) -> None:
        """Each instance completes its own lifecycle actions: when it is ready, and when it has drained."""
        may = iam.ManagedPolicy(
            self,
            "MayAnswer",
            description="Nunchi instance: say that it is ready, or has finished",
            roles=[role],
            statements=[
                allow("autoscaling:CompleteLifecycleAction", on=self.group.auto_scaling_group_arn),
                allow("autoscaling:DescribeAutoScalingInstances", on="*"),
            ],
        )
        acknowledge_wildcards(may, "*", reason="Describing the group that an instance is in knows no resources.")
        acknowledge_wildcards(may, self.group.auto_scaling_group_arn, reason=GROUP_ID_UNKNOWN)


def _unix_cron(expression: str) -> str:
    """EventBridge's cron expression in the five fields that Auto Scaling reads."""
    minutes, hours, _, months, days, _ = expression.removeprefix("cron(").removesuffix(")").split()
    numbers = days if days == "*" else ",".join(str(_UNIX_DAYS.index(day)) for day in days.split(","))
    return f"{minutes} {hours} * {months} {numbers}"


def _metric_query(
    id: str, stat: str, namespace: str, name: str, **dimension: str
) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    spec = autoscaling.CfnScalingPolicy
    dimensions = [spec.MetricDimensionProperty(name=name, value=value) for name, value in dimension.items()]
    metric = spec.MetricProperty(namespace=namespace, metric_name=name, dimensions=dimensions)
    return spec.TargetTrackingMetricDataQueryProperty(
        id=id, return_data=False, metric_stat=spec.TargetTrackingMetricStatProperty(stat=stat, metric=metric)
    )
