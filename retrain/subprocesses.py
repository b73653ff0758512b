"""The processes that a training starts: they end when it ends, and their environment holds no secrets."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PDEATHSIG: Final = Path(__file__).with_name("pdeathsig.py")
# What a program needs to run, to find its libraries and its GPU, and to get out through a proxy. Whatever else lies in
# the environment may be a key to something, and stays here.
_NAMES: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    }
)
_PREFIXES: Final = (
    *("LC_", "PYTHON", "SSL_CERT_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "OPENVINO_", "GLOO_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "CUBLAS_", "TORCH", "PYTORCH_"),
)


def surroundings(*prefixes: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without what a child need not know; `prefixes` of names are let through, too."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in _NAMES or name.startswith((*_PREFIXES, *prefixes))
    }


def with_pdeathsig(command: Sequence[str], sent: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command, set to get the signal `sent` when the process that starts it dies, however that dies."""
    return [sys.executable, "-S", "-E", str(PDEATHSIG), str(os.getpid()), str(sent.value), *command]


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command that is killed when the thread that called this ends, however it ends. OSError when it can't."""
    if shutil.which(command[0]) is None:  # otherwise pdeathsig.py would fail, with a traceback
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    return subprocess.Popen(with_pdeathsig(command), **options)
