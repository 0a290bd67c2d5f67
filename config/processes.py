"""The processes of an installation on one machine: how each starts, and that all stop together.

Used by ``manage.py run``, ``manage.py demo`` and the journeys of the suite. Production starts the same commands by
the Procfile.
"""

import ctypes
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings

BASE_DIR = Path(__file__).resolve().parents[1]
PR_SET_PDEATHSIG = 1

UVICORN = [
    *("--ws", "apps.ocpp.server:StationProtocol", "--ws-ping-interval", "30", "--ws-ping-timeout", "30"),
    *("--ws-max-size", "1048576", "--ws-per-message-deflate", "false", "--loop", "uvloop"),
    *("--http", "apps.ocpp.server:DoorProtocol"),
    *("--no-access-log", "--no-server-header", "--log-level", "warning", "--timeout-graceful-shutdown", "3"),
]

# Those that the security whitepaper asks for (A00.FR.318): without forward secrecy only where a station has no better.
TLS_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384:!aNULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files for the chargers' port: the server's chain and key, and who issues the stations' certificates.

    client_ca  None: no station is asked for a certificate
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def options(self) -> list[str]:
        """Return uvicorn's options. A certificate is asked for, not demanded: profiles 2 and 3 share a port."""
        options = ["--ssl-certfile", str(self.certificate), "--ssl-keyfile", str(self.key)]
        options += ["--ssl-ciphers", TLS_CIPHERS]
        if self.client_ca is not None:
            options += ["--ssl-ca-certs", str(self.client_ca), "--ssl-cert-reqs", str(int(ssl.CERT_OPTIONAL))]
        return options


class ProcessFailed(RuntimeError):
    """A process ended that should have stayed, or did not become ready."""


def free_port(wanted: int, *, host: str = "127.0.0.1") -> int:
    """Return ``wanted`` or the next port above it that nobody listens on; 0 asks for any."""
    for port in range(wanted, 65536) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessFailed(f"no free port from {wanted} on")


def asgi_command(port: int, *, host: str = "127.0.0.1", tls: Tls | None = None) -> list[str]:
    """Return the command that serves HTTP and chargers on ``port``."""
    address = ["--host", host, "--port", str(port)]
    options = tls.options() if tls is not None else []
    return [sys.executable, "-m", "uvicorn", "config.asgi:application", *address, *UVICORN, *options]


def worker_command() -> list[str]:
    """Return the command of one worker for all; production gives webhooks and files one each (Procfile)."""
    options = ["--loglevel", "warning", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    queues = [settings.CELERY_TASK_DEFAULT_QUEUE, settings.WEBHOOK_QUEUE, settings.PRINT_QUEUE]
    return [*_celery(), "worker", *options, "--queues", ",".join(queues)]


def beat_command(schedule: Path) -> list[str]:
    return [*_celery(), "beat", "--loglevel", "warning", "--schedule", str(schedule)]


def manage_command(*args: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *args]


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "config", "--quiet"]


def _die_with_parent() -> None:
    # Runs in the child: when the launcher is killed outright, its processes go too.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    """A set of child processes that is stopped as a whole when the ``with`` block ends, however it ends."""

    def __init__(self, *, env: Mapping[str, str], log_dir: Path | None = None) -> None:
        """env is laid over this process's own; with ``log_dir`` each writes to ``<name>.log`` there."""
        self._env = {**os.environ, **env}
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def start(self, name: str, command: list[str], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start ``command`` in a process group of its own, so that Ctrl-C reaches the launcher alone."""
        output: IO[bytes] | None = None
        if self._log_dir:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            output = (self._log_dir / f"{name}.log").open("ab")
            self._logs.append(output)
        child = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            env={**self._env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self._children[name] = child
        return child

    def check(self) -> None:
        """Raise if any child has ended.

        :raises ProcessFailed: names it and where its log is
        """
        for name, child in self._children.items():
            if child.poll() is not None:
                raise ProcessFailed(f"{name} ended with code {child.returncode}{self._log_hint(name)}")

    def forget(self, name: str) -> None:
        """No longer expect a child that has ended to be there."""
        del self._children[name]

    def kill(self, name: str) -> None:
        """End a child and all it started at once, as a power cut would, and no longer expect it to be there."""
        child = self._children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def wait_ready(self, url: str, *, name: str, seconds: float = 30) -> None:
        """Wait until ``url`` answers 200.

        :raises ProcessFailed: it did not in time, or a process ended before
        """
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            try:
                # Asked of our own child on this machine: whoever issued its certificate does not matter here.
                with urlopen(url, timeout=2, context=ssl._create_unverified_context()) as answer:  # noqa: S310, S323
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                pass
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{name} is not ready at {url} after {seconds:.0f} s{self._log_hint(name)}")
            time.sleep(0.1)

    def wait(self) -> None:
        """Stay until a child ends or a signal arrives.

        :raises ProcessFailed: a child ended
        """
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Ask every child to end, and end those that do not within eight seconds."""
        for child in reversed(self._children.values()):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + 8
        for child in self._children.values():
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        for log in self._logs:
            log.close()
        self._children.clear()
        self._logs.clear()

    def _log_hint(self, name: str) -> str:
        if not self._log_dir:
            return ""
        log = self._log_dir / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1]} (more in {log})" if lines else f"; see {log}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
