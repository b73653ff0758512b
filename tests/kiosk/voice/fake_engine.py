"""A voice engine for tests, over the real protocol: what it "hears" stands in the sound itself, as text.

python fake_engine.py [behaviour]: `dies`, `hangs` or `babbles` no JSON at the first stop; `refuses` to get ready.
"""

from __future__ import annotations

import os
import sys
import time

from kiosk.voice.framing import frame, read


def main(behaviour: str) -> None:
    fed = b""
    while (request := read(sys.stdin.buffer)) is not None:
        fields, body = request
        if fields["do"] == "menu":
            if behaviour == "refuses":
                sys.exit(3)
            answer({"ready": True, "unheard": [], "pid": os.getpid()})
        elif fields["do"] == "start":
            fed = b""
        elif fields["do"] == "feed":
            fed += body
        elif behaviour == "dies":
            sys.exit(4)
        elif behaviour == "hangs":
            time.sleep(60)
        elif behaviour == "babbles":
            sys.stdout.buffer.write(b"no json\n")
            sys.stdout.buffer.flush()
        else:
            words = fed.decode().split()
            answer({"id": fields["id"], "status": "understood" if words else "nothing", "words": words})


def answer(fields: dict[str, object]) -> None:
    sys.stdout.buffer.write(frame(fields))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
