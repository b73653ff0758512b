"""Kokoro's voices: the npm package kokoro-js carries them, one file each."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "kokoro-js@1.2.1"
SHA256: Final = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"


def fetched(work: Path) -> Path:
    """The folder of voices (`<voice>.bin`), fetched once. Raises ValueError when the package is not the pinned one."""
    folder = work / "package" / "voices"
    if not folder.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=work, check=True, timeout=300)
        file = work / "kokoro-js-1.2.1.tgz"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest != SHA256:
            raise ValueError(f"{PACKAGE} has digest {digest}, not {SHA256}; nothing of it was used")
        with tarfile.open(file) as archive:
            voices = [one for one in archive.getmembers() if one.name.startswith("package/voices/")]
            archive.extractall(work, members=voices, filter="data")
    return folder
