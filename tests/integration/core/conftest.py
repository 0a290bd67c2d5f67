import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.embedded.layout import Layout, supervisor_pid
from tests.integration.core.embedded_user import EmbeddedUser, wait_until_stopped


def roomy_directory() -> "tempfile.TemporaryDirectory[str]":
    """Return a directory in memory where there is room: a database's first start syncs a thousand files."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1_000_000_000
    return tempfile.TemporaryDirectory(prefix="wattledger-test-", dir=memory if roomy else None)


@pytest.fixture(scope="session")
def initialised_cluster() -> Iterator[Path]:
    """Return PostgreSQL's data directory as the first start leaves it; making one takes longer than copying one."""
    with roomy_directory() as directory:
        var = Path(directory) / "var"
        user = EmbeddedUser(var, grace_seconds=0)
        assert "error" not in user.answer, user.answer["error"]
        user.leave()
        wait_until_stopped(var)
        yield Layout.of(var).data("postgres")


@pytest.fixture
def directory() -> Iterator[Path]:
    with roomy_directory() as directory:
        yield Path(directory)


@pytest.fixture
def fresh_var(directory: Path) -> Path:
    return directory / "fresh"


@pytest.fixture
def var(directory: Path, initialised_cluster: Path) -> Path:
    """Return a ``var`` directory that was used before."""
    layout = Layout.of(directory / "var")
    layout.home.mkdir(parents=True)
    subprocess.run(["cp", "-a", initialised_cluster, layout.data("postgres")], check=True)
    return layout.var


@pytest.fixture
def embedded_user(directory: Path) -> Iterator[Callable[..., EmbeddedUser]]:
    """Return a function that starts a process using the embedded services of a ``var`` directory.

    All of them have gone before ``directory`` goes.
    """
    users: list[EmbeddedUser] = []
    places: set[Path] = set()

    def start(var: Path, **options: Any) -> EmbeddedUser:
        users.append(EmbeddedUser(var, **options))
        places.add(var)
        return users[-1]

    yield start

    for user in users:
        if user.process.stdout and not user.process.stdout.closed:
            user.leave()
    for var in places:
        with contextlib.suppress(ProcessLookupError):
            if pid := supervisor_pid(Layout.of(var)):
                os.kill(pid, signal.SIGTERM)
        wait_until_stopped(var)
