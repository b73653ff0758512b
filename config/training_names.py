"""What the state machine, the training machine and the local cloud must agree on: names, and the SSM document itself.

Nothing here needs the CDK, so that whoever only wants a name doesn't start it.
"""

from __future__ import annotations

from typing import Any, Final

from config.inference_names import ROLE_TAG
from contracts.weights import RUN_PATTERN

TRAIN_DOCUMENT: Final = "Nunchi-Train"
LAUNCH_TEMPLATE: Final = "NunchiTraining"
STATE_MACHINE: Final = "nunchi-training"
TRAINING_ROLE: Final = "training"
ROLE_FILTER: Final = f"{ROLE_TAG}={TRAINING_ROLE}"
LOG: Final = "/nunchi/training"
# A machine powers itself off when so much time has passed since its boot, whatever becomes of everything else.
LEASE_S: Final = 13 * 3600
_WAIT_FOR_CODE_S: Final = 900


def train_document() -> dict[str, Any]:
    """The content of the SSM document `Train`: run one training on this machine, and power it off.

    ENV_VAR as in config/inference_names.py: no parameter is pasted into the shell. Run Command may reach a machine
    before its user data has fetched the code, so the script is waited for.
    """
    parameters = {
        "Training": (f"^{RUN_PATTERN}$", "the training's id, and that of the run that it makes"),
        "LeastNewLabels": (
            "^[0-9]{1,8}$",
            "new label files that were asked for before this machine was started; 0 trains without any",
        ),
        "LimitSeconds": ("^[1-9][0-9]{0,5}$", "the training is ended when it takes longer"),
    }
    return {
        "schemaVersion": "2.2",
        "description": "Nunchi: run one training on this machine, and power it off",
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
                "name": "train",
                "action": "aws:runShellScript",
                "inputs": {
                    # The script's own limit is LimitSeconds; the agent's is there should the script itself hang.
                    "timeoutSeconds": str(LEASE_S),
                    "runCommand": [
                        'script="${NUNCHI_HOME:-/opt/nunchi}/shell/train.sh"',
                        f'until [ -x "$script" ]; do [ "$SECONDS" -lt {_WAIT_FOR_CODE_S} ] || exit 3; sleep 2; done',
                        '"$script"',
                    ],
                },
            }
        ],
    }
