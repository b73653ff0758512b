"""Synthesis as a whole: needs nobody's network or account, says the same each time, and passes the rule packs."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.infra.assembly import CONTEXT, ROOT, Template, synthesise

LARGEST_ZIP = 50 * 1024


@pytest.fixture
def code(assembly: Path) -> Path:
    """The folder that becomes the zip of the dispatch function."""
    assets = json.loads((assembly / "NunchiPipeline.assets.json").read_text())["files"].values()
    [source] = [
        source["path"]
        for source in (asset["source"] for asset in assets)
        if (assembly / source["path"] / "lambdas" / "dispatch.py").exists()
    ]
    return assembly / str(source)


def test_synthesis_asks_no_account_and_no_network(assembly: Path) -> None:
    """Look-ups in an account would be listed as missing; a stack of a known account would name it."""
    fields = json.loads((assembly / "manifest.json").read_text())
    stacks = {name: one for name, one in fields["artifacts"].items() if one["type"] == "aws:cloudformation:stack"}
    assert fields.get("missing", []) == []
    assert {name: one["environment"] for name, one in stacks.items()} == {
        "NunchiBudget": "aws://unknown-account/ap-northeast-2",
        "NunchiPipeline": "aws://unknown-account/ap-northeast-2",
        "NunchiCompute": "aws://unknown-account/ap-northeast-2",
        "NunchiHealth": "aws://unknown-account/ap-northeast-2",
        "NunchiTraining": "aws://unknown-account/ap-northeast-2",
    }


def test_synthesis_says_the_same_each_time(assembly: Path, tmp_path: Path) -> None:
    """Else an unchanged tree would have a diff to deploy. The order of Python's sets differs between the two runs."""
    again = synthesise(tmp_path, PYTHONHASHSEED="2")

    def deployed(folder: Path) -> dict[str, str]:
        files = [*folder.glob("*.template.json"), *folder.glob("*.assets.json"), *folder.glob("asset.*/**/*.py")]
        return {str(path.relative_to(folder)): path.read_text() for path in files}

    assert deployed(again) == deployed(assembly)


@pytest.mark.parametrize(("mode", "kms"), [("command", "true"), ("queue", "false")])
def test_synthesis_in_another_region_names_no_other(tmp_path: Path, mode: str, kms: str) -> None:
    """In both modes, with and without a key: Seoul is a setting, not a habit."""
    file = tmp_path / "nunchi.toml"
    file.write_text(f'region = "us-east-1"\nmode = "{mode}"\n[security]\nkms = {kms}\n')
    folder = synthesise(tmp_path / "out", NUNCHI_CONFIG=str(file))
    templates = sorted(folder.glob("*.template.json"))
    assert len(templates) == 5
    for template in templates:
        text = template.read_text()
        assert "ap-northeast-2" not in text, template.name
    fields = json.loads((folder / "manifest.json").read_text())
    stacks = [one for one in fields["artifacts"].values() if one["type"] == "aws:cloudformation:stack"]
    assert {one["environment"] for one in stacks} == {"aws://unknown-account/us-east-1"}
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    assert [report["violations"] for report in reports] == [[], []]


@pytest.mark.parametrize("mode", ["assembly", "queue_assembly"])
def test_every_finding_of_the_security_rules_is_mended_or_explained(request: pytest.FixtureRequest, mode: str) -> None:
    """Two packs of cdk-nag, in both modes: what is left unexplained would be listed as a violation."""
    report = request.getfixturevalue(mode) / "validation-report.json"
    reports = json.loads(report.read_text())["pluginReports"]
    assert {report["pluginName"]: (report["conclusion"], report["violations"]) for report in reports} == {
        "AwsSolutions": ("success", []),
        "Serverless": ("success", []),
    }


@pytest.mark.parametrize("mode", ["assembly", "queue_assembly"])
def test_the_templates_follow_cloudformations_schemas(request: pytest.FixtureRequest, mode: str) -> None:
    """The same check as `make synth`. W3005, a dependency said twice, is how the CDK writes."""
    templates = sorted(map(str, request.getfixturevalue(mode).glob("*.template.json")))
    linter = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--", *templates]
    answer = subprocess.run(linter, capture_output=True, text=True, check=False, timeout=300)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_the_mode_can_be_switched_on_what_is_deployed(assembly: Path, queue_assembly: Path) -> None:
    """CloudFormation takes away no export that another stack has yet to let go of: both modes export the same."""
    command, queue = (
        {
            output["Export"]["Name"]
            for stack in ("NunchiPipeline", "NunchiTraining", "NunchiCompute")
            for output in Template(folder / f"{stack}.template.json").fields["Outputs"].values()
            if "Export" in output
        }
        for folder in (assembly, queue_assembly)
    )
    assert command == queue
    assert len(command) > 10, "what the stacks need of each other is exported"


def test_the_dispatch_zip_holds_the_contracts_and_one_file(code: Path) -> None:
    """No bytecode, no other function, no third-party package."""
    contracts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "contracts").rglob("*.py")}
    assert {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()} == {
        *contracts,
        "lambdas/__init__.py",
        "lambdas/dispatch.py",
    }


def test_the_dispatch_zip_is_small(code: Path) -> None:
    """A cold start fetches and unpacks it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in code.rglob("*"):
            archive.write(path, path.relative_to(code))
    assert packed.tell() < LARGEST_ZIP


def test_the_handler_is_in_the_zip_and_runs_without_the_repository(code: Path, pipeline: Template) -> None:
    """Imported from the unpacked zip alone: every module it needs came along."""
    handler = pipeline.resource("DispatchFunctionName")["Properties"]["Handler"]
    module, _, name = handler.rpartition(".")
    program = (
        f"import sys; sys.path[:] = [{str(code)!r}, *(p for p in sys.path if p != {str(ROOT)!r})]; "
        f"import {module} as it, contracts; print(it.__file__, contracts.__file__, {name!r})"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True, check=True, cwd=code, timeout=60
    )
    assert answer.stdout.split() == [f"{code}/lambdas/dispatch.py", f"{code}/contracts/__init__.py", "handler"]


@pytest.mark.parametrize(
    "flag", ["@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy", "@aws-cdk/aws-iam:minimizePolicies"]
)
def test_the_flags_that_the_stacks_rely_on_are_set(flag: str) -> None:
    """Without the first, buckets that forbid ACLs can't be logged; without the second, policies repeat themselves."""
    assert CONTEXT[flag] is True
