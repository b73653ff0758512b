"""The checks of `nunchi doctor`, a function each. They call AWS, so each may raise an error of botocore."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from config.names import COMPUTE_STACK, HEALTH_STACK, INSTANCE_PARAMETER, PIPELINE_STACK, STACKS
from config.stack_outputs import (
    ALARM_TOPIC_ARN,
    DEAD_QUEUE_URL,
    DISPATCH_FUNCTION_NAME,
    KIOSK_POLICY_NAME,
    UPLOAD_QUEUE_URL,
    WORKER_POLICY_NAME,
)
from contracts.messages import WorkerState, WorkerStatus
from lambdas.health_probe import certificates, is_ready, worker_status
from local.worker_socket import ready
from ops.aws import stack_is_missing
from ops.doctor.examination import CheckFailed, Deployment, Finding, State

SKEW_S: Final = 30
LATE_S: Final = 120  # as the alarm about the queue
_COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


def clock(deployment: Deployment) -> Finding:
    """This machine's clock against AWS's. AWS refuses signatures that are five minutes off."""
    try:
        answer = deployment.client("sts").get_caller_identity()
    except ClientError as error:
        answer = error.response
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        raise CheckFailed("AWS's answer has no date")
    skew_s = (deployment.now() - parsedate_to_datetime(date)).total_seconds()
    if abs(skew_s) > SKEW_S:
        direction = "ahead of" if skew_s > 0 else "behind"
        return Finding(
            "clock", State.ILL, f"this machine is {abs(skew_s):.0f} s {direction} AWS", "sudo timedatectl set-ntp true"
        )
    return Finding("clock", State.WELL, "right")


def credentials(deployment: Deployment) -> Finding:
    """The account and identity of the credentials."""
    answer = deployment.client("sts").get_caller_identity()
    return Finding("credentials", State.WELL, f"account {answer['Account']}, {answer['Arn'].rpartition(':')[2]}")


def region(deployment: Deployment) -> Finding:
    """The region of nunchi.toml against the shell's, which commands of the AWS CLI use."""
    region, shell = deployment.config.region, deployment.shell_region
    if shell not in (None, region):
        return Finding(
            "region",
            State.ATTENTION,
            f"{region} in nunchi.toml, {shell} in this shell: commands of the AWS CLI use the latter",
            f"export AWS_REGION={region}",
        )
    return Finding("region", State.WELL, region)


def stacks(deployment: Deployment) -> Finding:
    """Whether all stacks are deployed, and their last update succeeded."""
    states: dict[str, str] = {}
    for name in (PIPELINE_STACK,) if deployment.local else STACKS:
        try:
            [stack] = deployment.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if not stack_is_missing(error):
                raise
            states[name] = "not deployed"
        else:
            states[name] = stack["StackStatus"]
    others = {name: state for name, state in states.items() if state not in _COMPLETE}
    if not others:
        return Finding("stacks", State.WELL, f"{', '.join(states)} deployed")
    text = ", ".join(f"{name} {state}" for name, state in others.items())
    if all(state in _ROLLED_BACK for state in others.values()):
        return Finding("stacks", State.ATTENTION, f"the last update was rolled back: {text}", "cdk deploy --all")
    if all(state.endswith("_IN_PROGRESS") for state in others.values()):
        return Finding("stacks", State.ATTENTION, f"a deployment is in progress: {text}")
    return Finding("stacks", State.ILL, text, "cdk deploy --all")


def compute(deployment: Deployment) -> Finding:
    """Running instances against opening hours, mode and the instance that photos are sent to."""
    instances, running = deployment.instances(), deployment.running()
    text = ", ".join(f"{name} {state}" for name, state in sorted(instances.items())) or "no instance"
    if deployment.should_run:
        minimum = 1 if deployment.local or deployment.by_command else deployment.config.queue.least
        if len(running) < minimum:
            start = f"aws ec2 start-instances --instance-ids {' '.join(sorted(instances))}" if instances else ""
            return Finding(
                "compute",
                State.ILL,
                f"{text}; {minimum} should run now",
                start if deployment.by_command and start else f"cdk deploy {COMPUTE_STACK}",
            )
        if deployment.by_command:
            sent_to = deployment.client("ssm").get_parameter(Name=INSTANCE_PARAMETER)["Parameter"]["Value"]
            if sent_to not in running:
                return Finding(
                    "compute", State.ILL, f"{text}, but photos are sent to {sent_to}", f"cdk deploy {COMPUTE_STACK}"
                )
        return Finding("compute", State.WELL, f"{text}, as it should be")
    if running:
        return Finding(
            "compute",
            State.ATTENTION,
            f"{text}, though the shop is closed; the lease stops it within the hour",
            f"aws ec2 stop-instances --instance-ids {' '.join(running)}",
        )
    return Finding("compute", State.WELL, f"{text}; the shop is closed")


def agent(deployment: Deployment) -> Finding:
    """Whether Systems Manager reaches the running instances, for Run Command and Session Manager."""
    if not (running := deployment.running()):
        return Finding("agent", State.WELL, "no instance runs")
    answer = deployment.client("ssm").describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": running}])
    online = {entry["InstanceId"] for entry in answer["InstanceInformationList"] if entry["PingStatus"] == "Online"}
    if offline := [name for name in running if name not in online]:
        return Finding(
            "agent",
            State.ILL,
            f"Systems Manager does not reach {', '.join(offline)}; after a start it takes two minutes",
            f"aws ec2 reboot-instances --instance-ids {' '.join(offline)}",
        )
    return Finding("agent", State.WELL, f"{', '.join(running)} online")


def _statuses(deployment: Deployment) -> dict[str, WorkerStatus | None]:
    return {name: worker_status(deployment.client("iot-data"), name) for name in deployment.running()}


def worker(deployment: Deployment) -> Finding:
    """The status that each worker publishes."""
    statuses = _statuses(deployment)
    if not statuses:
        return Finding("worker", State.WELL, "no instance runs")
    text = ", ".join(
        f"{name} {status.state if status else 'never published a status'}" for name, status in statuses.items()
    )
    remedy = "aws logs tail /nunchi/worker --since 30m"
    if deployment.local:
        remedy = f"{deployment.nunchi('down')} && {deployment.nunchi('up --detach')}"
    if not all(map(is_ready, statuses.values())):
        restart = "; the cloud restarts it" if deployment.local else ""
        return Finding("worker", State.ILL, f"{text}{restart}", remedy)
    # The local broker does not notice a client that hangs; AWS's does, after half a minute.
    if hanging := [name for name, socket in sorted(deployment.sockets.items()) if not ready(socket)]:
        return Finding("worker", State.ILL, f"{text}, but {', '.join(hanging)} does not answer", remedy)
    return Finding("worker", State.WELL, text)


def model(deployment: Deployment) -> Finding:
    """The model in service, by the status of the workers."""
    statuses = _statuses(deployment)
    if not statuses:
        return Finding("model", State.WELL, "no instance runs")
    models = {status.model for status in statuses.values() if status and status.state is WorkerState.READY}
    text = ", ".join(sorted(f"{model.name} {model.version} ({model.digest[:12]})" for model in models))
    if not models:
        raise CheckFailed("no worker is ready")
    if len(models) > 1:
        return Finding("model", State.ATTENTION, f"workers differ, as during a rollout: {text}")
    return Finding("model", State.WELL, text)


def queue(deployment: Deployment) -> Finding:
    """Messages in the upload queue, and the age of the oldest."""
    url = deployment.output(PIPELINE_STACK, UPLOAD_QUEUE_URL)
    waiting, in_flight = _depth(deployment, url)
    age_s = None if deployment.local else _oldest_s(deployment, url.rpartition("/")[2])
    text = f"{waiting} waiting, {in_flight} in flight"
    if age_s and waiting:
        text += f", the oldest for {age_s:.0f} s"
    if waiting and not deployment.should_run:
        return Finding("queue", State.WELL, f"{text}; the shop is closed")
    if waiting and age_s and age_s > LATE_S:
        remedy = "aws logs tail /nunchi/worker --since 30m"
        if deployment.by_command:
            remedy = "aws lambda get-function-concurrency --function-name " + deployment.output(
                PIPELINE_STACK, DISPATCH_FUNCTION_NAME
            )
        return Finding("queue", State.ILL, text, remedy)
    return Finding("queue", State.WELL, text)


def _depth(deployment: Deployment, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def _oldest_s(deployment: Deployment, name: str) -> float | None:
    """Age of the oldest message, from CloudWatch: SQS has no such attribute. None without a recent data point."""
    end = deployment.now()
    answer = deployment.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else None


def dead_letters(deployment: Deployment) -> Finding:
    """Messages in the dead-letter queues of uploads, schedules and events."""
    listed = deployment.client("sqs").list_queues(QueueNamePrefix="Nunchi").get("QueueUrls", [])
    # By name: SQS may list a queue under another host than the stack's output has.
    urls = {url.rpartition("/")[2]: url for url in (*listed, deployment.output(PIPELINE_STACK, DEAD_QUEUE_URL))}
    letters = {name: sum(_depth(deployment, url)) for name, url in sorted(urls.items()) if "Dead" in name}
    full = {name: count for name, count in letters.items() if count}
    if not full:
        return Finding("dead letters", State.WELL, f"none, in {len(letters)} queues")
    text = ", ".join(f"{count} in {name}" for name, count in full.items())
    first = urls[next(iter(full))]
    return Finding(
        "dead letters", State.ILL, text, f"aws sqs receive-message --max-number-of-messages 10 --queue-url {first}"
    )


def certificate_ages(deployment: Deployment) -> Finding:
    """The age of the oldest certificate of a kiosk or worker."""
    policies = [deployment.output(PIPELINE_STACK, name) for name in (KIOSK_POLICY_NAME, WORKER_POLICY_NAME)]
    created = certificates(deployment.client("iot"), policies).values()
    maximum = deployment.config.alarms.certificate_days
    if not created:
        return Finding("certificates", State.ATTENTION, "none: no kiosk can connect", "nunchi kiosk add NAME")
    days = (deployment.now() - min(created)) / timedelta(days=1)
    text = f"{len(created)} in use, the oldest {days:.0f} days old"
    if days > maximum:
        return Finding("certificates", State.ATTENTION, f"{text}; renew after {maximum}", "nunchi kiosk list")
    return Finding("certificates", State.WELL, text)


def alarms(deployment: Deployment) -> Finding:
    """Alarms in state ALARM, and the first remedy of their descriptions."""
    listed = _pages(
        deployment.client("cloudwatch").describe_alarms, "MetricAlarms", "NextToken", AlarmNamePrefix="nunchi-"
    )
    if not listed:
        return Finding("alarms", State.ATTENTION, "none: failures are not reported", f"cdk deploy {HEALTH_STACK}")
    if firing := [alarm for alarm in listed if alarm["StateValue"] == "ALARM"]:
        remedies = [alarm.get("AlarmDescription", "").partition(" First: ")[2] for alarm in firing]
        others = [remedy for remedy in remedies if not remedy.startswith("nunchi doctor")]  # which is running now
        names = ", ".join(sorted(alarm["AlarmName"] for alarm in firing))
        return Finding("alarms", State.ILL, names, others[0] if others else "")
    return Finding("alarms", State.WELL, f"{len(listed)}, none fires")


def schedules(deployment: Deployment) -> Finding:
    """Whether the schedules that start, probe and stop instances are enabled, and the next start."""
    hours = deployment.config.hours
    listed = _pages(deployment.client("scheduler").list_schedules, "Schedules", "NextToken", NamePrefix="Nunchi")
    if disabled := sorted(schedule["Name"] for schedule in listed if schedule["State"] != "ENABLED"):
        return Finding("schedules", State.ILL, f"disabled: {', '.join(disabled)}", "cdk deploy --all, or the console")
    opening = [schedule for schedule in listed if schedule["Name"].startswith(COMPUTE_STACK)]
    if hours.week.always_running:
        return Finding("schedules", State.WELL, f"{len(listed)}; the shop never closes")
    if not opening:
        return Finding("schedules", State.ILL, "no schedule starts an instance", f"cdk deploy {COMPUTE_STACK}")
    following = hours.week.next_start(deployment.now(), hours.zone_info, closed=hours.closed_dates)
    starts = f"{following:%a %d %b %H:%M} {hours.zone}" if following else "never"
    return Finding("schedules", State.WELL, f"{len(listed)} enabled; the next start is {starts}")


def mail(deployment: Deployment) -> Finding:
    """Whether alarms reach the operator's address."""
    address = deployment.config.alarms.email
    if not address:
        return Finding(
            "mail", State.ATTENTION, "no address for alarms", f"email in nunchi.toml, then cdk deploy {HEALTH_STACK}"
        )
    topic = deployment.output(HEALTH_STACK, ALARM_TOPIC_ARN)
    listed = _pages(deployment.client("sns").list_subscriptions_by_topic, "Subscriptions", "NextToken", TopicArn=topic)
    arns = [entry["SubscriptionArn"] for entry in listed if entry["Endpoint"] == address]
    if not arns:
        return Finding("mail", State.ILL, f"{address} is not subscribed", f"cdk deploy {HEALTH_STACK}")
    if arns == ["PendingConfirmation"]:
        command = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {address}"
        return Finding(
            "mail", State.ILL, f"{address} has not confirmed: open the link in AWS's mail, or send a new one", command
        )
    return Finding("mail", State.WELL, f"{address} is subscribed")


def _pages(call: Any, name: str, token: str, **parameters: Any) -> list[Any]:
    """The list `name` of all pages of a call; `token` is the parameter and field of the next page."""
    answer = call(**parameters)
    entries = list(answer[name])
    while following := answer.get(token):
        answer = call(**parameters, **{token: following})
        entries += answer[name]
    return entries
