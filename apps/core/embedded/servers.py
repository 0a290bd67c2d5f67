"""What it takes to run one server as a child: start, readiness, stop, and its predecessor's remains.

A server dies with its supervisor (``PR_SET_PDEATHSIG``). It works in its data directory and calls it by
``/proc/self/cwd``, so that the account that runs it needs no way through the directories above.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import ClassVar

from apps.core.embedded.binaries import SERVER_ENVIRONMENT, Account
from apps.core.embedded.layout import (
    EmbeddedServicesError,
    Layout,
    Service,
    log_size,
    log_tail,
    open_lock,
    open_log,
    try_lock,
)

HERE = "/proc/self/cwd"
START_RETRY_SECONDS = 15.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.02

_PR_SET_PDEATHSIG = 1
# Looked up once here: between fork and exec as little as possible may happen.
_prctl = ctypes.CDLL(None).prctl


class Server(ABC):
    """One server program; ``start`` and ``stop`` may follow each other any number of times."""

    service: ClassVar[Service]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    stop_seconds: ClassVar[float]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.data = layout.data(self.service)
        self.log = layout.log(self.service)
        self.account = Account.for_data(self.data)
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory ready; no older server of ours is alive any more."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """Return the program and its arguments, none of them secret."""

    def standard_input(self) -> bytes:
        """Return what the server reads when it starts; secrets go this way."""
        return b""

    @abstractmethod
    def is_ready(self) -> bool:
        """Say whether the running server answers."""

    @abstractmethod
    def may_retry(self, complaint: str) -> bool:
        """Say whether a start that failed with this log may succeed a moment later."""

    def hurry_orphans(self) -> None:  # noqa: B027
        """Ask an older server of ours that lost its supervisor to go, where it may not know."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the address that the application uses."""

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Orphans of a killed server may hold its memory and port for a while, so the start is retried for 15 s.

        :raises EmbeddedServicesError: it did not start
        """
        deadline = time.monotonic() + START_RETRY_SECONDS
        lock = self._lock_out_orphans(deadline)
        try:
            self.prepare()
            while True:
                begin = log_size(self.log)
                self._spawn(inherit=lock)
                if self._becomes_ready():
                    return
                complaint = log_tail(self.log, since=begin)
                if not self.may_retry(complaint) or time.monotonic() > deadline:
                    raise self.failure(f"{self.title} cannot start", since=begin)
                time.sleep(0.2)
        finally:
            # From here on the lock lives and dies with the server and its children.
            os.close(lock)

    def ask_to_stop(self) -> None:
        if self.process and self.is_running:
            self.process.send_signal(self.stop_signal)

    def wait_stopped(self) -> None:
        """Wait for the stop that was asked for, and insist when it takes too long."""
        if self.process is None:
            return
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def run_tool(self, command: list[str | Path], *, directory: Path, standard_input: bytes = b"") -> None:
        """Run a program of the server's to its end, as its account, in a directory.

        :raises EmbeddedServicesError: it failed
        """
        begin = log_size(self.log)
        log = open_log(self.log)
        try:
            done = subprocess.run(
                command,
                input=standard_input,
                cwd=directory,
                env=SERVER_ENVIRONMENT,
                stdout=log,
                stderr=log,
                preexec_fn=partial(_die_with, os.getpid(), signal.SIGKILL),
                **self.account.identity,
            )
        finally:
            os.close(log)
        if done.returncode != 0:
            raise self.failure(f"{Path(command[0]).name} failed", since=begin)

    def failure(self, sentence: str, *, since: int = 0) -> EmbeddedServicesError:
        return EmbeddedServicesError(f"{sentence}; the end of {self.log} says:\n{log_tail(self.log, since=since)}")

    def _lock_out_orphans(self, deadline: float) -> int:
        lock = open_lock(self.layout.server_lock(self.service))
        while not try_lock(lock, fcntl.LOCK_EX):
            self.hurry_orphans()
            if time.monotonic() > deadline:
                os.close(lock)
                raise self.failure(f"An older {self.title} on {self.data} does not end")
            time.sleep(POLL_SECONDS)
        return lock

    def _spawn(self, *, inherit: int) -> None:
        log = open_log(self.log)
        try:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.data,
                env=SERVER_ENVIRONMENT,
                umask=0o077,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(inherit,),
                preexec_fn=partial(_die_with, os.getpid(), self.stop_signal),
                **self.account.identity,
            )
        finally:
            os.close(log)
        assert self.process.stdin is not None
        try:
            with self.process.stdin as pipe:
                pipe.write(self.standard_input())
        except BrokenPipeError:
            return  # it is already dead, which the wait for readiness will see

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while self.is_running:
            if self.is_ready():
                return True
            if time.monotonic() > deadline:
                self.ask_to_stop()
                self.wait_stopped()
                raise self.failure(f"{self.title} was not ready within {READY_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return False


def _die_with(parent: int, signum: signal.Signals) -> None:
    """Have the kernel signal this new process when its parent ends.

    Runs between fork and exec, after the change of user, which would reset it.
    """
    _prctl(_PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != parent:
        os._exit(1)
