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
from config.sections import QueueSettings
from infra.compute.boot import Boot
from infra.compute.instance import BOOT_PATIENCE, disk
from infra.compute.network import Network
from infra.nag import acknowledge, acknowledge_wildcards

# shell/lifecycle.sh answers both. One that never becomes ready is replaced; one that never says goodbye goes anyway.
LAUNCHING: Final = "launching"
TERMINATING: Final = "terminating"
# To find the end of the group's life: the worker gives itself 20 s for the photos in hand, systemd a little more.
DRAIN_PATIENCE: Final = Duration.minutes(2)
GROUP_ARN: Final = "The `*` stands for the group's id, which nobody knows before it is made; its name is given."
_WARM_UP: Final = Duration.minutes(2)


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
        queue: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(instance_type),
            machine_image=ec2.MachineImage.latest_amazon_linux2023(),
            security_group=network.outbound_only,
            associate_public_ip_address=True,
            role=role,
            user_data=boot.user_data(),
            http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            instance_metadata_tags=True,
            detailed_monitoring=True,
            block_devices=[disk()],
        )
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            launch_template=template,
            min_capacity=sizes.least,
            max_capacity=sizes.most,
            default_instance_warmup=_WARM_UP,
            group_metrics=[autoscaling.GroupMetrics.all()],
            # An unfinished reading of the queue ends with the instance that was killed; the next newest ones stay warm.
            termination_policies=[autoscaling.TerminationPolicy.OLDEST_LAUNCH_TEMPLATE],
            # The first instances are older than the hooks, so CloudFormation waits for their own word.
            signals=autoscaling.Signals.wait_for_min_capacity(timeout=BOOT_PATIENCE),
            # New code reaches the fleet instance by instance, each one drained, none gone before another is ready; then
            # the warm pool. A rolling update would leave the pool as it is, and start the old code from there.
            update_policy=autoscaling.UpdatePolicy.instance_refresh(
                strategy=autoscaling.InstanceRefreshStrategy.ROLLING,
                min_healthy_percentage=100,
                max_healthy_percentage=110,
                skip_matching=True,
            ),
        )
        Annotations.of(self.group).acknowledge_warning("@aws-cdk/aws-autoscaling:signalsNotUsedByInstanceRefresh")
        # Before the first instance's first command. Of the way out the CDK thinks for a lone instance, not for a group.
        way_out = network.vpc.select_subnets(subnet_type=ec2.SubnetType.PUBLIC).internet_connectivity_established
        self.group.node.add_dependency(boot.may, way_out)
        acknowledge(
            self.group, "AS3", reason="It scales every day. Alarms tell of what is wrong, the dashboard shows its size."
        )
        Tags.of(self.group).add(ROLE_TAG, INFERENCE_ROLE)
        for name, transition, patience, otherwise in (
            (
                LAUNCHING,
                autoscaling.LifecycleTransition.INSTANCE_LAUNCHING,
                BOOT_PATIENCE,
                autoscaling.DefaultResult.ABANDON,
            ),
            (
                TERMINATING,
                autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
                DRAIN_PATIENCE,
                autoscaling.DefaultResult.CONTINUE,
            ),
        ):
            self.group.add_lifecycle_hook(
                name.title(),
                lifecycle_hook_name=name,
                lifecycle_transition=transition,
                heartbeat_timeout=patience,
                default_result=otherwise,
            )
        if sizes.warm_pool:
            self.group.add_warm_pool(
                min_size=sizes.warm_pool,
                # Without it AWS would keep stopped instances for all of `most`, and their disks on the bill.
                max_group_prepared_capacity=sizes.least + sizes.warm_pool,
                pool_state=autoscaling.PoolState.STOPPED,
                reuse_on_scale_in=True,
            )
        self._follow(queue, sizes.backlog_per_instance)
        self._let_it_answer(role)

    def _follow(self, queue: sqs.IQueue, target: int) -> None:
        """Keep the photos that wait for each instance at the target."""
        spec = autoscaling.CfnScalingPolicy
        autoscaling.CfnScalingPolicy(
            self,
            "Backlog",
            auto_scaling_group_name=self.group.auto_scaling_group_name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=spec.TargetTrackingConfigurationProperty(
                target_value=target,
                customized_metric_specification=spec.CustomizedMetricSpecificationProperty(
                    metrics=[
                        _measured(
                            "waiting",
                            stat="Sum",
                            metric=spec.MetricProperty(
                                namespace="AWS/SQS",
                                metric_name="ApproximateNumberOfMessagesVisible",
                                dimensions=[spec.MetricDimensionProperty(name="QueueName", value=queue.queue_name)],
                            ),
                        ),
                        _measured(
                            "instances",
                            stat="Average",
                            metric=spec.MetricProperty(
                                namespace="AWS/AutoScaling",
                                metric_name="GroupInServiceInstances",
                                dimensions=[
                                    spec.MetricDimensionProperty(
                                        name="AutoScalingGroupName", value=self.group.auto_scaling_group_name
                                    )
                                ],
                            ),
                        ),
                        spec.TargetTrackingMetricDataQueryProperty(
                            id="backlog", expression="waiting / instances", label="Photos that wait for each instance"
                        ),
                    ]
                ),
            ),
        )

    def _let_it_answer(self, role: iam.IRole) -> None:
        """An instance says itself when it is ready, and when it has finished."""
        may = iam.ManagedPolicy(
            self,
            "MayAnswer",
            description="Nunchi instance: say that it is ready, or has finished",
            roles=[role],
            statements=[
                iam.PolicyStatement(
                    actions=["autoscaling:CompleteLifecycleAction"], resources=[self.group.auto_scaling_group_arn]
                ),
                iam.PolicyStatement(actions=["autoscaling:DescribeAutoScalingInstances"], resources=["*"]),
            ],
        )
        acknowledge_wildcards(may, "*", reason="Asking which group it is in knows no resources.")
        acknowledge_wildcards(may, self.group.auto_scaling_group_arn, reason=GROUP_ARN)


def _measured(
    id: str, *, stat: str, metric: autoscaling.CfnScalingPolicy.MetricProperty
) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    spec = autoscaling.CfnScalingPolicy
    return spec.TargetTrackingMetricDataQueryProperty(
        id=id, return_data=False, metric_stat=spec.TargetTrackingMetricStatProperty(stat=stat, metric=metric)
    )
