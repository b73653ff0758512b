"""From what was gathered to a dataset: chosen, split, balanced, looked over, laid out, put down in a manifest."""
