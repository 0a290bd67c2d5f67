"""A whole installation on the test database: real processes, real sockets."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.db import connection

from config import installation
from config.demo.seed import seed
from config.processes import Processes


@pytest.fixture
def processes(transactional_db, tmp_path, settings) -> Iterator[Processes]:
    """Processes on the test's own database, stopped before it is emptied; their logs are in ``tmp_path``."""
    config = connection.settings_dict
    login = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
    place = quote(config["HOST"], safe="") + (f":{config['PORT']}" if config["PORT"] else "")
    env = {
        "DATABASE_URL": f"postgres://{login}@{place}/{config['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "NAMESPACE": settings.NAMESPACE,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    with Processes(env=env, log_dir=tmp_path / "log") as started:
        yield started


@pytest.fixture
def world(transactional_db) -> None:
    """The demo's owners, stations, tariffs and fleets."""
    seed()


@pytest.fixture
def running(world, processes, tmp_path, settings) -> installation.Installation:
    """Everything started and ready; this process talks to the same double of Stripe."""
    started = installation.start(processes, port=0, var=tmp_path, beat=False)
    settings.STRIPE_API_BASE = started.sandbox_url or settings.STRIPE_API_BASE
    return started
