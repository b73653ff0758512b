"""SSM documents of schema 2.2, as far as the local agent supports them: steps of shell lines.

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
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


class ParameterRefused(ValueError):
    """A parameter is missing, unknown or not allowed; nothing was run."""


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """Shell lines, ready to run; parameters are in `environ`, or inserted into `script`."""

    name: str
    script: str
    environ: Mapping[str, str]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, as the document declares it."""

    name: str
    default: str | None
    allowed_pattern: re.Pattern[str] | None
    by_environment: bool

    def value_in(self, parameters: Mapping[str, Sequence[str]]) -> str:
        """Its value; ParameterRefused when it is missing, has several values, or does not match the pattern."""
        values = parameters.get(self.name, [] if self.default is None else [self.default])
        if len(values) != 1:
            raise ParameterRefused(f"parameter {self.name} needs one value, not {len(values)}")
        if self.allowed_pattern is not None and not self.allowed_pattern.search(values[0]):
            raise ParameterRefused(f"parameter {self.name} does not match {self.allowed_pattern.pattern}")
        return values[0]


@dataclass(frozen=True, slots=True)
class Document:
    """A Command document: its parameters and its steps."""

    parameters: tuple[Parameter, ...]
    main_steps: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, content: str) -> Document:
        """Parse the JSON of a document; DocumentUnsupported for another schema or action."""
        fields = json.loads(content)
        if fields.get("schemaVersion") != "2.2":
            raise DocumentUnsupported(
                f"schemaVersion {fields.get('schemaVersion')!r} is not supported here, only '2.2'"
            )
        for step in fields["mainSteps"]:
            if step["action"] != SHELL:
                raise DocumentUnsupported(f"action {step['action']!r} is not supported here, only {SHELL!r}")
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

    def steps(self, parameters: Mapping[str, Sequence[str]]) -> list[DocumentStep]:
        """The steps with these parameters; ParameterRefused when one is unknown, missing or not allowed."""
        if unknown := parameters.keys() - {parameter.name for parameter in self.parameters}:
            raise ParameterRefused(f"the document has no parameter {', '.join(sorted(unknown))}")
        values = {parameter.name: parameter.value_in(parameters) for parameter in self.parameters}
        environ = {f"SSM_{each.name}": values[each.name] for each in self.parameters if each.by_environment}
        inserted = {each.name: values[each.name] for each in self.parameters if not each.by_environment}

        def fill(text: str) -> str:
            return _PLACEHOLDER.sub(lambda match: inserted.get(match[1], match[0]), text)

        return [
            DocumentStep(
                name=step["name"],
                script="\n".join(fill(line) for line in step["inputs"]["runCommand"]) + "\n",
                environ=environ,
                timeout_s=float(fill(str(step["inputs"].get("timeoutSeconds", DEFAULT_TIMEOUT_S)))),
            )
            for step in self.main_steps
        ]
