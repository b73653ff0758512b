"""The documents agree with the code: settings, examples, links, make targets.

`python -m tests.docs.test_documents` rewrites the tables of settings.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from config.mode import Mode
from config.nunchi_toml import Config
from config.nunchi_toml import describe as describe_config
from contracts.messages import Reason, Status
from contracts.settings import describe
from lambdas.dispatch import DispatchSettings
from lambdas.enrol import EnrolSettings
from lambdas.health_probe import HealthProbeSettings
from ops.cost.demand import PHOTOS_A_SHOP
from ops.cost.estimate import FOR_ONE_SHOP, choices
from ops.cost.prices import load_prices
from recipes.kiosk.message import LabelMessage
from retrain.settings import RetrainSettings
from worker.settings import WorkerSettings
from worker.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs" / "settings.md"
PROGRAMS: dict[str, type] = {
    "worker": WorkerSettings,
    "dispatch": DispatchSettings,
    "enrol": EnrolSettings,
    "watch": HealthProbeSettings,
    "retrain": RetrainSettings,
}
MACHINE_DEFAULTS = {
    "NUNCHI_MODEL": "the recipe's own",
    "NUNCHI_TRIAL_PICTURE": "a portrait in the public domain",
    "NUNCHI_TRAINER_PYTHON": "`.venv-trainer/bin/python` beside the code",
    "NUNCHI_MODEL_THREADS": "the number of processors",
    "NUNCHI_UPLOAD_QUEUE_URL": "none: mode `command`",
    "NUNCHI_SWEEP_EVERY_S": "`180`; with a queue `3600`",
}
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()


def settings_table(program: str) -> str:
    """The Markdown table of a program's settings, as `docs/settings.md` must hold it."""
    rows = []
    for setting in describe(PROGRAMS[program]):
        default = (
            "must be given"
            if setting.default is None
            else MACHINE_DEFAULTS.get(setting.name, _default(setting.default))
        )
        rows.append(f"| `{setting.name}` | {setting.help} | {default} |")
    return "\n".join(["| name | what | default |", "|---|---|---|", *rows])


def _default(text: str) -> str:
    return "none" if text == "None" else f"`{text}`"


def operators_table() -> str:
    """The Markdown table of nunchi.toml."""
    rows = [f"| `{setting.name}` | {setting.help} | `{setting.default}` |" for setting in describe_config()]
    return "\n".join(["| name | what | default |", "|---|---|---|", *rows])


def with_tables(text: str) -> str:
    """The text of docs/settings.md with current tables between its marks."""
    tables = {program: settings_table(program) for program in PROGRAMS} | {"nunchi.toml": operators_table()}
    for name, table in tables.items():
        start, end = f"<!-- settings: {name} -->\n", "<!-- end -->"
        before, mark, rest = text.partition(start)
        assert mark, f"docs/settings.md has no mark for the table of {name}: {start.strip()}"
        _, _, after = rest.partition(end)
        text = f"{before}{start}{table}\n{end}{after}"
    return text


def test_the_tables_of_settings_list_every_setting_of_the_programs() -> None:
    assert SETTINGS.read_text() == with_tables(SETTINGS.read_text())


def test_the_message_shown_to_kiosk_makers_follows_the_schema() -> None:
    text = (ROOT / "docs" / "kiosk-makers.md").read_text()
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    schema = json.loads((ROOT / "docs" / "label-message.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(example[1]))
    LabelMessage.from_json(example[1])


def test_the_page_for_kiosk_makers_names_every_status_and_reason() -> None:
    text = (ROOT / "docs" / "kiosk-makers.md").read_text()
    assert [word for word in (*Status, *Reason) if f"`{word}`" not in text] == []


def test_the_operators_page_names_every_metric_and_no_other() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    families = [family for family in Metrics().registry.collect() if family.name.startswith("nunchi_")]
    assert [family.name for family in families if family.name not in text] == []
    assert set(re.findall(r"`(nunchi_[a-z_]+?)(?:_total)?[`{]", text)) <= {family.name for family in families}


@pytest.mark.parametrize("document", TRACKED)
def test_every_link_to_a_file_resolves(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    local = [link for link in links if not link.startswith(("http:", "https:"))]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", TRACKED)
def test_no_document_has_an_unfilled_placeholder(document: str) -> None:
    text = (ROOT / document).read_text()
    assert re.findall(r"%[A-Z]+%", text) == []
    assert re.findall(r"<!-- output: [^>]*-->\n```console\n\$ [^\n]*\n```", text) == []


@pytest.mark.parametrize("document", TRACKED)
def test_every_make_target_named_in_a_document_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / document).read_text()))
    assert named <= targets


if __name__ == "__main__":
    SETTINGS.write_text(with_tables(SETTINGS.read_text()))


def test_the_prices_for_one_shop_are_those_of_nunchi_cost() -> None:
    """In the page for operators, to the cent."""
    text = (ROOT / "docs" / "operating.md").read_text()
    table = text.partition("<!-- one shop -->\n")[2].partition("<!-- / -->")[0]
    said = [row.strip("| ").split(" | ") for row in table.strip().splitlines()[2:]]
    found = {
        (one.instance_type, one.mode): f"{one.usd:.2f}"
        for one in choices(Config(), load_prices("ap-northeast-2"), photos_a_day=PHOTOS_A_SHOP)
    }
    assert said == [[kind, found[kind, Mode.COMMAND], found[kind, Mode.QUEUE]] for kind in FOR_ONE_SHOP]
