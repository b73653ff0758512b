"""SSM documents of schema 2.2, as far as an agent must read them to run shell lines.

Source: AWS Systems Manager user guide, "Schema, features, and examples" and "Writing parameters securely" (ENV_VAR).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.errors import DocumentUnsupported

SHELL: Final = "aws:runShellScript"
DEFAULT_TIMEOUT_S: Final = 3600.0  # what the agent gives a step without timeoutSeconds
_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


class ParameterRefused(ValueError):
    """A parameter is not what the document allows; nothing was run."""


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """Shell lines, ready to run: their parameters are in `environ`, or already in the text."""

    name: str
    script: str
    environ: Mapping[str, str]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the document declares it."""

    name: str
    default: str | None
    allowed_pattern: re.Pattern[str] | None
    by_environment: bool

    def value_in(self, given: Mapping[str, Sequence[str]]) -> str:
        """Its value; ParameterRefused when it is missing, several, or outside the allowed pattern."""
        values = given.get(self.name, [] if self.default is None else [self.default])
        if len(values) != 1:
            raise ParameterRefused(f"parameter {self.name} needs one value, not {len(values)}")
        if self.allowed_pattern is not None and not self.allowed_pattern.search(values[0]):
            raise ParameterRefused(f"parameter {self.name} does not match {self.allowed_pattern.pattern}")
        return values[0]


@dataclass(frozen=True, slots=True)
class Document:
    """A Command document: its parameters, and its steps in order."""

    parameters: tuple[Parameter, ...]
    main_steps: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, content: str) -> Document:
        """From the document's JSON; DocumentUnsupported for what this agent does not do."""
        fields = json.loads(content)
        if fields.get("schemaVersion") != "2.2":
            raise DocumentUnsupported(f"schemaVersion {fields.get('schemaVersion')!r} is not run here, only '2.2'")
        for step in fields["mainSteps"]:
            if step["action"] != SHELL:
                raise DocumentUnsupported(f"action {step['action']!r} is not run here, only {SHELL!r}")
        return cls(
            tuple(
                Parameter(
                    name,
                    default=declared.get("default"),
                    allowed_pattern=re.compile(pattern) if (pattern := declared.get("allowedPattern")) else None,
                    by_environment=declared.get("interpolationType") == "ENV_VAR",
                )
                for name, declared in fields.get("parameters", {}).items()
            ),
            tuple(fields["mainSteps"]),
        )

    def steps(self, given: Mapping[str, Sequence[str]]) -> list[DocumentStep]:
        """The steps for these parameters; ParameterRefused when a parameter is unknown or not allowed."""
        if unknown := given.keys() - {parameter.name for parameter in self.parameters}:
            raise ParameterRefused(f"the document has no parameter {', '.join(sorted(unknown))}")
        values = {parameter.name: parameter.value_in(given) for parameter in self.parameters}
        environ = {f"SSM_{one.name}": values[one.name] for one in self.parameters if one.by_environment}
        pasted = {one.name: values[one.name] for one in self.parameters if not one.by_environment}

        def fill(text: str) -> str:
            return _PLACE.sub(lambda place: pasted.get(place[1], place[0]), text)

        return [
            DocumentStep(
                name=step["name"],
                script="\n".join(fill(line) for line in step["inputs"]["runCommand"]) + "\n",
                environ=environ,
                timeout_s=float(fill(str(step["inputs"].get("timeoutSeconds", DEFAULT_TIMEOUT_S)))),
            )
            for step in self.main_steps
        ]
