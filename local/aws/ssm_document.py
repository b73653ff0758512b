"""SSM documents of schema 2.2, as far as the local agent supports them: shell lines, parameters by ENV_VAR.

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


class ParameterRefused(ValueError):
    """A parameter is missing, unknown or not allowed; nothing was run."""


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """Shell lines, ready to run; parameters are in `environ`."""

    name: str
    script: str
    environ: Mapping[str, str]
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Document:
    """A Command document: the allowed pattern of each parameter, and its steps."""

    patterns: Mapping[str, re.Pattern[str]]
    main_steps: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, content: str) -> Document:
        """Parse the JSON of a document; DocumentUnsupported for another schema, action or kind of parameter."""
        fields = json.loads(content)
        parameters = fields.get("parameters", {})
        for key, value, supported in (
            ("schemaVersion", fields.get("schemaVersion"), "2.2"),
            *(("action", step["action"], SHELL) for step in fields["mainSteps"]),
            *(("interpolationType", each.get("interpolationType"), "ENV_VAR") for each in parameters.values()),
        ):
            if value != supported:
                raise DocumentUnsupported(f"{key} {value!r} is not supported here, only {supported!r}")
        patterns = {name: re.compile(declared.get("allowedPattern", "")) for name, declared in parameters.items()}
        return cls(patterns, tuple(fields["mainSteps"]))

    def steps(self, parameters: Mapping[str, Sequence[str]]) -> list[DocumentStep]:
        """The steps with these parameters; ParameterRefused when one is unknown, missing or not allowed."""
        if unknown := parameters.keys() - self.patterns:
            raise ParameterRefused(f"the document has no parameter {', '.join(sorted(unknown))}")
        environ = {f"SSM_{name}": self._value(name, parameters.get(name, ())) for name in self.patterns}
        return [
            DocumentStep(
                name=step["name"],
                script="\n".join(step["inputs"]["runCommand"]) + "\n",
                environ=environ,
                timeout_s=float(step["inputs"]["timeoutSeconds"]),
            )
            for step in self.main_steps
        ]

    def _value(self, name: str, values: Sequence[str]) -> str:
        if len(values) != 1:
            raise ParameterRefused(f"parameter {name} needs one value, not {len(values)}")
        if not self.patterns[name].search(values[0]):
            raise ParameterRefused(f"parameter {name} does not match {self.patterns[name].pattern}")
        return values[0]
