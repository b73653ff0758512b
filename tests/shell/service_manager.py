"""A service manager for tests: reads the real unit files, starts and stops what they say, under another root folder.

User, sandbox and cgroup of a unit need the real one; `systemd-analyze` judges those (test_units.py). What is kept here:
command, environment, folders, umask, log, readiness and watchdog, the stop signal, and MemoryDenyWriteExecute, which
the kernel can do without systemd.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from retrain.subprocesses import with_pdeathsig

# What `systemctl` is on the PATH of a test: it hands its words over, and prints and exits as it is told.
CLIENT = """#!{python} -IS
import json, socket, sys
with socket.socket(socket.AF_UNIX) as manager:
    manager.connect({address!r})
    manager.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(json.loads(manager.makefile().readline()))
"""
# Between fork and exec: 65 is PR_SET_MDWE, which refuses memory that is written and run; its error is not the test's.
LAUNCHER = """
import ctypes, os, sys
os.umask(int(sys.argv[1], 8))
if sys.argv[2] == "yes":
    ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Unit:
    """A unit file, its paths moved under another root."""

    def __init__(self, path: Path, root: Path) -> None:
        self._root = root
        self._lines = [line.partition("=") for line in path.read_text().splitlines() if line[:1].isalpha()]

    def values(self, name: str) -> list[str]:
        return [value for key, _, value in self._lines if key == name]

    def value(self, name: str) -> str:
        return next(iter(self.values(name)), "")

    def moved(self, path: str) -> str:
        """An absolute path as it is under this root."""
        return f"{self._root}{path}" if path.startswith("/") else path

    def environment(self) -> dict[str, str]:
        settings = [word for line in self.values("Environment") for word in line.split()]
        for file in self.values("EnvironmentFile"):
            settings += [shlex.split(line)[0] for line in Path(self.moved(file)).read_text().splitlines()]
        pairs = (setting.partition("=") for setting in settings)
        return {name: self.moved(value) if value.startswith("/opt/nunchi") else value for name, _, value in pairs}


class ServiceManager:
    """Starts the units in `root`'s etc/systemd/system. `calls` is what systemctl was asked, in order."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.calls: list[str] = []
        self._root = root
        self._environ = environ
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(root / "notify"))
        self.notify.settimeout(60)

    def heard(self, word: str) -> None:
        """Wait until a unit has said this; a test fails by the time-out."""
        while self.notify.recv(4096).decode() != word:
            pass

    def pid(self, unit: str) -> int | None:
        process = self._running.get(unit)
        return process.pid if process and process.poll() is None else None

    def run(self, words: list[str]) -> int:
        """One systemctl command; its exit status."""
        self.calls.append(" ".join(words))
        verb, units = words[0], [word for word in words[1:] if not word.startswith("-")]
        for unit in units:
            if verb in ("stop", "restart"):
                self.stop(unit)
            if verb in ("start", "restart") and self.pid(unit) is None:
                self._start(unit)
        return 0

    def stop(self, unit: str) -> int | None:
        """End a unit as systemd does; its exit status, None if it did not run."""
        process = self._running.pop(unit, None)
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=35)
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(ProcessLookupError):  # nobody else is left
                os.killpg(process.pid, signal.SIGKILL)

    def stop_all(self) -> None:
        for unit in list(self._running):
            self.stop(unit)
        self.notify.close()

    def _start(self, name: str) -> None:
        unit = Unit(self._root / "etc/systemd/system" / name, self._root)
        for setting, where in (("RuntimeDirectory", "run"), ("StateDirectory", "var/lib")):
            if folder := unit.value(setting):
                (self._root / where / folder).mkdir(parents=True, exist_ok=True)
        environ = {**self._environ, **unit.environment(), "NOTIFY_SOCKET": str(self._root / "notify")}
        if interval := unit.value("WatchdogSec"):
            environ["WATCHDOG_USEC"] = str(int(interval) * 1_000_000)
        command = [unit.moved(word) for word in unit.value("ExecStart").split()]
        launcher = [sys.executable, "-IS", "-c", LAUNCHER, unit.value("UMask") or "022"]
        log = unit.moved(unit.value("StandardOutput").removeprefix("append:")) or "/dev/null"
        with Path(log).open("ab") as output:
            self._running[name] = subprocess.Popen(
                with_pdeathsig([*launcher, unit.value("MemoryDenyWriteExecute") or "no", *command]),
                env=environ,
                cwd=unit.moved(unit.value("WorkingDirectory") or "/"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )


class _Server(socketserver.UnixStreamServer):
    manager: ServiceManager


class _Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        status = self.server.manager.run(json.loads(self.rfile.readline()))
        self.wfile.write(json.dumps(status).encode() + b"\n")


@contextmanager
def service_manager(root: Path, bin_folder: Path, environ: Mapping[str, str]) -> Generator[ServiceManager, None, None]:
    """A manager for as long as the block lasts, its `systemctl` in `bin_folder`. All that it started ends with it."""
    manager = ServiceManager(root, environ)
    address = root / "systemctl"
    client = bin_folder / "systemctl"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    # One thread for all requests: what it starts dies with it (pdeathsig).
    with _Server(str(address), _Request) as server:
        server.manager = manager
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield manager
        finally:
            manager.stop_all()
            server.shutdown()
            thread.join()
