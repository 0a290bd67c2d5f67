"""A whole installation on the test database: real processes, real sockets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import override_settings

from apps.payments import gateway
from config import installation
from config.demo.seed import seed
from config.installation import Installation
from config.processes import Processes
from tests.journeys.browser import CHROMIUM, Browser, Phone, Screen
from tests.journeys.desk import Desk


@contextmanager
def _processes(log_dir: Path) -> Iterator[Processes]:
    """Processes on the test database, stopped at the end."""
    config = connection.settings_dict
    login = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
    place = quote(config["HOST"], safe="") + (f":{config['PORT']}" if config["PORT"] else "")
    env = {
        "DATABASE_URL": f"postgres://{login}@{place}/{config['NAME']}",
        "REDIS_URL": django_settings.REDIS_URL,
        "NAMESPACE": django_settings.NAMESPACE,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    with Processes(env=env, log_dir=log_dir) as started:
        yield started


@contextmanager
def _running(processes: Processes, var: Path) -> Iterator[Installation]:
    """Everything started and ready; this process talks to the same double of Stripe."""
    # Below the ports that the machine gives to outgoing connections, which may take one between probe and use.
    port = SystemRandom().randrange(20_000, 32_000, 10)
    started = installation.start(processes, port=port, var=var, beat=False)
    with override_settings(STRIPE_API_BASE=started.sandbox_url or django_settings.STRIPE_API_BASE):
        yield started
        gateway.forget_connections()


@pytest.fixture
def processes(transactional_db, tmp_path) -> Iterator[Processes]:
    """Processes on the test's own database, stopped before it is emptied; their logs are in ``tmp_path``."""
    with _processes(tmp_path / "log") as started:
        yield started


@pytest.fixture
def world(transactional_db) -> None:
    """The demo's owners, stations, tariffs and fleets."""
    seed()


@pytest.fixture
def running(world, processes, tmp_path) -> Iterator[Installation]:
    """An installation of the test's own."""
    with _running(processes, tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared(transactional_db, tmp_path_factory) -> Iterator[Installation]:
    """One installation and one world for all tests of a module that imports ``database.transactional_db``.

    Each works at a connector of its own.
    """
    var = tmp_path_factory.mktemp("shared")
    seed()
    with _processes(var / "log") as processes, _running(processes, var) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: the driver's pages are not tried in a browser; apt-get install chromium")
    with Browser() as opened:
        yield opened


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    """What people look at in a test; none of our pages may have made it complain."""
    opened: list[Screen] = []
    yield opened
    for screen in opened:
        screen.close()
    assert [complaint for screen in opened for complaint in screen.complaints] == []


@pytest.fixture
def new_phone(browser: Browser, shared: Installation, screens: list[Screen]) -> Callable[..., Phone]:
    """Make phones that browse the shared installation."""

    def make(**options: object) -> Phone:
        phone = browser.phone(shared.web_url, **options)  # type: ignore[arg-type]
        screens.append(phone)
        return phone

    return make


@pytest.fixture
def new_desk(browser: Browser, shared: Installation, screens: list[Screen]) -> Callable[[], Desk]:
    """Make desks that browse the shared installation."""

    def make() -> Desk:
        desk = Desk(browser, shared.web_url)
        screens.append(desk)
        return desk

    return make
