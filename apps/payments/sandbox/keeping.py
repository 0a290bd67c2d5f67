"""The state file: what a client could notice, written down before it is answered, so that it outlives the process.

One JSON document, replaced as a whole, readable by its owner only. Like the state itself it holds no card number. Not
in it: the API key, the log of requests, faults, and the webhooks' settings and deliveries.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path
from typing import IO, Any

from apps.payments.sandbox.api import Api
from apps.payments.sandbox.state import Json

FORMAT = "wattledger stripe sandbox"
VERSION = 1
"""Raise it whenever a file written before could no longer be read, or its objects no longer be acted on."""
_PAGE = re.compile(rb'"https?://[^/"]+(/c/(?:pay/cs_test|3ds/pi|3ds/seti|mandate/mandate)_[A-Za-z0-9]+)"')
PATIENCE = 5.0
"""Seconds to wait for a sandbox that still has the file, as one that is just being stopped."""


class StateFileRefused(Exception):
    """The state file cannot be used; ``str()`` says why. It was left as it is."""


class StateFile:
    """One file that one running sandbox keeps its state in."""

    def __init__(self, path: Path, api: Api) -> None:
        """Bring back what the file holds, if there is one, and from now on keep every change in it.

        ``api.state.base_url`` must be known: pages made at another port are led to this one.

        :raises StateFileRefused: the file is no state file of this version, or another sandbox's
        :raises OSError: it cannot be read or written
        """
        self._path = path
        self._api = api
        self._lock = _locked(path)
        try:
            with contextlib.suppress(FileNotFoundError):
                self._restore(path.read_bytes())
            # Written at once, so that a directory that takes no file is told at the start and not to the first client.
            self._save()
        except BaseException:
            self._lock.close()
            raise
        api.state.keep = self._save

    def close(self) -> None:
        """Write no more, and let another sandbox have the file."""
        with self._api.state.lock:
            self._api.state.keep = lambda: None
            self._lock.close()

    def _restore(self, content: bytes) -> None:
        # Pages that were made at another port move along, wherever they are told of.
        here = rb'"' + self._api.state.base_url.encode() + rb'\1"'
        kept = _read(self._path, _PAGE.sub(here, content))
        try:
            self._api.state.restore(kept)
            self._api.keys.restore(kept["idempotency_keys"])
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            raise _refused(self._path, f"is damaged ({type(wrong).__name__}: {wrong})") from wrong

    def _save(self) -> None:
        """Replace the file: a reader, or a crash at any moment, finds the old one or the new one."""
        state = self._api.state
        kept = {
            "format": FORMAT,
            "version": VERSION,
            **state.described(),
            "idempotency_keys": self._api.keys.described(at=state.clock.now()),
        }
        new = _beside(self._path, ".new")
        with open(new, "w", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps(kept, separators=(",", ":")))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _read(path: Path, content: bytes) -> Json:
    try:
        kept: Any = json.loads(content)
    except ValueError as wrong:
        raise _refused(path, "is not JSON") from wrong
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise _refused(path, "is not a sandbox's state")
    if kept.get("version") != VERSION:
        raise _refused(path, f"is of version {kept.get('version')}, and this sandbox reads version {VERSION}")
    return kept


def _refused(path: Path, why: str) -> StateFileRefused:
    return StateFileRefused(f"The state file {path} {why}. It was left as it is: move it away to start with nothing.")


def _locked(path: Path) -> IO[str]:
    """Take the lock beside the file, which the kernel gives back however this process ends.

    The file itself cannot carry it, being replaced all the time.
    """
    lock = open(_beside(path, ".lock"), "w", opener=_private)  # noqa: SIM115 kept open as long as the lock is held
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                raise StateFileRefused(f"The state file {path} is in use by another running sandbox.") from None
            time.sleep(0.05)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
