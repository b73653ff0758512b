"""What people see."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.instants import now
from contracts.messages import STEPS, LabelMessage, Status
from contracts.names import new_image_id
from local.record import Record
from ops.options import DEFAULT_STATE

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_SHOWN = tuple(step for step in STEPS if step != "label")  # the rules take no time worth a column
_COLOURS: Mapping[Status, str] = {
    Status.LABELLED: "green",
    Status.NO_PERSON: "yellow",
    Status.UNSURE: "yellow",
    Status.REJECTED: "red",
}


def answer_of(message: LabelMessage) -> str:
    """The label, or why there is none, coloured."""
    text = str(message.label or message.status)
    return f"[{_COLOURS[message.status]}]{text}[/]"


def answers_table(width: int) -> Table:
    """An empty table of photos and their answers, for a terminal of `width` columns."""
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.add_column("photo", max_width=max(15, width - 65), overflow="ellipsis", no_wrap=True)
    table.add_column("answer", overflow="fold", min_width=12)
    table.add_column("sure", justify="right")
    for step in _SHOWN:
        table.add_column(step, justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.caption = "Times in milliseconds; total: from the start of the upload to the label over MQTT."
    return table


def answer_row(name: str, message: LabelMessage, total_ms: float) -> list[str]:
    """One row of `answers_table`; the times in milliseconds."""
    why = f" {message.reason}" if message.status is Status.REJECTED else ""
    return [
        escape(name),
        f"{answer_of(message)}{why}",
        "" if message.confidence is None else f"{message.confidence:.3f}",
        *(f"{message.steps_ms[step]:.0f}" if step in message.steps_ms else "·" for step in _SHOWN),
        f"{total_ms:.0f}",
    ]


def message_line(message: LabelMessage) -> str:
    """One line for one message."""
    confidence = "" if message.confidence is None else f" {message.confidence:.3f}"
    why = f" {message.reason}" if message.reason else ""
    return (
        f"{message.reference}  {answer_of(message)}{confidence}{why}  [dim]{sum(message.steps_ms.values()):.0f} ms[/]"
    )


def summary(record: Record) -> str:
    """A running cloud, for people."""
    keys, mqtt, model = record.credentials, record.mqtt, record.worker.model or {}
    parts = {
        "S3": f"{record.endpoints['s3']}  keys {keys.access_key_id}/{keys.secret_access_key}  region {record.region}",
        "images": f"s3://{record.buckets['images']}/uploads/{record.kiosk}/<image id>.jpg",
        "MQTT": f"{mqtt.host}:{mqtt.port}  topic {mqtt.topic}  (MQTT 5, TLS, client certificate)",
        "SSM": f"{record.endpoints['ssm']}  instance {record.instance}",
        "worker": f"process {record.worker.pid}  model {model.get('name')} {model.get('version')}",
    }
    return "\n".join(f"[bold]{name:8}[/]{escape(text)}" for name, text in parts.items())


def try_next(record: Record, state: Path) -> str:
    """What can be done with a running cloud, as commands that can be pasted."""
    keys, mqtt = record.credentials, record.mqtt
    nunchi = "nunchi" if state == DEFAULT_STATE else f"NUNCHI_STATE={shlex.quote(str(state))} nunchi"
    aws = f"AWS_ACCESS_KEY_ID={keys.access_key_id} AWS_SECRET_ACCESS_KEY={keys.secret_access_key} "
    return f"""[bold]Try next[/]
  {nunchi} send samples/*.jpg
  {nunchi} watch
  {nunchi} status --json
  {nunchi} down
[bold]Or with your own tools[/]
  mosquitto_sub -V mqttv5 -q 1 -h {mqtt.host} -p {mqtt.port} -t {mqtt.topic} \\
    --cafile {mqtt.ca} \\
    --cert {mqtt.cert} --key {mqtt.key}
  {aws}AWS_REGION={record.region} \\
    aws --endpoint-url {record.endpoints["s3"]} s3 cp photo.jpg \\
    s3://{record.buckets["images"]}/uploads/{record.kiosk}/{new_image_id(now())}.jpg"""
