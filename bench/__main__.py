"""`python -m bench`: every measurement of docs/performance.md, one after the other. About fifteen minutes.

Close other programs: the figures are ratios within one run, but a busy machine makes them less exact.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

PROGRAMS = (
    "bench.dispatch",
    "bench.worker",
    "bench.path",
    "bench.queue",
    "bench.reload",
    "bench.yolo",
    "bench.training",
    "bench.heads",
    "bench.edge",
)


def processor() -> str:
    """The processor's model name, or what `platform` knows of it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def main() -> int:
    """Run all programs; return the exit status of the first failure, or 0."""
    programs = "\n".join(f"  python -m {program}" for program in PROGRAMS)
    argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\nThe programs, each with its own --help:\n{programs}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    print(f"{os.cpu_count()} × {processor()}, {system}")
    for program in PROGRAMS:
        print(f"\n=== {program}", flush=True)
        if status := subprocess.run([sys.executable, "-m", program], check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
