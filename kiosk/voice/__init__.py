"""Push to talk in easy mode. An extra: without it, everything is touched."""
