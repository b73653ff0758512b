"""boto3 clients of the local cloud. Not in local/record.py: boto3 takes half a second to import."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local.record import ROOT_KEY, ROOT_SECRET


def client(service: str, *, endpoint: str, region: str) -> Any:
    """A boto3 client for an endpoint of the local cloud."""
    make: Callable[..., Any] = _session().client  # its types know a service by a literal name only
    return make(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_SECRET,
        # A proxy is for the internet. Addresses of buckets as paths: the host name of a bucket would not resolve.
        config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}),
    )


@cache
def _session() -> boto3.Session:
    """A session without environment variables and files: a caller's profile or a broken ~/.aws/config has no effect."""
    defaults_only = {
        name: (in_file, None, default, convert)
        for name, (in_file, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    no_file = (None, None, os.devnull, None)
    return boto3.Session(
        botocore_session=botocore.session.Session(
            session_vars=defaults_only | {"config_file": no_file, "credentials_file": no_file}
        )
    )
