"""SSM documents, read as an agent reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.documents import infer_document
from contracts.instants import now
from contracts.names import Reference, new_image_id
from contracts.tickets import Ticket, to_line
from local.aws.ssm_document import Document, DocumentStep, ParameterRefused
from local.errors import DocumentUnsupported


def document(*commands: str, **parameters: Any) -> Document:
    return Document.parse(
        json.dumps(
            {
                "schemaVersion": "2.2",
                "parameters": parameters,
                "mainSteps": [
                    {
                        "name": "one",
                        "action": "aws:runShellScript",
                        "inputs": {"timeoutSeconds": "5", "runCommand": list(commands)},
                    }
                ],
            }
        )
    )


def test_an_env_var_parameter_reaches_the_script_by_its_environment_only() -> None:
    """What a shell would act upon stays a value."""
    found = document("echo $SSM_Word {{ Word }}", Word={"type": "String", "interpolationType": "ENV_VAR"})
    assert found.steps({"Word": ["$(reboot)"]}) == [
        DocumentStep("one", "echo $SSM_Word {{ Word }}\n", {"SSM_Word": "$(reboot)"}, 5.0)
    ]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"Word": ["two words"]}, id="pattern"),
        pytest.param({"Word": ["one", "two"]}, id="two values"),
        pytest.param({}, id="missing"),
        pytest.param({"Word": ["one"], "Other": ["x"]}, id="unknown"),
    ],
)
def test_parameters_that_the_document_does_not_allow_are_refused(given: dict[str, list[str]]) -> None:
    """Nothing is run with them."""
    with pytest.raises(ParameterRefused):
        document("true", Word={"type": "String", "allowedPattern": "^[a-z]+$", "interpolationType": "ENV_VAR"}).steps(
            given
        )


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": "1.2"},
        {"mainSteps": [{"action": "aws:runDocument"}]},
        {"parameters": {"Word": {"type": "String"}}},
    ],
)
def test_what_this_agent_does_not_do_is_named(change: dict[str, Any]) -> None:
    """Better than to skip a step in silence."""
    fields: dict[str, Any] = {"schemaVersion": "2.2", "mainSteps": []} | change
    with pytest.raises(DocumentUnsupported, match="is not supported here"):
        Document.parse(json.dumps(fields))


def test_the_pipelines_own_document_takes_tickets() -> None:
    """The same content that AWS is given."""
    line = to_line([Ticket(Reference("demo", new_image_id(now())), now())])
    (step,) = Document.parse(json.dumps(infer_document())).steps({"Tickets": [line]})
    assert step.environ == {"SSM_Tickets": line}
