"""The spoken prompts: each text has its file, each file its digest, and a shop's own recording is played first."""

from __future__ import annotations

import re
from pathlib import Path

from kiosk.menu.menu import Menu
from kiosk.voice.prompts import FOLDER, LANGUAGES, digests, find, load, manifest


def test_every_prompt_is_spoken_and_has_the_text_of_its_caption() -> None:
    """In both languages. After a change of a text or of the menu: make voices."""
    prompts = load((dish.id, dish.name.ko, dish.name.en) for dish in Menu.load().dishes)
    spoken = {f"{language}/{one.name}.ogg": one.text(language) for one in prompts for language in LANGUAGES}
    files = {name: fields["text"] for name, fields in manifest()["files"].items()}

    assert files == spoken


def test_the_files_are_those_that_the_recipe_made() -> None:
    """By their digests; all together a download of a second."""
    assert digests() == {name: fields["sha256"] for name, fields in manifest()["files"].items()}
    assert sum(file.stat().st_size for file in FOLDER.glob("*/*.ogg")) < 3_000_000
    assert [file for file in FOLDER.glob("*/*.ogg") if file.read_bytes()[28:36] != b"OpusHead"] == []


def test_the_prompts_are_calm() -> None:
    """About four syllables a second where a sentence is long enough to count, and none is longer than eight seconds."""
    files = manifest()["files"]
    rates = {
        name: fields["syllables_a_second"]
        for name, fields in files.items()
        if len(re.findall("[가-힣]", fields["text"])) > 5
    }

    assert {name: rate for name, rate in rates.items() if not 3.2 <= rate <= 4.8} == {}
    assert {name: fields for name, fields in files.items() if not 0.2 < fields["seconds"] < 8} == {}


def test_names_fit_the_agents_address() -> None:
    """GET /api/prompts/<language>/<name>.ogg takes lower-case letters, digits and hyphens."""
    assert [one.name for one in load() if not re.fullmatch("[a-z0-9-]{1,64}", one.name)] == []


def test_a_recording_of_the_shop_is_played_instead(tmp_path: Path) -> None:
    """A file of the same name in an earlier folder wins; without one ours is played; without ours there is none."""
    own = tmp_path / "ko" / "added.ogg"
    own.parent.mkdir()
    own.write_bytes(b"OggS")

    assert find("ko", "added", (tmp_path, FOLDER)) == own
    assert find("en", "added", (tmp_path, FOLDER)) == FOLDER / "en" / "added.ogg"
    assert find("ko", "no-such-prompt", (tmp_path, FOLDER)) is None
