"""English to the phonemes of Kokoro, by misaki's dictionary; Korean words in English are said in Korean."""

from __future__ import annotations

import importlib.resources
import json
import re
from functools import cache
from typing import Any, Final

from voice_build import hangul

# Words of the menu that the dictionary lacks or says otherwise (a sundae is ice cream), in Hangul as they are said.
KOREAN: Final = {
    "tteokbokki": "떡뽀끼", "rabokki": "라보끼", "gimbap": "김빱", "sundae": "순대", "ramyeon": "라면", "udon": "우동",
    "bibimbap": "비빔빱", "kimchi": "김치", "sikhye": "시켸", "mandu": "만두", "eomuk": "어묵", "twigim": "튀김",
}  # fmt: skip
OTHERS: Final = {"rosé": "ɹOzˈA", "the": "ðə", "a": "ɐ", "ordering": "ˈɔɹdəɹɪŋ", "listening": "lˈɪsᵊnɪŋ"}


@cache
def _dictionary() -> dict[str, Any]:
    file = importlib.resources.files("misaki") / "data" / "us_gold.json"
    words: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return words


def phonemes(text: str) -> str:
    """A text of words and , . ! ? as phonemes. Raises ValueError for a word that is not in the dictionary."""
    parts = re.findall(r"[^\W\d_]+(?:'[a-z]+)?|[,.!?]", text.replace("-", " ").replace("&", "and"))
    spoken = "".join(part if part in ",.!?" else " " + _word(part) for part in parts)
    return spoken.strip()


def syllables(text: str) -> int:
    """How many are said: one for each vowel of the phonemes."""
    return len(re.findall(r"[aeiouɑɐɒæəɚɛɜɪɔʊʌɨɯᵊᵻAIOQWY]+", phonemes(text)))


def _word(word: str) -> str:
    lower = word.lower()
    if lower in KOREAN:
        return hangul.phonemes(KOREAN[lower])
    if lower in OTHERS:
        return OTHERS[lower]
    for form in (lower, word, lower.removesuffix("s")):
        said = _dictionary().get(form)
        if said is not None:
            base: str = said["DEFAULT"] if isinstance(said, dict) else said
            return base + ("z" if form not in (lower, word) else "")
    raise ValueError(f"no pronunciation of {word!r}; give one in voice_build/english.py")
