"""The examples of docs/kiosk-makers.md that no other test runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "kiosk-makers.md").read_text()


def test_the_credentials_in_javascript_expire_as_a_date() -> None:
    """An SDK compares the expiry with the clock; text would never expire."""
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed (make setup)")
    block = re.search(r"<!-- run by tests/docs/test_kiosk_makers.py -->\n```js\n(.*?)```", PAGE, re.DOTALL)
    example = re.search(r'```\n(\{"credentials": .*?\})\n```', PAGE)
    assert block is not None
    assert example is not None
    script = f"""{block[1]}
const credentials = credentialsOf(JSON.parse(require("fs").readFileSync(0, "utf8")));
console.log(JSON.stringify([credentials.expiration instanceof Date, credentials]));"""
    told = subprocess.run([node, "-e", script], input=example[1], capture_output=True, text=True, check=True)
    is_date, credentials = json.loads(told.stdout)
    answer = json.loads(example[1])["credentials"]
    assert is_date
    assert credentials == answer | {"expiration": answer["expiration"].replace("Z", ".000Z")}


def test_a_fixed_image_id_is_used_by_no_command() -> None:
    """A second run would wait for a label that no photo gets again."""
    blocks = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    assert [block for block in blocks if re.search(r"/?[0-9a-z]{26}\.jpg", block)] == []
