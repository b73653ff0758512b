"""docs/security.md names tests that exist, and lists every `*` that the stacks allow, with its reason.

`python -m tests.security.test_documents` writes the list anew.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.infra.assembly import shared, synthesise

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
START, END = "<!-- wildcards -->\n", "<!-- end -->"
BOUNDARIES = 9
MODES = ("command", "queue")


def wildcards(folder: Path) -> set[tuple[str, str, str]]:
    """Whose policy, what it allows a `*` on, and why: the acknowledged findings of cdk-nag's IAM5 in an assembly."""
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return {
        (whose(construct["constructPath"]), on(finding["ruleName"]), finding["reason"])
        for report in reports
        for finding in report["suppressedViolations"]
        for construct in finding["violatingConstructs"]
        if "-IAM5[" in finding["ruleName"]
    }


def whose(path: str) -> str:
    """`NunchiPipeline/Enrol/Role/DefaultPolicy/Resource` → `Enrol/Role`."""
    return path.split("/", 1)[1].removesuffix("/Resource").removesuffix("/DefaultPolicy")


def on(rule: str) -> str:
    """`…IAM5[Resource::<BucketsImages16C2C5AC.Arn>/uploads/*]` → `images bucket /uploads/*`; generated names go."""
    resource = rule.partition("::")[2].removesuffix("]").replace("<AWS::AccountId>", "")
    resource = re.sub(r"<Buckets(\w+?)[0-9A-F]{8}\.Arn>", lambda bucket: f"{bucket[1].lower()} bucket ", resource)
    resource = re.sub(
        r"\w+:ExportsOutputFnGetAttBuckets(\w+?)[0-9A-F]{8}Arn[0-9A-F]{8}",
        lambda bucket: f"{bucket[1].lower()} bucket ",
        resource,
    )
    resource = re.sub(r"arn:[^:]+:(\w+):[^:]*::", r"\1 ", resource)
    return re.sub(r"<(\w+?)[0-9A-F]{8}(?:\.Arn)?>", r"<\1>", resource)


def table(found: set[tuple[str, str, str]]) -> str:
    rows = [f"| `{who}` | `{what}` | {why} |" for who, what, why in sorted(found)]
    return "\n".join(["| whose policy | on what | why |", "|---|---|---|", *rows]) + "\n"


def with_table(text: str, found: set[tuple[str, str, str]]) -> str:
    before, _, rest = text.partition(START)
    return before + START + table(found) + END + rest.partition(END)[2]


@pytest.fixture(scope="module")
def acknowledged(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, str]]:
    return of_all(shared(tmp_path_factory, mode) for mode in MODES)


def of_all(assemblies: Iterable[Path]) -> set[tuple[str, str, str]]:
    return set().union(*map(wildcards, assemblies))


def test_every_wildcard_of_every_policy_is_on_the_page_with_its_reason(acknowledged: set[tuple[str, str, str]]) -> None:
    assert acknowledged
    assert PAGE.read_text() == with_table(PAGE.read_text(), acknowledged)


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE.read_text())
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or not re.search(rf"def {name}\(", (ROOT / path).read_text())
    ]
    assert missing == []


def test_every_boundary_says_what_stops_a_threat_which_test_proves_it_and_what_remains() -> None:
    """No row without its proof, and no boundary that claims to be perfect."""
    sections = re.findall(r"^### \d+\. .*?(?=^##)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(sections) == BOUNDARIES
    for section in sections:
        rows = re.findall(r"^\| (?!threat|---)(.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
        assert rows and all("::test_" in proof or proof.startswith("the same") for _, _, proof in rows), section[:40]
        assert "*Remains:*" in section, section[:40]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(
            with_table(PAGE.read_text(), of_all(synthesise(Path(scratch) / mode, NUNCHI_MODE=mode) for mode in MODES))
        )
