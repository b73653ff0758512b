"""The child processes of a training: killed when it ends, and without the secrets in its environment."""

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
# What a program needs to run, to find its libraries and its GPU, and to use a proxy. Any other variable may be a
# secret, and is not passed on.
_NAMES: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    }
)
_PREFIXES: Final = (
    *("LC_", "PYTHON", "SSL_CERT_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "GLOO_"),
    *("CUDA_", "NVIDIA_", "NCCL_", "CUBLAS_", "TORCH", "PYTORCH_"),
)


def filtered_environ(*prefixes: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment variables on the allow-list, and those whose names start with one of `prefixes`."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in _NAMES or name.startswith((*_PREFIXES, *prefixes))
    }


def with_pdeathsig(command: Sequence[str], sent: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command, set to get the signal `sent` when the process that starts it dies, however that dies."""
    return [sys.executable, "-S", "-E", str(PDEATHSIG), str(os.getpid()), str(sent.value), *command]


def spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command that the kernel kills when the calling thread ends, however it ends. OSError on failure."""
    if shutil.which(command[0]) is None:  # otherwise the wrapper would start, and fail with a traceback of its own
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
    return subprocess.Popen(with_pdeathsig(command), **options)
