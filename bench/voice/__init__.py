"""What the kiosk's voice hears, and what it wrongly hears: `python -m bench.voice`."""
