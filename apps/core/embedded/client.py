"""The side of the processes that use the services: hold a shared lock, join the supervisor or start one."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from apps.core.embedded.layout import (
    EmbeddedServicesError,
    Layout,
    Service,
    exclusively,
    log_size,
    log_tail,
    open_lock,
    open_log,
    supervisor_pid,
)

GRACE_SECONDS = 5.0
#: Longer than both servers may take (15 s of retries and 60 s of recovery each), so that their own words arrive.
ANSWER_SECONDS = 180.0
POLL_SECONDS = 0.02
PROJECT = Path(__file__).resolve().parents[3]

# The descriptors that tell the supervisor of this process, by (process, file). They are never closed: the kernel
# does it when the last process that inherited one by fork ends. A forked process that asks gets one of its own.
_held: dict[tuple[int, Path], int] = {}


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """Addresses of the running services, None for those not asked for.

    database_url  ``postgres://postgres@%2Fsocket%2Fdirectory/wattledger`` (psycopg and dj-database-url know it)
    redis_url     ``redis://:password@127.0.0.1:port/0``
    """

    database_url: str | None
    redis_url: str | None


def ensure_services(
    *, var: Path, postgres: bool, valkey: bool, grace_seconds: float = GRACE_SECONDS
) -> EmbeddedServices:
    """Start or join the embedded services of a ``var`` directory and keep them while this process lives.

    Safe to call from many processes at once, again in the same process, and before or after a fork.

    grace_seconds: s that the services stay after their last user; the call that starts the supervisor decides

    :raises EmbeddedServicesError: a service cannot start
    """
    choice: dict[Service, bool] = {"postgres": postgres, "valkey": valkey}
    wanted = [service for service, is_wanted in choice.items() if is_wanted]
    if not wanted:
        return EmbeddedServices(None, None)
    if sys.platform != "linux":
        raise EmbeddedServicesError("The embedded services need Linux: set DATABASE_URL and REDIS_URL.")
    layout = Layout.of(var)
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        _hold(layout.users_lock)
        with exclusively(layout.start_lock):
            urls = _await_urls(layout, wanted, grace_seconds=grace_seconds)
    except PermissionError as error:
        raise EmbeddedServicesError(
            f"{error.filename or layout.home} belongs to another user: run this as its owner, or set"
            " DATABASE_URL and REDIS_URL."
        ) from error
    return EmbeddedServices(urls.get("postgres"), urls.get("valkey"))


def _hold(path: Path) -> None:
    key = (os.getpid(), path)
    if key not in _held:
        descriptor = open_lock(path)
        # Waits while a supervisor that found itself without users is stopping its servers.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[key] = descriptor


def _await_urls(layout: Layout, wanted: list[Service], *, grace_seconds: float) -> dict[Service, str]:
    """Ask for services and wait for their addresses; the caller holds the start lock."""
    deadline = time.monotonic() + ANSWER_SECONDS
    begin = log_size(layout.supervisor_log)
    has_spawned = False
    asked: set[Service] = set()
    while True:
        if supervisor_pid(layout) is None:
            if has_spawned:
                raise _failure("The supervisor of the embedded services ended at once", layout, begin)
            _ask(layout, wanted)
            _spawn_supervisor(layout, begin, grace_seconds=grace_seconds)
            has_spawned, asked = True, set(wanted)
        answers = {service: _answer(layout, service) for service in wanted}
        # An error that was there before we asked is an old one: ask again.
        for service in wanted:
            if service not in asked and "url" not in answers[service]:
                _ask(layout, [service])
                asked.add(service)
                answers[service] = {}
        for answer in answers.values():
            if "error" in answer:
                raise EmbeddedServicesError(answer["error"])
        if all(_is_listening(answer.get("url")) for answer in answers.values()):
            return {service: answer["url"] for service, answer in answers.items()}
        if time.monotonic() > deadline:
            raise _failure(f"The embedded services gave no answer for {ANSWER_SECONDS:.0f} s", layout, begin)
        time.sleep(POLL_SECONDS)


def _ask(layout: Layout, wanted: list[Service]) -> None:
    for service in wanted:
        layout.answer(service).unlink(missing_ok=True)
        layout.request(service).touch(mode=0o600)


def _answer(layout: Layout, service: Service) -> dict[str, str]:
    try:
        text = layout.answer(service).read_text()
    except FileNotFoundError:
        return {}
    return {str(key): str(value) for key, value in json.loads(text).items()}


def _is_listening(url: str | None) -> bool:
    """Say whether a published address is in service; a server that died a moment ago is being replaced."""
    if url is None:
        return False
    parts = urlsplit(url)
    if parts.scheme == "postgres":
        # `hostname` is in lower case, the socket's path may not be.
        directory = unquote(parts.netloc.rpartition("@")[2])
        return _can_connect(socket.AF_UNIX, f"{directory}/.s.PGSQL.5432")
    return _can_connect(socket.AF_INET, (str(parts.hostname), int(parts.port or 0)))


def _can_connect(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
        except (ConnectionError, FileNotFoundError):
            return False
    return True


def _spawn_supervisor(layout: Layout, begin: int, *, grace_seconds: float) -> None:
    """Start a supervisor in its own session, out of reach of the terminal's Ctrl-C; on return it has the lock."""
    command = [sys.executable, "-m", "apps.core.embedded.supervisor", "--var", str(layout.var)]
    log = open_log(layout.supervisor_log)
    try:
        done = subprocess.run(
            [*command, "--grace", str(grace_seconds)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    if done.returncode != 0:
        raise _failure("The supervisor of the embedded services cannot start", layout, begin)


def _failure(sentence: str, layout: Layout, begin: int) -> EmbeddedServicesError:
    log = layout.supervisor_log
    return EmbeddedServicesError(f"{sentence}; the end of {log} says:\n{log_tail(log, since=begin)}")
