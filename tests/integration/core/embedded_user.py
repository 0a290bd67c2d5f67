"""Processes that use the embedded services, for the tests: each holds them until it is told to go."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

from apps.core.embedded.layout import Layout, supervisor_pid

PROJECT = Path(__file__).resolve().parents[3]

PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from apps.core.embedded import EmbeddedServicesError, ensure_services

# Whoever starts the suite in the background has it ignore Ctrl-C, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
options = json.loads(sys.argv[1])
fork = options.pop("fork")
try:
    found = ensure_services(var=Path(options.pop("var")), **options)
except EmbeddedServicesError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)
# After a fork the parent goes at once and only its child lives on.
if not (fork and os.fork()):
    print(json.dumps({"database_url": found.database_url, "redis_url": found.redis_url}), flush=True)
    sys.stdin.read()
"""


class EmbeddedUser:
    """One process that called ``ensure_services``; the constructor does not wait, ``answer`` does."""

    def __init__(
        self,
        var: Path,
        *,
        postgres: bool = True,
        valkey: bool = False,
        grace_seconds: float = 0.3,
        fork: bool = False,
        command: tuple[str, ...] = (sys.executable,),
        project: Path = PROJECT,
        environment: dict[str, str] | None = None,
    ) -> None:
        options = {
            "var": str(var),
            "postgres": postgres,
            "valkey": valkey,
            "grace_seconds": grace_seconds,
            "fork": fork,
        }
        self.process = subprocess.Popen(
            [*command, "-c", PROGRAM, json.dumps(options)],
            cwd=project,
            env=os.environ | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._answer: dict[str, str] | None = None

    @property
    def answer(self) -> dict[str, str]:
        if self._answer is None:
            assert self.process.stdout is not None
            self._answer = json.loads(self.process.stdout.readline() or '{"error": "no answer"}')
        return self._answer

    @property
    def database_url(self) -> str:
        return self.answer["database_url"]

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database_url) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self.answer["redis_url"])

    def leave(self) -> None:
        """End the process, by closing what it reads from, and wait until it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.leave()


def wait_until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def wait_until_stopped(var: Path) -> None:
    """Wait until the supervisor of a ``var`` directory, and with it both servers, have gone."""
    wait_until(lambda: supervisor_pid(Layout.of(var)) is None)


def living_supervisor(var: Path) -> int:
    pid = supervisor_pid(Layout.of(var))
    assert pid, "no supervisor"
    return pid


def postmaster_pid(var: Path) -> int:
    return int((var / "embedded/postgres/postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
