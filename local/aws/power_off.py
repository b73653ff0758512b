"""`python -m local.aws.power_off +1`: what `shutdown` is on a local training machine, its end being termination.

A minute is MINUTE_S here: Run Command's status must be told before, and nobody waits for more.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from local.aws.fake_ec2 import MARK
from local.clients import client
from local.record import REGION

MINUTE_S: Final = 3.0


def main() -> None:
    """Terminate the instance that this process is on, after as many minutes as the arguments say."""
    minutes = next((float(word[1:]) for word in sys.argv[1:] if word.startswith("+")), 0.0)
    time.sleep(minutes * MINUTE_S)
    instance = os.environ[MARK].rpartition("#")[2]
    client("ec2", endpoint=os.environ["AWS_ENDPOINT_URL_EC2"], region=REGION).terminate_instances(
        InstanceIds=[instance]
    )


if __name__ == "__main__":
    main()
