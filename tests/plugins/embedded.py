"""Start the embedded services before pytest-django reads the settings (loaded with ``-p tests.plugins.embedded``).

The addresses go into the environment, so that this process, its children and every settings module agree on them.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from apps.core.embedded import EmbeddedServicesError, ensure_services

PROJECT = Path(__file__).resolve().parents[2]


# A wrapper, because pytest-django registers later and as "tryfirst": only wrappers are entered before it.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None]:
    try:
        services = ensure_services(
            var=PROJECT / "var",
            postgres=not os.environ.get("DATABASE_URL"),
            valkey=not os.environ.get("REDIS_URL"),
        )
    except EmbeddedServicesError as error:
        raise pytest.UsageError(str(error)) from error
    if services.database_url:
        os.environ["DATABASE_URL"] = services.database_url
    if services.redis_url:
        os.environ["REDIS_URL"] = services.redis_url
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a database of its own, and so keys of its own; it inherits the controller's name of them.
        os.environ["NAMESPACE"] = f"test-{os.getpid()}"
    return (yield)
