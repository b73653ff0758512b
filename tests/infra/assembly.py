"""What `cdk synth` wrote, as tests read it: by type and by meaning, never by generated name."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTEXT: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
# An operator who wrote settings of their own.
OPERATOR = """
region = "ap-northeast-2"
[hours]
zone = "Asia/Seoul"
windows = ["11:00-14:30", "17:00-02:00"]
closed_dates = [2027-02-07]
[alarms]
email = "shop@example.com"
slow_ms = 1500
certificate_days = 90
budget_usd = 42.5
[training]
period_days = 1
least_new_labels = 7
spot = false
"""
# Other sizes and hours, too.
QUEUE_AND_KEY = """
mode = "queue"
[security]
kms = true
[queue]
least = 3
most = 3
warm_pool = 0
[hours]
zone = "Europe/Berlin"
[hours.days]
sunday = []
"""
# Name → environment; of NUNCHI_CONFIG the text of the file.
SHARED: Mapping[str, Mapping[str, str]] = {
    "command": {"PYTHONHASHSEED": "1"},
    "queue": {"NUNCHI_MODE": "queue"},
    "key": {"NUNCHI_CONFIG": "[security]\nkms = true\n"},
    "operator": {"NUNCHI_CONFIG": OPERATOR},
    "queue and key": {"NUNCHI_CONFIG": QUEUE_AND_KEY},
    "keeps no photo": {"NUNCHI_CONFIG": 'recipe = "face-score"\n'},
}


def synthesise(folder: Path, **environ: str) -> Path:
    """Run the app as the CDK's command line does, with no account, no region and no credentials in its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        check=True,
        timeout=300,
        env={
            **kept,
            # The app's other half runs on the node that the virtual environment brings.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "CDK_OUTDIR": str(folder),
            "CDK_CONTEXT_JSON": json.dumps(CONTEXT),
            **environ,
        },
    )
    return folder


def shared(folders: pytest.TempPathFactory, name: str) -> Path:
    """The folder of a synthesis that all processes of a test run share: the first that asks makes it."""
    base = folders.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"assembly-{name}"
    folder.mkdir(exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with this process, should it die meanwhile
        if not done.exists():
            environ = {**SHARED[name]}
            if "NUNCHI_CONFIG" in environ:
                (folder / "nunchi.toml").write_text(environ["NUNCHI_CONFIG"])
                environ["NUNCHI_CONFIG"] = str(folder / "nunchi.toml")
            synthesise(folder / "out", **environ)
            done.touch()
    return folder / "out"


class Template:
    """One synthesised stack."""

    def __init__(self, path: Path) -> None:
        self.fields: dict[str, Any] = json.loads(path.read_text())
        self.resources: dict[str, dict[str, Any]] = self.fields["Resources"]
        # Those for people and programs; what other stacks need has outputs with generated names.
        self.outputs: dict[str, Any] = {
            name: output["Value"]
            for name, output in self.fields.get("Outputs", {}).items()
            if not name.startswith(("ExportsOutput", "PublishOutput"))
        }
        self._output_of = {value["Ref"]: name for name, value in self.outputs.items() if "Ref" in value}

    def all(self, type_: str) -> list[dict[str, Any]]:
        """The properties of every resource of a type."""
        return [one.get("Properties", {}) for one in self.resources.values() if one["Type"] == type_]

    def one(self, type_: str) -> dict[str, Any]:
        [only] = self.all(type_)
        return only

    def resource(self, output: str) -> dict[str, Any]:
        """The resource that an output names."""
        return self.resources[self.fields["Outputs"][output]["Value"]["Ref"]]

    def behind(self, type_: str, **reference: str) -> dict[str, Any]:
        """The properties of the resource of a type one of whose properties refers to what an output names."""
        [(name, output)] = reference.items()
        [found] = [one for one in self.all(type_) if f"<{output}>" in self.text(one[name])]
        return found

    def text(self, value: Any) -> str:
        """A value with its references spelled out: `<ImagesBucket.Arn>/uploads/*`, `<AWS::Region>`."""
        match value:
            case str(text):
                pass
            case {"Ref": name}:
                text = f"<{self._output_of.get(name, name)}>"
            case {"Fn::GetAtt": [name, attribute]}:
                text = f"<{self._output_of.get(name, name)}.{attribute}>"
            case {"Fn::ImportValue": name}:
                text = f"<{name}>"
            case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": name}}:
                text = f"<{stack}:{name}>"
            case {"Fn::Sub": str(pattern)}:
                text = pattern.replace("${", "<").replace("}", ">")
            case {"Fn::Join": [separator, parts]}:
                text = str(separator).join(map(self.text, parts))
            case list():
                text = " ".join(map(self.text, value))
            case _:
                raise TypeError(f"no rule to spell out {value!r}")
        return text

    def allowed(self, policy: Mapping[str, Any]) -> set[tuple[str, str, str]]:
        """Every (action, resource, condition) that a policy document allows."""
        return {
            (action, self.text(resource), json.dumps(statement.get("Condition", {})))
            for statement in policy["Statement"]
            if statement["Effect"] == "Allow"
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
        }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
