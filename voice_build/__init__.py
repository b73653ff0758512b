"""The recipe of the voice's files: spoken prompts, and the heads that hear words the lexicon lacks."""
