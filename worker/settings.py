"""The worker's settings, read once by `__main__.py`. `infra/` and `local/` write these variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.gate import DEFAULT_GATE, parse_gate
from contracts.names import check_instance_id
from contracts.settings import existing_file, fraction, seconds, setting, whole
from recipes.reading import KIOSK
from worker.models.day_0 import WARM_UP

THREE_MINUTES_S: Final = 180.0
HOUR_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """All settings of a worker. AWS region and credentials come from boto3's chain."""

    images_bucket: str = setting("NUNCHI_IMAGES_BUCKET", "the bucket of uploads and results")
    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "the bucket of training pairs and photos to review")
    instance_id: str = setting(
        "NUNCHI_INSTANCE", "the name of this instance, in its status topic and in results", parse=check_instance_id
    )
    mqtt_host: str = setting("NUNCHI_MQTT_HOST", "the broker's host name (AWS: the IoT data endpoint)")
    mqtt_port: int = setting("NUNCHI_MQTT_PORT", "the broker's TLS port", parse=whole(1, 65535), default=8883)
    mqtt_ca: Path = setting("NUNCHI_MQTT_CA", "file of the certificate that signed the broker's", parse=existing_file)
    mqtt_cert: Path = setting("NUNCHI_MQTT_CERT", "file of this worker's certificate", parse=existing_file)
    mqtt_key: Path = setting("NUNCHI_MQTT_KEY", "file of this worker's private key", parse=existing_file)
    socket: Path = setting(
        "NUNCHI_SOCKET", "the Unix socket of its HTTP server", parse=Path, default=Path("/run/nunchi/worker.sock")
    )
    state_dir: Path = setting(
        "NUNCHI_STATE_DIR", "folder of the state that survives a crash", parse=Path, default=Path("/var/lib/nunchi")
    )
    emf_file: Path | None = setting(
        "NUNCHI_EMF_FILE",
        "file that gets metrics for CloudWatch each minute; without one, nothing is written",
        parse=Path,
        default=None,
    )
    recipe: str = setting(
        "NUNCHI_RECIPE", "what is looked for and asked: a recipe's name, or the folder of your own", default=KIOSK
    )
    model: Path | None = setting(
        "NUNCHI_MODEL",
        "the manifest of the model that serves before any training; without one, the recipe's own",
        parse=existing_file,
        default=None,
    )
    weights_bucket: str | None = setting(
        "NUNCHI_WEIGHTS_BUCKET",
        "the bucket whose pointer says which run of weights serves; without one, the model is NUNCHI_MODEL's",
        default=None,
    )
    trial_picture: Path = setting(
        "NUNCHI_TRIAL_PICTURE",
        "a picture in which every model must find something before it serves",
        parse=existing_file,
        default=WARM_UP,
    )
    weights_every_s: float = setting(
        "NUNCHI_WEIGHTS_EVERY_S", "seconds between checks of that pointer", parse=seconds(1, 86400), default=60.0
    )
    gate: float = setting(
        "NUNCHI_GATE",
        "confidence from which a label is true enough to train on, 0-1",
        parse=parse_gate,
        default=DEFAULT_GATE,
    )
    unsure_below: float = setting(
        "NUNCHI_UNSURE_BELOW", "confidence under which the customer gets no label, 0-1", parse=fraction, default=0.5
    )
    review_share: float = setting(
        "NUNCHI_REVIEW_SHARE", "share of photos under the gate kept for human review, 0-1", parse=fraction, default=0.05
    )
    label_ttl_s: float = setting(
        "NUNCHI_LABEL_TTL_S", "seconds after the upload until a label expires", parse=seconds(1, 3600), default=30.0
    )
    upload_queue_url: str | None = setting(
        "NUNCHI_UPLOAD_QUEUE_URL",
        "the SQS queue of upload events; without one, Run Commands bring the photos",
        default=None,
    )
    visibility_s: int = setting(
        "NUNCHI_VISIBILITY_S",
        "visibility timeout, seconds: after that SQS redelivers the messages of a worker that died",
        parse=whole(3, 43200),
        default=15,
    )
    sweep_every_s: float | None = setting(
        "NUNCHI_SWEEP_EVERY_S",
        "seconds between sweeps for uploads without a result",
        parse=seconds(1, 86400),
        default=None,
    )
    max_bytes: int = setting(
        "NUNCHI_MAX_BYTES", "largest upload that is read", parse=whole(1 << 10, 1 << 28), default=8 << 20
    )
    max_pixels: int = setting(
        "NUNCHI_MAX_PIXELS",
        "largest picture that is decoded; of PNG, WebP and progressive JPEG never over 12.2 million pixels",
        parse=whole(1 << 10, 1 << 28),
        default=40_000_000,
    )
    photos_at_once: int = setting(
        "NUNCHI_PHOTOS_AT_ONCE", "photos held in memory at a time", parse=whole(1, 256), default=8
    )
    model_threads: int = setting(
        "NUNCHI_MODEL_THREADS", "photos in the model at a time", parse=whole(1, 256), default=os.cpu_count() or 1
    )

    @property
    def sweep_period_s(self) -> float:
        """Seconds between sweeps. Each lists all uploads of the last days, which S3 charges for, in each of N workers.

        A lost command is common (closing time, a restart), a lost message of the queue is not: S3 and SQS keep it.
        """
        return self.sweep_every_s or (HOUR_S if self.upload_queue_url else THREE_MINUTES_S)
