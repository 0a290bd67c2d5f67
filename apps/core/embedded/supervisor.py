"""The detached process that owns the servers: ``python -m apps.core.embedded.supervisor --var DIRECTORY …``.

There is one for each ``var`` directory. It starts what is asked for, starts again what dies, and stops everything
when no process has used it for the grace period. It has a session of its own, so it survives the command that
started it, and that command's Ctrl-C.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from apps.core.embedded.layout import (
    SERVICES,
    EmbeddedServicesError,
    Layout,
    Service,
    open_lock,
    try_lock,
    write_private,
)
from apps.core.embedded.postgres import PostgresServer
from apps.core.embedded.servers import Server
from apps.core.embedded.valkey import ValkeyServer

TICK_SECONDS = 0.1
#: How long to wait for a predecessor that is on its last lines.
LOCK_SECONDS = 10.0
KINDS: dict[Service, type[Server]] = {"postgres": PostgresServer, "valkey": ValkeyServer}


class Supervisor:
    """Keeps the requested servers running while there are users."""

    def __init__(self, layout: Layout, *, place: int, grace_seconds: float) -> None:
        self.layout = layout
        self.place = place
        self.grace_seconds = grace_seconds
        self.servers: dict[Service, Server] = {}
        self.users = open_lock(layout.users_lock)
        self.unused_since: float | None = None
        self.stopping = False

    def run(self) -> None:
        """Work until nobody is left or SIGTERM or SIGINT arrives; return when the servers are down."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_stop)
        while not (self.stopping or self._is_evicted() or self._is_forsaken()):
            for service in SERVICES:
                self._tend(service)
            time.sleep(TICK_SECONDS)
        self._stop_servers()

    def _on_stop(self, _signum: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _is_forsaken(self) -> bool:
        """Say whether nobody came for the grace period; if so, newcomers have to wait until we are gone."""
        if not try_lock(self.users, fcntl.LOCK_EX):
            self.unused_since = None
            return False
        now = time.monotonic()
        self.unused_since = self.unused_since or now
        if now - self.unused_since >= self.grace_seconds:
            return True
        fcntl.flock(self.users, fcntl.LOCK_UN)
        return False

    def _is_evicted(self) -> bool:
        """Say whether ``var`` was removed under us; whatever has these names now belongs to a successor."""
        try:
            return not os.path.samestat(os.fstat(self.place), self.layout.supervisor_lock.stat())
        except FileNotFoundError:
            return True

    def _tend(self, service: Service) -> None:
        request, answer = self.layout.request(service), self.layout.answer(service)
        server = self.servers.get(service)
        if not request.exists():
            return
        if server and server.is_running:
            # Somebody who saw no answer a moment ago withdraws the old one, which may have been the new one.
            if not answer.exists():
                write_private(answer, json.dumps({"url": server.url}))
            return
        answer.unlink(missing_ok=True)
        print(f"Starting {service}.", flush=True)
        try:
            server = self.servers.setdefault(service, server or KINDS[service](self.layout))
            server.start()
        except (EmbeddedServicesError, OSError, subprocess.SubprocessError) as error:
            print(f"{service}: {error}", flush=True)
            request.unlink(missing_ok=True)
            write_private(answer, json.dumps({"error": str(error)}))
        else:
            write_private(answer, json.dumps({"url": server.url}))

    def _stop_servers(self) -> None:
        if not self._is_evicted():
            for service in SERVICES:
                self.layout.answer(service).unlink(missing_ok=True)
                self.layout.request(service).unlink(missing_ok=True)
        for server in self.servers.values():
            server.ask_to_stop()
        for server in self.servers.values():
            server.wait_stopped()


def main() -> int:
    """Take the place of the supervisor, leave for the background, and return once that is done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--var", type=Path, required=True)
    parser.add_argument("--grace", type=float, required=True)
    arguments = parser.parse_args()
    layout = Layout.of(arguments.var)
    place = open_lock(layout.supervisor_lock)
    deadline = time.monotonic() + LOCK_SECONDS
    while not try_lock(place, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            print("Another supervisor is running.", flush=True)
            return 1
        time.sleep(TICK_SECONDS)
    # Answers of a killed predecessor are void; its requests stand, for its users may still be alive.
    for service in SERVICES:
        layout.answer(service).unlink(missing_ok=True)

    # The child shares the lock, so the place is taken without a gap when the caller goes on.
    if child := os.fork():
        os.ftruncate(place, 0)
        os.pwrite(place, str(child).encode(), 0)
        os._exit(0)
    Supervisor(layout, place=place, grace_seconds=arguments.grace).run()
    # Before the users' lock, which goes with the process: whoever waits for that one finds the place free.
    os.close(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
