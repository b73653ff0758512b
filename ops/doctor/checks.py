"""The checks of `nunchi doctor`, a function each. They call AWS, so each may raise an error of botocore."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

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
from local.ports import fetch
from local.worker_socket import ready
from ops.aws import deployed_stack
from ops.doctor.examination import CheckFailed, Deployment, Result, attention, ill, well

SKEW_S: Final = 30
LATE_S: Final = 120  # as the alarm about the queue
_COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


def _restart(deployment: Deployment) -> str:
    """The commands that start a local cloud anew."""
    return f"{deployment.nunchi('down')} && {deployment.nunchi('up --detach')}"


def clock(deployment: Deployment) -> Result:
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
        return ill(f"this machine is {abs(skew_s):.0f} s {direction} AWS", "sudo timedatectl set-ntp true")
    return well("right")


def credentials(deployment: Deployment) -> Result:
    """The account and identity of the credentials."""
    answer = deployment.client("sts").get_caller_identity()
    return well(f"account {answer['Account']}, {answer['Arn'].rpartition(':')[2]}")


def region(deployment: Deployment) -> Result:
    """The region of nunchi.toml against the shell's, which commands of the AWS CLI use."""
    region, shell = deployment.config.region, deployment.shell_region
    if shell not in (None, region):
        return attention(
            f"{region} in nunchi.toml, {shell} in this shell: commands of the AWS CLI use the latter",
            f"export AWS_REGION={region}",
        )
    return well(region)


def stacks(deployment: Deployment) -> Result:
    """Whether all stacks are deployed, and their last update succeeded."""
    states: dict[str, str] = {}
    for name in (PIPELINE_STACK,) if deployment.local else STACKS:
        stack = deployed_stack(deployment.client("cloudformation"), name)
        states[name] = stack["StackStatus"] if stack else "not deployed"
    others = {name: state for name, state in states.items() if state not in _COMPLETE}
    if not others:
        return well(f"{', '.join(states)} deployed")
    text = ", ".join(f"{name} {state}" for name, state in others.items())
    if deployment.local:
        return ill(text, _restart(deployment))
    if all(state in _ROLLED_BACK for state in others.values()):
        return attention(f"the last update was rolled back: {text}", "cdk deploy --all")
    if all(state.endswith("_IN_PROGRESS") for state in others.values()):
        return attention(f"a deployment is in progress: {text}")
    return ill(text, "cdk deploy --all")


def compute(deployment: Deployment) -> Result:
    """Running instances against opening hours, mode and the instance that photos are sent to."""
    instances, running = deployment.instances(), deployment.running()
    text = ", ".join(f"{name} {state}" for name, state in sorted(instances.items())) or "no instance"
    if not deployment.should_run:
        if not running:
            return well(f"{text}; the shop is closed")
        stop = f"aws ec2 stop-instances --instance-ids {' '.join(running)}"
        return attention(f"{text}, though the shop is closed; the lease stops it within the hour", stop)
    minimum = 1 if deployment.local or deployment.by_command else deployment.config.queue.least
    if len(running) < minimum:
        start = f"aws ec2 start-instances --instance-ids {' '.join(sorted(instances))}"
        if deployment.local:
            return ill(f"{text}; {minimum} should run now", _restart(deployment))
        can_start = deployment.by_command and instances
        return ill(f"{text}; {minimum} should run now", start if can_start else f"cdk deploy {COMPUTE_STACK}")
    if deployment.by_command:
        sent_to = deployment.client("ssm").get_parameter(Name=INSTANCE_PARAMETER)["Parameter"]["Value"]
        if sent_to not in running:
            redeploy = _restart(deployment) if deployment.local else f"cdk deploy {COMPUTE_STACK}"
            return ill(f"{text}, but photos are sent to {sent_to}", redeploy)
    return well(f"{text}, as it should be")


def agent(deployment: Deployment) -> Result:
    """Whether Systems Manager reaches the running instances, for Run Command and Session Manager."""
    if not (running := deployment.running()):
        return well("no instance runs")
    answer = deployment.client("ssm").describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": running}])
    online = {entry["InstanceId"] for entry in answer["InstanceInformationList"] if entry["PingStatus"] == "Online"}
    if offline := [name for name in running if name not in online]:
        return ill(
            f"Systems Manager does not reach {', '.join(offline)}; after a start it takes two minutes",
            f"aws ec2 reboot-instances --instance-ids {' '.join(offline)}",
        )
    return well(f"{', '.join(running)} online")


def _statuses(deployment: Deployment) -> dict[str, WorkerStatus | None]:
    return {name: worker_status(deployment.client("iot-data"), name) for name in deployment.running()}


def worker(deployment: Deployment) -> Result:
    """The status that each worker publishes."""
    statuses = _statuses(deployment)
    if not statuses:
        return well("no instance runs")
    text = ", ".join(
        f"{name} {status.state if status else 'never published a status'}" for name, status in statuses.items()
    )
    remedy = "aws logs tail /nunchi/worker --since 30m"
    if deployment.local:
        remedy = _restart(deployment)
    if not all(map(is_ready, statuses.values())):
        restart = "; the cloud restarts it" if deployment.local else ""
        return ill(f"{text}{restart}", remedy)
    # The local broker does not notice a client that hangs; AWS's does, after half a minute.
    if hanging := [name for name, socket in sorted(deployment.sockets.items()) if not ready(socket)]:
        return ill(f"{text}, but {', '.join(hanging)} does not answer", remedy)
    return well(text)


def screen(deployment: Deployment) -> Result:
    """The agent of the kiosk at this machine: whether it serves its page, and reaches the cloud. Local clouds only."""
    if deployment.screen is None:
        raise CheckFailed("this cloud was started without a screen")
    remedy = _restart(deployment)
    try:
        health = json.loads(fetch(f"{deployment.screen}/api/health"))
    except (OSError, ValueError) as error:
        return ill(f"{deployment.screen} does not answer: {error}; the cloud restarts it", remedy)
    text = f"{deployment.screen}, kiosk {health['kiosk']}"
    if health["cloud"] != "ok":
        reasons = "; ".join(trouble["why"] for trouble in health["troubles"])
        return ill(f"{text}, cloud {health['cloud']}: {reasons}", remedy)
    waiting = f", {pending} orders wait for the cloud" if (pending := health["orders_pending"]) else ""
    return well(f"{text}{waiting}" if health["page"] == "ok" else f"{text}{waiting}; no browser shows it")


def model(deployment: Deployment) -> Result:
    """The model in service, by the status of the workers."""
    statuses = _statuses(deployment)
    if not statuses:
        return well("no instance runs")
    models = {status.model for status in statuses.values() if status and status.state is WorkerState.READY}
    text = ", ".join(sorted(f"{model.name} {model.version} ({model.digest[:12]})" for model in models))
    if not models:
        raise CheckFailed("no worker is ready")
    if len(models) > 1:
        return attention(f"workers differ, as during a rollout: {text}")
    return well(text)


def queue(deployment: Deployment) -> Result:
    """Messages in the upload queue, and the age of the oldest."""
    url = deployment.output(PIPELINE_STACK, UPLOAD_QUEUE_URL)
    waiting, in_flight = _depth(deployment, url)
    age_s = None if deployment.local else _oldest_s(deployment, url.rpartition("/")[2])
    text = f"{waiting} waiting, {in_flight} in flight"
    if age_s and waiting:
        text += f", the oldest for {age_s:.0f} s"
    if waiting and not deployment.should_run:
        return well(f"{text}; the shop is closed")
    if waiting and age_s and age_s > LATE_S:
        remedy = "aws logs tail /nunchi/worker --since 30m"
        if deployment.by_command:
            dispatch = deployment.output(PIPELINE_STACK, DISPATCH_FUNCTION_NAME)
            remedy = f"aws lambda get-function-concurrency --function-name {dispatch}"
        return ill(text, remedy)
    return well(text)


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


def dead_letters(deployment: Deployment) -> Result:
    """Messages in the dead-letter queues of uploads, schedules and events."""
    urls = dead_queues(deployment)
    letters = {name: sum(_depth(deployment, url)) for name, url in urls.items()}
    full = {name: count for name, count in letters.items() if count}
    if not full:
        return well(f"none, in {len(letters)} queues")
    text = ", ".join(f"{count} in {name}" for name, count in full.items())
    first = urls[next(iter(full))]
    if deployment.local:  # the AWS CLI may not be installed, and would ask AWS
        return ill(text, deployment.nunchi("doctor --local --letters"))
    return ill(text, f"aws sqs receive-message --max-number-of-messages 10 --queue-url {first}")


def dead_queues(deployment: Deployment) -> dict[str, str]:
    """The URLs of the dead-letter queues, by name."""
    listed = deployment.client("sqs").list_queues(QueueNamePrefix="Nunchi").get("QueueUrls", [])
    # By name: SQS may list a queue under another host than the stack's output has.
    urls = {url.rpartition("/")[2]: url for url in (*listed, deployment.output(PIPELINE_STACK, DEAD_QUEUE_URL))}
    return {name: url for name, url in sorted(urls.items()) if "Dead" in name}


def dead_messages(deployment: Deployment) -> Iterator[dict[str, str]]:
    """Up to ten messages of each dead-letter queue, which stay there: queue, message id, body."""
    for name, url in dead_queues(deployment).items():
        answer = deployment.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in answer.get("Messages", []):
            yield {"queue": name, "message": message["MessageId"], "body": message["Body"]}


def certificate_ages(deployment: Deployment) -> Result:
    """The age of the oldest certificate of a kiosk or worker."""
    policies = [deployment.output(PIPELINE_STACK, name) for name in (KIOSK_POLICY_NAME, WORKER_POLICY_NAME)]
    created = certificates(deployment.client("iot"), policies).values()
    maximum = deployment.config.alarms.certificate_days
    if not created:
        local = " --local" if deployment.local else ""
        return attention("none: no kiosk can connect", deployment.nunchi(f"kiosk add NAME{local}"))
    days = (deployment.now() - min(created)) / timedelta(days=1)
    text = f"{len(created)} in use, the oldest {days:.0f} days old"
    if days > maximum:
        return attention(f"{text}; renew after {maximum}", "nunchi kiosk list")
    return well(text)


def alarms(deployment: Deployment) -> Result:
    """Alarms in state ALARM, and the first remedy of their descriptions."""
    listed = deployment.listed("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix="nunchi-")
    if not listed:
        return attention("none: failures are not reported", f"cdk deploy {HEALTH_STACK}")
    if firing := [alarm for alarm in listed if alarm["StateValue"] == "ALARM"]:
        remedies = [alarm.get("AlarmDescription", "").partition(" First: ")[2] for alarm in firing]
        others = [remedy for remedy in remedies if not remedy.startswith("nunchi doctor")]  # which is running now
        names = ", ".join(sorted(alarm["AlarmName"] for alarm in firing))
        return ill(names, others[0] if others else "")
    return well(f"{len(listed)}, none fires")


def schedules(deployment: Deployment) -> Result:
    """Whether the schedules that start, probe and stop instances are enabled, and the next start."""
    hours = deployment.config.hours
    listed = deployment.listed("scheduler", "list_schedules", "Schedules", NamePrefix="Nunchi")
    if disabled := sorted(schedule["Name"] for schedule in listed if schedule["State"] != "ENABLED"):
        return ill(f"disabled: {', '.join(disabled)}", "cdk deploy --all, or the console")
    opening = [schedule for schedule in listed if schedule["Name"].startswith(COMPUTE_STACK)]
    if hours.week.always_running:
        return well(f"{len(listed)}; the shop never closes")
    if not opening:
        return ill("no schedule starts an instance", f"cdk deploy {COMPUTE_STACK}")
    following = hours.next_start(deployment.now())
    starts = f"{following:%a %d %b %H:%M} {hours.zone}" if following else "never"
    return well(f"{len(listed)} enabled; the next start is {starts}")


def mail(deployment: Deployment) -> Result:
    """Whether alarms reach the operator's address."""
    address = deployment.config.alarms.email
    if not address:
        return attention("no address for alarms", f"email in nunchi.toml, then cdk deploy {HEALTH_STACK}")
    topic = deployment.output(HEALTH_STACK, ALARM_TOPIC_ARN)
    listed = deployment.listed("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic)
    arns = [entry["SubscriptionArn"] for entry in listed if entry["Endpoint"] == address]
    if not arns:
        return ill(f"{address} is not subscribed", f"cdk deploy {HEALTH_STACK}")
    if arns == ["PendingConfirmation"]:
        command = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {address}"
        return ill(f"{address} has not confirmed: open the link in AWS's mail, or send a new one", command)
    return well(f"{address} is subscribed")
