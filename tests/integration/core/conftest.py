import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.embedded.layout import Layout, supervisor_pid
from tests.integration.core.embedded_user import EmbeddedUser, wait_until_stopped


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def embedded_user(var: Path) -> Iterator[Callable[..., EmbeddedUser]]:
    """Return a function that starts a process using embedded services, by default those in ``var``."""
    users: list[EmbeddedUser] = []
    directories = {var}

    def start(directory: Path = var, **options: Any) -> EmbeddedUser:
        users.append(EmbeddedUser(directory, **options))
        directories.add(directory)
        return users[-1]

    yield start

    for user in users:
        if user.process.stdout and not user.process.stdout.closed:
            user.leave()
    for directory in directories:
        with contextlib.suppress(ProcessLookupError):
            if pid := supervisor_pid(Layout.of(directory)):
                os.kill(pid, signal.SIGTERM)
        wait_until_stopped(directory)
