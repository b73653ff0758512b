"""A YOLOv5n on real people before drawn counters, beside the cascade: `python -m bench.portraits --help`."""
