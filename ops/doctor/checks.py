"""What `nunchi doctor` looks at: a function for each line. What is behind them is AWS, so each may fail to look."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from config import stack_outputs as output
from config.names import COMPUTE_STACK, HEALTH_STACK, INSTANCE_PARAMETER, PIPELINE_STACK, STACKS, WORKER_LOG
from contracts.messages import WorkerState, WorkerStatus
from lambdas.health_probe import certificates, is_ready, worker_status
from local.worker_socket import ready
from ops.doctor.examination import (
    CheckFailed,
    Deployment,
    Finding,
    State,
    is_missing,
)

SKEW_S: Final = 30
LATE_S: Final = 120  # as the alarm about the queue
_GOOD: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})


def clock(patient: Deployment) -> Finding:
    """This machine's clock against AWS's: signatures are refused at five minutes, and times mislead before that."""
    try:
        answer = patient.client("sts").get_caller_identity()
    except ClientError as error:
        answer = error.response
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        raise CheckFailed("AWS's answer has no date")
    off = (patient.now() - parsedate_to_datetime(date)).total_seconds()
    if abs(off) > SKEW_S:
        where = "ahead of" if off > 0 else "behind"
        return Finding(
            "clock", State.ILL, f"this machine is {abs(off):.0f} s {where} AWS", "sudo timedatectl set-ntp true"
        )
    return Finding("clock", State.WELL, "right")


def credentials(patient: Deployment) -> Finding:
    """Whose keys these are."""
    answer = patient.client("sts").get_caller_identity()
    return Finding("credentials", State.WELL, f"account {answer['Account']}, {answer['Arn'].rpartition(':')[2]}")


def region(patient: Deployment) -> Finding:
    """Ours against the shell's: the commands below take the shell's."""
    ours, shell = patient.config.region, patient.shell_region
    if shell not in (None, ours):
        return Finding(
            "region",
            State.ATTENTION,
            f"{ours} in nunchi.toml, {shell} in this shell: commands of the AWS CLI go elsewhere",
            f"export AWS_REGION={ours}",
        )
    return Finding("region", State.WELL, ours)


def stacks(patient: Deployment) -> Finding:
    """Whether all are deployed, and whole."""
    states: dict[str, str] = {}
    for name in (PIPELINE_STACK,) if patient.local else STACKS:
        try:
            [stack] = patient.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if not is_missing(error):
                raise
            states[name] = "not deployed"
        else:
            states[name] = stack["StackStatus"]
    odd = {name: state for name, state in states.items() if state not in _GOOD}
    if not odd:
        return Finding("stacks", State.WELL, f"{', '.join(states)} deployed")
    text = ", ".join(f"{name} {state}" for name, state in odd.items())
    if all(state in _ROLLED_BACK for state in odd.values()):
        return Finding("stacks", State.ATTENTION, f"the last update was taken back: {text}", "cdk deploy --all")
    if all(state.endswith("_IN_PROGRESS") for state in odd.values()):
        return Finding("stacks", State.ATTENTION, f"a deployment is under way: {text}")
    return Finding("stacks", State.ILL, text, "cdk deploy --all")


def compute(patient: Deployment) -> Finding:
    """Instances against the hours."""
    instances, running = patient.instances(), patient.running()
    told = ", ".join(f"{name} {state}" for name, state in sorted(instances.items())) or "no instance"
    if patient.should_run:
        least = 1 if patient.local or patient.by_command else patient.config.queue.least
        if len(running) < least:
            start = f"aws ec2 start-instances --instance-ids {' '.join(sorted(instances))}" if instances else ""
            return Finding(
                "compute",
                State.ILL,
                f"{told}; {least} should run now",
                start if patient.by_command and start else f"cdk deploy {COMPUTE_STACK}",
            )
        if patient.by_command:
            sent_to = patient.client("ssm").get_parameter(Name=INSTANCE_PARAMETER)["Parameter"]["Value"]
            if sent_to not in running:
                return Finding(
                    "compute", State.ILL, f"{told}, but photos are sent to {sent_to}", f"cdk deploy {COMPUTE_STACK}"
                )
        return Finding("compute", State.WELL, f"{told}, as it should be")
    if running:
        return Finding(
            "compute",
            State.ATTENTION,
            f"{told}, though the shop is closed; the lease stops it within the hour",
            f"aws ec2 stop-instances --instance-ids {' '.join(running)}",
        )
    return Finding("compute", State.WELL, f"{told}; the shop is closed")


def agent(patient: Deployment) -> Finding:
    """Whether Systems Manager reaches the instances that run: Run Command, and a person's shell."""
    if not (running := patient.running()):
        return Finding("agent", State.WELL, "no instance runs")
    answer = patient.client("ssm").describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": running}])
    online = {one["InstanceId"] for one in answer["InstanceInformationList"] if one["PingStatus"] == "Online"}
    if lost := [name for name in running if name not in online]:
        return Finding(
            "agent",
            State.ILL,
            f"Systems Manager does not reach {', '.join(lost)}; after a start that takes two minutes",
            f"aws ec2 reboot-instances --instance-ids {' '.join(lost)}",
        )
    return Finding("agent", State.WELL, f"{', '.join(running)} online")


def _statuses(patient: Deployment) -> dict[str, WorkerStatus | None]:
    return {name: worker_status(patient.client("iot-data"), name) for name in patient.running()}


def worker(patient: Deployment) -> Finding:
    """What each worker says of itself."""
    statuses = _statuses(patient)
    if not statuses:
        return Finding("worker", State.WELL, "no instance runs")
    told = ", ".join(f"{name} {status.state if status else 'never said anything'}" for name, status in statuses.items())
    remedy = f"aws logs tail {WORKER_LOG} --since 30m"
    if patient.local:
        remedy = f"{patient.nunchi('down')} && {patient.nunchi('up --detach')}"
    if not all(map(is_ready, statuses.values())):
        again = "; the cloud starts it again by itself" if patient.local else ""
        return Finding("worker", State.ILL, f"{told}{again}", remedy)
    # The local broker does not notice that a client has stopped moving; AWS's does, after half a minute.
    if deaf := [name for name, socket in sorted(patient.sockets.items()) if not ready(socket)]:
        return Finding("worker", State.ILL, f"{told}, but {', '.join(deaf)} does not answer", remedy)
    return Finding("worker", State.WELL, told)


def model(patient: Deployment) -> Finding:
    """The model in service, by the workers' own word."""
    statuses = _statuses(patient)
    if not statuses:
        return Finding("model", State.WELL, "no instance runs")
    models = {status.model for status in statuses.values() if status and status.state is WorkerState.READY}
    told = ", ".join(sorted(f"{one.name} {one.version} ({one.digest[:12]})" for one in models))
    if not models:
        raise CheckFailed("no worker is ready")
    if len(models) > 1:
        return Finding("model", State.ATTENTION, f"workers differ, as during a rollout: {told}")
    return Finding("model", State.WELL, told)


def queue(patient: Deployment) -> Finding:
    """How much waits in the upload queue, and for how long."""
    url = patient.output(PIPELINE_STACK, output.UPLOAD_QUEUE_URL)
    waiting, in_hand = _depth(patient, url)
    age_s = None if patient.local else _oldest_s(patient, url.rpartition("/")[2])
    told = f"{waiting} wait, {in_hand} in hand" + (f", the oldest for {age_s:.0f} s" if age_s and waiting else "")
    if waiting and not patient.should_run:
        return Finding("queue", State.WELL, f"{told}; the shop is closed")
    if waiting and age_s and age_s > LATE_S:
        remedy = f"aws logs tail {WORKER_LOG} --since 30m"
        if patient.by_command:
            remedy = "aws lambda get-function-concurrency --function-name " + patient.output(
                PIPELINE_STACK, output.DISPATCH_FUNCTION_NAME
            )
        return Finding("queue", State.ILL, told, remedy)
    return Finding("queue", State.WELL, told)


def _depth(patient: Deployment, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = patient.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(told[names[0]]), int(told[names[1]])


def _oldest_s(patient: Deployment, name: str) -> float | None:
    """None when nobody measured lately: SQS itself does not say."""
    end = patient.now()
    answer = patient.client("cloudwatch").get_metric_statistics(
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


def dead_letters(patient: Deployment) -> Finding:
    """What failed for good: uploads, schedules, events."""
    listed = patient.client("sqs").list_queues(QueueNamePrefix="Nunchi").get("QueueUrls", [])
    # By name: a queue may be listed under another host than its stack says.
    urls = {url.rpartition("/")[2]: url for url in (*listed, patient.output(PIPELINE_STACK, output.DEAD_QUEUE_URL))}
    letters = {name: sum(_depth(patient, url)) for name, url in sorted(urls.items()) if "Dead" in name}
    full = {name: count for name, count in letters.items() if count}
    if not full:
        return Finding("dead letters", State.WELL, f"none, in {len(letters)} queues")
    told = ", ".join(f"{count} in {name}" for name, count in full.items())
    first = urls[next(iter(full))]
    return Finding(
        "dead letters", State.ILL, told, f"aws sqs receive-message --max-number-of-messages 10 --queue-url {first}"
    )


def certificate_ages(patient: Deployment) -> Finding:
    """Of the certificates of kiosks and workers that are in use."""
    policies = [patient.output(PIPELINE_STACK, name) for name in (output.KIOSK_POLICY_NAME, output.WORKER_POLICY_NAME)]
    made = certificates(patient.client("iot"), policies).values()
    most = patient.config.alarms.certificate_days
    if not made:
        return Finding("certificates", State.ATTENTION, "none yet: no kiosk can connect", "nunchi kiosk add NAME")
    days = (patient.now() - min(made)) / timedelta(days=1)
    told = f"{len(made)} in use, the oldest {days:.0f} days old"
    if days > most:
        return Finding("certificates", State.ATTENTION, f"{told}; renew after {most}", "nunchi kiosk list")
    return Finding("certificates", State.WELL, told)


def alarms(patient: Deployment) -> Finding:
    """Those that sound, with the first thing that each says to do."""
    every = _pages(patient.client("cloudwatch").describe_alarms, "MetricAlarms", "NextToken", AlarmNamePrefix="nunchi-")
    if not every:
        return Finding("alarms", State.ATTENTION, "there are none: nobody is told", f"cdk deploy {HEALTH_STACK}")
    if loud := [one for one in every if one["StateValue"] == "ALARM"]:
        remedies = [one.get("AlarmDescription", "").partition(" First: ")[2] for one in loud]
        elsewhere = [remedy for remedy in remedies if not remedy.startswith("nunchi doctor")]  # the lines above say it
        return Finding(
            "alarms", State.ILL, ", ".join(sorted(one["AlarmName"] for one in loud)), elsewhere[0] if elsewhere else ""
        )
    return Finding("alarms", State.WELL, f"{len(every)}, none sounds")


def schedules(patient: Deployment) -> Finding:
    """Whether the shop will be opened, watched and closed; and when it starts next."""
    hours = patient.config.hours
    every = _pages(patient.client("scheduler").list_schedules, "Schedules", "NextToken", NamePrefix="Nunchi")
    if off := sorted(one["Name"] for one in every if one["State"] != "ENABLED"):
        return Finding("schedules", State.ILL, f"switched off: {', '.join(off)}", "cdk deploy --all, or the console")
    opening = [one for one in every if one["Name"].startswith(COMPUTE_STACK)]
    if hours.week.always_running:
        return Finding("schedules", State.WELL, f"{len(every)}; the shop never closes")
    if not opening:
        return Finding("schedules", State.ILL, "nothing opens the shop", f"cdk deploy {COMPUTE_STACK}")
    following = hours.week.next_start(patient.now(), hours.zone_info, closed=hours.closed_dates)
    starts = f"{following:%a %d %b %H:%M} {hours.zone}" if following else "never"
    return Finding("schedules", State.WELL, f"{len(every)} on; the next start is {starts}")


def mail(patient: Deployment) -> Finding:
    """Whether somebody hears an alarm."""
    address = patient.config.alarms.email
    if not address:
        return Finding(
            "mail", State.ATTENTION, "nobody is told of alarms", f"email in nunchi.toml, then cdk deploy {HEALTH_STACK}"
        )
    topic = patient.output(HEALTH_STACK, output.ALARM_TOPIC_ARN)
    every = _pages(patient.client("sns").list_subscriptions_by_topic, "Subscriptions", "NextToken", TopicArn=topic)
    arns = [one["SubscriptionArn"] for one in every if one["Endpoint"] == address]
    if not arns:
        return Finding("mail", State.ILL, f"{address} is not subscribed", f"cdk deploy {HEALTH_STACK}")
    if arns == ["PendingConfirmation"]:
        again = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {address}"
        return Finding("mail", State.ILL, f"{address} has not confirmed: the link in AWS's mail, or a new one", again)
    return Finding("mail", State.WELL, f"{address} is told")


def _pages(call: Any, what: str, token: str, **parameters: Any) -> list[Any]:
    answer = call(**parameters)
    found = list(answer[what])
    while following := answer.get(token):
        answer = call(**parameters, **{token: following})
        found += answer[what]
    return found
