"""python -m voice_build --work folder [--voices folder] [prompts | heads]: remake what `kiosk/voice` ships.

Hours of one core become an hour of two with --share 0/2 and 1/2, which only fill the folder of sounds.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from kiosk.voice.engine.embedding import Embedding
from kiosk.voice.prompts import load
from voice_build import heads, prompts
from voice_build.corpus import MENU, Corpus, Sounds
from voice_build.kokoro import Kokoro
from voice_build.voices import fetched


def main() -> None:
    """Fetch the voices, speak the corpus, train the heads, speak the prompts; each where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m voice_build", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("sounds", "heads", "prompts", "all"), default="all")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is kept between runs")
    parser.add_argument("--menu", type=Path, default=MENU, help="whose dishes are spoken")
    parser.add_argument("--share", default="0/1", help="which part of the sounds to speak: 1/2 is the second half")
    options = parser.parse_args()

    dishes: list[dict[str, Any]] = tomllib.loads(options.menu.read_text(encoding="utf-8"))["dishes"]
    corpus = Corpus({dish["id"]: dish["name"]["ko"] for dish in dishes})
    kokoro = Kokoro(voices=fetched(options.work), work=options.work)
    sounds = Sounds(corpus, kokoro, folder=options.work / "sounds")
    if options.what in ("sounds", "all"):
        at, of = (int(number) for number in options.share.split("/"))
        for utterance in corpus.utterances()[at::of]:
            sounds.of(utterance)
    if options.what in ("heads", "all"):
        _heads(corpus, sounds)
    if options.what in ("prompts", "all"):
        spoken = load((dish["id"], dish["name"]["ko"], dish["name"]["en"]) for dish in dishes)
        prompts.write(spoken, kokoro, corpus.phonemes)


def _heads(corpus: Corpus, sounds: Sounds) -> None:
    embedding, utterances = Embedding(), corpus.utterances()
    train, validate = (
        heads.examples(utterances, sounds, embedding.of, part, variants=variants)
        for part, variants in heads.VARIANTS.items()
    )
    fitted, figures = heads.fitted(train, validate)
    recipe = {
        "voices": corpus.voices,
        "variants": heads.VARIANTS,
        "hidden": heads.HIDDEN,
        "epochs": heads.EPOCHS,
        "seed": heads.SEED,
    }
    heads.write(fitted, figures, recipe)


if __name__ == "__main__":
    main()
