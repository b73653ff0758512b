"""What dispatch, the inference instance and the local cloud must agree on: names, and the SSM document itself.

Nothing here needs the CDK, so that whoever only wants a name doesn't start it.
"""

from __future__ import annotations

from typing import Any, Final

from contracts.tickets import MAX_TICKETS, TICKETS_PATTERN

DOCUMENT: Final = "Nunchi-Infer"
INSTANCE_PARAMETER: Final = "/nunchi/inference-instance"
# Who may be sent the document: instances with this tag, and nobody else.
ROLE_TAG: Final = "nunchi:role"
INFERENCE_ROLE: Final = "inference"


def infer_document() -> dict[str, Any]:
    """The content of the SSM document `Infer`: hand tickets to the worker on this instance.

    ENV_VAR gives the tickets to the script as SSM_Tickets instead of pasting them into the shell. That needs SSM agent
    3.3.2746.0; on an older one SSM_Tickets is not set, and shell/infer.sh says so and fails.
    """
    return {
        "schemaVersion": "2.2",
        "description": "Nunchi: hand photos to the worker on this instance",
        "parameters": {
            "Tickets": {
                "type": "String",
                "description": f"1 to {MAX_TICKETS} of <kiosk>/<image>@<uploaded_ms>, separated by single spaces",
                "allowedPattern": TICKETS_PATTERN,
                "interpolationType": "ENV_VAR",
            }
        },
        "mainSteps": [
            {
                "name": "infer",
                "action": "aws:runShellScript",
                "inputs": {
                    # The script's own limit is 10 s; the agent's is there should the script itself hang.
                    "timeoutSeconds": "20",
                    "runCommand": ['"${NUNCHI_HOME:-/opt/nunchi}/shell/infer.sh"'],
                },
            }
        ],
    }
