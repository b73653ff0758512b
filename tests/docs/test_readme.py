"""What the README promises is what is measured elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_a_reader_is_led_to_law_and_consent_before_the_first_customer() -> None:
    operating = (ROOT / "docs" / "operating.md").read_text()
    assert "\n## Law and consent\n" in operating
    assert "(docs/operating.md#law-and-consent)" in README
    assert "(#law-and-consent)" in operating.partition("**1. Configure.**")[0]


def test_where_cdk_is_typed_its_folder_is_on_the_path_before() -> None:
    """It is in node_modules: no other line puts it there."""
    for page in ("README.md", "docs/operating.md"):
        text = (ROOT / page).read_text()
        before, typed, _ = re.split(r"^(?:\$ )?(cdk) ", text, maxsplit=1, flags=re.MULTILINE)
        assert typed
        assert "PATH=$PWD/node_modules/.bin:$PATH" in before, page


def test_words_of_ours_are_explained_where_they_first_stand() -> None:
    def first(page: str, word: str) -> str:
        """The text around the first mention of a word."""
        text = " ".join((ROOT / page).read_text().split())
        at = re.search(rf"\b{word}", text)
        assert at is not None, f"{page} does not mention {word}"
        return text[max(0, at.start() - 80) : at.end() + 80]

    explained = {
        ("README.md", "sweep"): "search for uploads without a result",
        ("README.md", "tickets"): "the names of photos that a command carries",
        ("README.md", "first kiosk"): "the system before Nunchi",
        ("README.md", "golden"): "checked by people, never used for training",
        ("docs/operating.md", "sweep"): "search for uploads without a result",
        ("docs/operating.md", "tickets"): "a line of text for each photo",
        ("docs/data-people.md", "moment "): "the photos of one kiosk within a minute",
    }
    assert [key for key, meaning in explained.items() if meaning not in first(*key)] == []
