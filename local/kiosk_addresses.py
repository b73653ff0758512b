"""The addresses of a local cloud for a kiosk's folder."""

from __future__ import annotations

from fleet.folder import Addresses
from local.record import Record


def addresses_of(record: Record) -> Addresses:
    """The addresses that a kiosk's folder holds."""
    bucket, s3 = record.buckets["images"], record.endpoints["s3"]
    return Addresses(
        region=record.region,
        mqtt_host=record.mqtt.host,
        mqtt_port=record.mqtt.port,
        credentials_url=record.credentials_url,
        s3_endpoint=s3,
        bucket=bucket,
        bucket_url=f"{s3}/{bucket}",
        dynamodb_endpoint=record.endpoints["dynamodb"],
        orders_table=record.tables["orders"],
    )
