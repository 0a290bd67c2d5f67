"""Where the embedded services keep their files, and the few file operations they share.

Everything lives in ``<var>/embedded``. Facts between processes are locks (``flock``, released by the kernel
however a process ends) and small files replaced in one step. Two checkouts have two ``var`` directories and never
meet.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Service = Literal["postgres", "valkey"]
SERVICES: tuple[Service, ...] = ("postgres", "valkey")

#: A log that has grown past this many bytes starts anew; the old one is kept beside it.
LOG_LIMIT = 10_000_000


class EmbeddedServicesError(RuntimeError):
    """An embedded service cannot start; the message says why in one sentence, with the end of the log."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one ``var`` directory, which must be absolute and free of links."""

    var: Path

    @classmethod
    def of(cls, var: Path) -> "Layout":
        return cls(var.resolve())

    @property
    def home(self) -> Path:
        return self.var / "embedded"

    @property
    def start_lock(self) -> Path:
        """Held exclusively by the one process that joins or starts a supervisor right now."""
        return self.home / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held exclusively by the supervisor as long as it lives; contains its process id."""
        return self.home / "supervisor.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that uses a service, as long as it lives."""
        return self.home / "users.lock"

    @property
    def supervisor_log(self) -> Path:
        return self.home / "supervisor.log"

    def request(self, service: Service) -> Path:
        """Exists while the service is asked for."""
        return self.home / f"{service}.wanted"

    def answer(self, service: Service) -> Path:
        """JSON, ``{"url": …}`` while the service runs or ``{"error": …}`` after it could not start."""
        return self.home / f"{service}.json"

    def server_lock(self, service: Service) -> Path:
        """Held by the server and all its children through an inherited descriptor, so also by orphans."""
        return self.home / f"{service}.lock"

    def data(self, service: Service) -> Path:
        return self.home / service

    def log(self, service: Service) -> Path:
        return self.home / f"{service}.log"


def open_lock(path: Path) -> int:
    """Return a new descriptor on a lock file; it is not inherited by programs that this process executes."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, operation: int) -> bool:
    """Take ``LOCK_EX`` or ``LOCK_SH`` if nobody is in the way, and say whether it was taken."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold a lock file for the length of a block, waiting for it first."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def supervisor_pid(layout: Layout) -> int | None:
    """Return the process id of the living supervisor, or None when there is none."""
    try:
        descriptor = os.open(layout.supervisor_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if try_lock(descriptor, fcntl.LOCK_SH):
            return None
        return int(os.pread(descriptor, 32, 0) or b"0")
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def open_log(path: Path) -> int:
    """Return a descriptor that appends to a log, which starts anew when it has grown too long."""
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def log_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def log_tail(path: Path, *, since: int = 0, lines: int = 5) -> str:
    """Return the last lines that a log gained after byte ``since``."""
    with path.open("rb") as file:
        file.seek(max(since, log_size(path) - 10_000))
        text = file.read().decode(errors="replace")
    return "\n".join(text.strip().splitlines()[-lines:])
