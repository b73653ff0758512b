"""What people see."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from config.mode import Mode
from contracts.instants import now
from contracts.messages import STEPS, LabelMessage, Status
from contracts.names import new_image_id
from local.record import Record
from ops.options import DEFAULT_STATE

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_SHOWN: Final = tuple(step for step in STEPS if step != "label")  # the rules take no time worth a column
_ROOM_FOR_STEPS: Final = 80  # columns of a terminal; on a narrower one the answer matters more than its times
_CAPTION: Final = "Times in milliseconds; total: from the start of the upload to the label over MQTT."
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


def answers_table(width: int, rows: Sequence[Sequence[str]]) -> Table:
    """A table of photos and their answers, for a terminal of `width` columns; a narrow one gets no steps."""
    steps = _steps_for(width)
    photo_width = max(15, width - 65) if steps else max(12, width - 37)
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold", caption_justify="left")
    table.add_column("photo", max_width=photo_width, overflow="ellipsis", no_wrap=True)
    table.add_column("answer", overflow="fold", min_width=12)
    table.add_column("sure", justify="right", no_wrap=True)
    for step in steps:
        table.add_column(step, justify="right", style="dim", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.caption = (
        _CAPTION if width >= len(_CAPTION) else Text(_CAPTION, "table.caption", overflow="fold", no_wrap=False)
    )
    for row in rows:
        table.add_row(*row)
    return table


def answer_row(name: str, message: LabelMessage, total_ms: float, *, width: int) -> list[str]:
    """One row of `answers_table` of the same width; the times in milliseconds."""
    why = f" {message.reason}" if message.status is Status.REJECTED else ""
    return [
        escape(name),
        f"{answer_of(message)}{why}",
        "" if message.confidence is None else f"{message.confidence:.3f}",
        *(f"{message.steps_ms[step]:.0f}" if step in message.steps_ms else "·" for step in _steps_for(width)),
        f"{total_ms:.0f}",
    ]


def _steps_for(width: int) -> tuple[str, ...]:
    return _SHOWN if width >= _ROOM_FOR_STEPS else ()


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
    pids = [str(worker.pid) for worker in record.workers]
    parts = {
        "S3": f"{record.endpoints['s3']}  keys {keys.access_key_id}/{keys.secret_access_key}  region {record.region}",
        "images": f"s3://{record.buckets['images']}/uploads/{record.kiosk}/<image id>.jpg",
        "MQTT": f"{mqtt.host}:{mqtt.port}  topic {mqtt.topic}  (MQTT 5, TLS, client certificate)",
        **(
            {"queue": record.queues["uploads"]}
            if record.mode is Mode.QUEUE
            else {"SSM": f"{record.endpoints['ssm']}  instance {record.instance}"}
        ),
        "worker" if len(pids) == 1 else "workers": f"process {' and '.join(pids)}  "
        f"model {model.get('name')} {model.get('version')}",
    }
    return "\n".join(f"[bold]{name:8}[/]{escape(text)}" for name, text in parts.items())


def try_next(record: Record, state: Path) -> str:
    """What can be done with a running cloud, as commands that can be pasted."""
    keys, mqtt = record.credentials, record.mqtt
    nunchi = "nunchi" if state == DEFAULT_STATE else f"NUNCHI_STATE={_pasted(state)} nunchi"
    aws = f"AWS_ACCESS_KEY_ID={keys.access_key_id} AWS_SECRET_ACCESS_KEY={keys.secret_access_key} "
    return f"""[bold]Try next[/]
  {nunchi} send samples/*.jpg
  {nunchi} watch
  {nunchi} status --json
  {nunchi} down
[bold]Or with your own tools[/]
  mosquitto_sub -V mqttv5 -q 1 -h {mqtt.host} -p {mqtt.port} -t {mqtt.topic} \\
    --cafile {_pasted(mqtt.ca)} \\
    --cert {_pasted(mqtt.cert)} --key {_pasted(mqtt.key)}
  {aws}AWS_REGION={record.region} \\
    aws --endpoint-url {record.endpoints["s3"]} s3 cp photo.jpg \\
    s3://{record.buckets["images"]}/uploads/{record.kiosk}/{new_image_id(now())}.jpg"""


def _pasted(path: Path) -> str:
    """A path as a shell takes it, in rich's markup."""
    return escape(shlex.quote(str(path)))
