"""The SSM agents of the local instances: they run the shell lines of a command's document."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.aws.fake_ec2 import MARK, mark, power_off
from local.aws.ssm_document import Document, DocumentStep, ParameterRefused
from local.errors import DocumentUnsupported

log = logging.getLogger(__name__)

AT_ONCE: Final = 5  # the real agent's default: CommandWorkersLimit
KEPT_OUTPUT: Final = 24_000  # characters that GetCommandInvocation shows, as on AWS


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A command for one instance, as SendCommand sent it."""

    command_id: str
    instance_id: str
    document_name: str
    parameters: Mapping[str, Sequence[str]]
    expires_at: float  # time.time() after which it must not start


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """The outcome of a command, as GetCommandInvocation has it."""

    status: str  # Success, Failed, TimedOut
    response_code: int
    stdout: str = ""
    stderr: str = ""


class Agent:
    """Runs up to AT_ONCE commands of an instance concurrently; others wait, in order, until they expire.

    The path `cloud` marks the processes, see local/aws/fake_ec2.py.
    """

    def __init__(
        self, fetch_document: Callable[[str], str], *, environ: Mapping[str, str], work_dir: Path, cloud: Path
    ) -> None:
        self._fetch_document = fetch_document
        self._environ = environ
        self._work_dir = work_dir
        self._cloud = cloud
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._terminated: set[str] = set()
        self._documents: dict[str, Document] = {}
        self._outcomes: dict[str, CommandOutcome] = {}
        self._lock = threading.Lock()

    def accept(self, command: RunCommand) -> None:
        """Queue the command; returns at once."""
        with self._lock:
            if command.instance_id not in self._pools:
                self._pools[command.instance_id] = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="command")
            pool = self._pools[command.instance_id]
        pool.submit(self._run, command)

    def outcome(self, command_id: str) -> CommandOutcome | None:
        """The outcome of a command; None while it waits or runs."""
        with self._lock:
            return self._outcomes.get(command_id)

    def end(self, instance_id: str) -> None:
        """Terminate an instance: kill its processes, drop the outcomes of its commands."""
        with self._lock:
            self._terminated.add(instance_id)
            pool = self._pools.pop(instance_id, None)
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        power_off(self._cloud, instance_id)

    def forget_documents(self) -> None:
        """Drop cached documents, after one has changed."""
        self._documents = {}

    def _run(self, command: RunCommand) -> None:
        began = time.perf_counter()
        try:
            outcome = self._outcome_of(command)
        except (ParameterRefused, DocumentUnsupported) as error:
            outcome = CommandOutcome("Failed", 1, stderr=str(error))
        except Exception as error:  # the thread pool would swallow it
            log.exception("command %s", command.command_id)
            outcome = CommandOutcome("Failed", 1, stderr=repr(error))
        with self._lock:
            if command.instance_id in self._terminated:
                return
            self._outcomes[command.command_id] = outcome
            while len(self._outcomes) > 1000:  # a long-lived cloud must not grow
                del self._outcomes[next(iter(self._outcomes))]
        log.info(
            "command %s %s: %s (%d) in %.0f ms %s",
            command.command_id,
            command.document_name,
            outcome.status,
            outcome.response_code,
            (time.perf_counter() - began) * 1e3,
            outcome.stderr.strip()[-500:],
        )

    def _outcome_of(self, command: RunCommand) -> CommandOutcome:
        if time.time() >= command.expires_at:
            return CommandOutcome("TimedOut", -1, stderr="it waited longer than its TimeoutSeconds")
        outcome = CommandOutcome("Success", 0)
        for step in self._document(command.document_name).steps(command.parameters):
            outcome = self._run_step(step, command.instance_id)
            if outcome.status != "Success":
                break
        return outcome

    def _document(self, name: str) -> Document:
        if name not in self._documents:
            self._documents[name] = Document.parse(self._fetch_document(name))
        return self._documents[name]

    def _run_step(self, step: DocumentStep, instance_id: str) -> CommandOutcome:
        with subprocess.Popen(
            ["bash", "-c", step.script],
            env={**self._environ, **step.environ, MARK: mark(self._cloud, instance_id)},
            cwd=self._work_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        ) as process:
            try:
                out, err = process.communicate(timeout=step.timeout_s)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return CommandOutcome("TimedOut", 137, stderr=f"step {step.name} took longer than {step.timeout_s:g} s")
        status = "Success" if process.returncode == 0 else "Failed"
        return CommandOutcome(status, process.returncode, out[:KEPT_OUTPUT], err[:KEPT_OUTPUT])
