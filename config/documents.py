"""The SSM documents: what Run Command runs on an instance, and which parameters it takes.

ENV_VAR gives each parameter to the script as SSM_<name>; nothing is pasted into the shell. That needs SSM agent
3.3.2746.0. On an older one the variable is not set, and the script reports that and fails.
"""

from __future__ import annotations

from typing import Any, Final

from contracts.tickets import MAX_TICKETS, TICKETS_PATTERN
from contracts.weights import RUN_PATTERN

# A training machine powers itself off this long after its boot, even when every other way of stopping it has failed.
TRAINING_LEASE_S: Final = 13 * 3600
_WAIT_FOR_CODE_S: Final = 900


def infer_document() -> dict[str, Any]:
    """The content of the document that hands tickets to the worker on the instance."""
    return _document(
        "infer",
        description="Nunchi: hand photos to the worker on this instance",
        parameters={
            "Tickets": (
                TICKETS_PATTERN,
                f"1 to {MAX_TICKETS} of <kiosk>/<image>@<uploaded_ms>, separated by single spaces",
            )
        },
        timeout_s=20,  # the script's own limit is 10 s; the agent's ends a script that hangs
        run=['"${NUNCHI_HOME:-/opt/nunchi}/shell/infer.sh"'],
    )


def train_document() -> dict[str, Any]:
    """The content of the document that runs one training on the machine, and powers it off.

    Run Command may reach a machine before its user data has fetched the code, so the command waits for the script.
    """
    return _document(
        "train",
        description="Nunchi: run one training on this machine, and power it off",
        parameters={
            "Training": (f"^{RUN_PATTERN}$", "the training's id, and that of the run that it makes"),
            "LeastNewLabels": (
                "^[0-9]{1,8}$",
                "new label files that were asked for before this machine was started; 0 trains without any",
            ),
            "LimitSeconds": ("^[1-9][0-9]{0,5}$", "the training is ended when it takes longer"),
        },
        timeout_s=TRAINING_LEASE_S,  # the script's own limit is LimitSeconds; the agent's ends a script that hangs
        run=[
            'script="${NUNCHI_HOME:-/opt/nunchi}/shell/train.sh"',
            f'until [ -x "$script" ]; do [ "$SECONDS" -lt {_WAIT_FOR_CODE_S} ] || exit 3; sleep 2; done',
            '"$script"',
        ],
    )


def _document(
    step: str, *, description: str, parameters: dict[str, tuple[str, str]], timeout_s: int, run: list[str]
) -> dict[str, Any]:
    """A document of one step. `parameters`: the pattern and the description of each."""
    return {
        "schemaVersion": "2.2",
        "description": description,
        "parameters": {
            name: {
                "type": "String",
                "description": what,
                "allowedPattern": pattern,
                "interpolationType": "ENV_VAR",
            }
            for name, (pattern, what) in parameters.items()
        },
        "mainSteps": [
            {
                "name": step,
                "action": "aws:runShellScript",
                "inputs": {"timeoutSeconds": str(timeout_s), "runCommand": run},
            }
        ],
    }
