"""Hangul to the phonemes of Kokoro: Korean as it is pronounced, in the IPA signs of that model's vocabulary.

The rules are those of the Standard Pronunciation (표준 발음법), as far as a menu needs them: liaison, neutral codas,
aspiration with ㅎ, nasals, ㄹ beside ㄴ, palatalisation before 이, tense consonants after an obstruent coda.
What only a dictionary knows (tense consonants inside compounds: 김밥 is said [김빱]) is spelled out by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

ONSETS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS: Final = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST: Final = ord("가")

_PARTS: Final = {
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ",
    "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip
_NEUTRAL: Final = {
    "ㄱ": "ㄱ", "ㄲ": "ㄱ", "ㅋ": "ㄱ", "ㄳ": "ㄱ", "ㄺ": "ㄱ",
    "ㄷ": "ㄷ", "ㅅ": "ㄷ", "ㅆ": "ㄷ", "ㅈ": "ㄷ", "ㅊ": "ㄷ", "ㅌ": "ㄷ", "ㅎ": "ㄷ",
    "ㅂ": "ㅂ", "ㅍ": "ㅂ", "ㅄ": "ㅂ", "ㄿ": "ㅂ",
    "ㄴ": "ㄴ", "ㄵ": "ㄴ", "ㄶ": "ㄴ", "ㅁ": "ㅁ", "ㄻ": "ㅁ", "ㅇ": "ㅇ",
    "ㄹ": "ㄹ", "ㄼ": "ㄹ", "ㄽ": "ㄹ", "ㄾ": "ㄹ", "ㅀ": "ㄹ",
}  # fmt: skip
_ASPIRATED: Final = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_TENSE: Final = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
_NASAL: Final = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}

_ONSET_IPA: Final = {
    "ㄱ": "k", "ㄲ": "ʔk", "ㅋ": "kʰ", "ㄷ": "t", "ㄸ": "ʔt", "ㅌ": "tʰ", "ㅂ": "p", "ㅃ": "ʔp", "ㅍ": "pʰ",
    "ㅈ": "ʨ", "ㅉ": "ʔʨ", "ㅊ": "ʨʰ", "ㅅ": "s", "ㅆ": "ʔs", "ㅎ": "h", "ㄴ": "n", "ㅁ": "m", "ㄹ": "ɾ", "ㅇ": "",
}  # fmt: skip
_VOICED: Final = {"ㄱ": "ɡ", "ㄷ": "d", "ㅂ": "b", "ㅈ": "ʥ"}
_CODA_IPA: Final = {"": "", "ㄱ": "k", "ㄷ": "t", "ㅂ": "p", "ㄴ": "n", "ㅁ": "m", "ㅇ": "ŋ", "ㄹ": "l"}
_VOWEL_IPA: Final = {
    "ㅏ": "a", "ㅐ": "e", "ㅑ": "ja", "ㅒ": "je", "ㅓ": "ʌ", "ㅔ": "e", "ㅕ": "jʌ", "ㅖ": "je", "ㅗ": "o", "ㅘ": "wa",
    "ㅙ": "we", "ㅚ": "we", "ㅛ": "jo", "ㅜ": "u", "ㅝ": "wʌ", "ㅞ": "we", "ㅟ": "wi", "ㅠ": "ju", "ㅡ": "ɯ",
    "ㅢ": "ɯi", "ㅣ": "i",
}  # fmt: skip
_I_LIKE: Final = frozenset("ㅣㅑㅕㅛㅠㅖㅒㅟ")


@dataclass(frozen=True, slots=True)
class Syllable:
    """One syllable block in its letters; `coda` is "" where there is none."""

    onset: str
    vowel: str
    coda: str


def syllables(word: str) -> list[Syllable]:
    """The letters of each syllable. Raises ValueError for anything but Hangul syllables."""
    if wrong := [sign for sign in word if not "가" <= sign <= "힣"]:
        raise ValueError(f"{word!r} has {wrong[0]!r}, which is no Hangul syllable; write it as it is said")
    numbers = (ord(sign) - _FIRST for sign in word)
    return [Syllable(ONSETS[n // 588], VOWELS[n % 588 // 28], CODAS[n % 28]) for n in numbers]


def pronounced(word: str) -> list[Syllable]:
    """The syllables as they are said: every coda one of ㄱㄴㄷㄹㅁㅂㅇ or none."""
    said = syllables(word)
    for at in range(len(said) - 1):
        said[at], said[at + 1] = _joined(said[at], said[at + 1])
    if said:
        said[-1] = replace(said[-1], coda=_NEUTRAL.get(said[-1].coda, ""))
    return said


def _joined(left: Syllable, right: Syllable) -> tuple[Syllable, Syllable]:
    """Two neighbours, after the rules at their border."""
    if not left.coda:
        return left, right
    coda, onset = (_liaison if right.onset == "ㅇ" else _contact)(left.coda, right)
    return replace(left, coda=coda), replace(right, onset=onset)


def _liaison(coda: str, right: Syllable) -> tuple[str, str]:
    """Coda and onset before a vowel: the coda's last consonant moves over."""
    stays, moves = _PARTS.get(coda, ("", coda))
    if coda == "ㅇ":
        return coda, "ㅇ"
    if moves == "ㅎ":  # 많아, 좋아: ㅎ is silent, what is before it moves
        return "", stays or "ㅇ"
    if right.vowel == "ㅣ" and moves in "ㄷㅌ":  # 같이
        moves = "ㅈ" if moves == "ㄷ" else "ㅊ"
    return stays, "ㅆ" if stays and moves == "ㅅ" else moves


def _contact(coda: str, right: Syllable) -> tuple[str, str]:
    """Coda and onset before a consonant."""
    onset, neutral = right.onset, _NEUTRAL[coda]
    stays, last = _PARTS.get(coda, ("", coda))
    aspirates = last == "ㅎ" and onset in _ASPIRATED  # 좋고, 많다
    rules = (
        (aspirates, (_NEUTRAL.get(stays, ""), _ASPIRATED.get(onset, onset))),
        (last == "ㅎ" and onset == "ㅅ", (_NEUTRAL.get(stays, ""), "ㅆ")),
        (onset == "ㅎ" and neutral in _ASPIRATED, ("", _ASPIRATED.get("ㅈ" if last == "ㅈ" else neutral, ""))),  # 축하
        (onset in _TENSE and neutral in _NASAL, (neutral, _TENSE.get(onset, onset))),  # 떡볶이
        (onset == "ㄹ" and neutral not in "ㄴㄹ", (_NASAL.get(neutral, neutral), "ㄴ")),
        (onset in "ㄴㅁ" and neutral in _NASAL, (_NASAL.get(neutral, neutral), onset)),  # 합니다
        (neutral + onset in ("ㄴㄹ", "ㄹㄴ"), ("ㄹ", "ㄹ")),
    )
    return next((result for holds, result in rules if holds), (neutral, onset))


def phonemes(text: str) -> str:
    """A text of Hangul, spaces and , . ! ? as phonemes. Raises ValueError for other signs."""
    spoken, word = "", ""
    for sign in text + " ":
        if sign in " ,.!?":
            spoken, word = spoken + _ipa(pronounced(word)) + sign, ""
        else:
            word += sign
    return spoken.rstrip(" ")


def _ipa(said: list[Syllable]) -> str:
    signs = ""
    for at, syllable in enumerate(said):
        before = said[at - 1].coda if at else None
        signs += _onset(syllable, before)
        signs += "i" if syllable.vowel == "ㅢ" and syllable.onset != "ㅇ" else _VOWEL_IPA[syllable.vowel]
        signs += _CODA_IPA[syllable.coda]
    return signs


def _onset(syllable: Syllable, before: str | None) -> str:
    """`before`: the coda before it, "" after a vowel, None at the beginning of a word."""
    onset = syllable.onset
    if onset == "ㄹ" and before == "ㄹ":
        return "l"
    if before in ("", "ㄴ", "ㅁ", "ㅇ", "ㄹ") and onset in _VOICED:
        return _VOICED[onset]
    ipa = _ONSET_IPA[onset]
    if before and ipa.startswith("ʔ"):  # the coda closes it already
        ipa = ipa[1:]
    if onset in "ㅅㅆ" and syllable.vowel in _I_LIKE:
        ipa = ipa.replace("s", "ɕ")
    return ipa
