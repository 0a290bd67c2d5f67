"""A real server on a real socket, with the options of the Procfile, in a thread of the test's process."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.db import connection, connections

from apps.ocpp import door
from apps.ocpp.authentication import Brake
from apps.ocpp.pool import stop_pool
from apps.ocpp.routing import websocket_application
from apps.ocpp.simulator.charger import SimulatedCharger
from apps.ocpp.writer import writer
from apps.stations.models import ChargingStation
from apps.stations.services import set_station_key
from tests.factories import NOON, Site, make_evse, make_site, make_station

PROJECT = Path(__file__).resolve().parents[3]
SERVER_OPTIONS = {
    "ws": "apps.ocpp.server:StationProtocol",
    "ws_ping_interval": 30,
    "ws_ping_timeout": 30,
    "ws_max_size": 1_048_576,
    "ws_per_message_deflate": False,
    "loop": "uvloop",
    "http": "apps.ocpp.server:DoorProtocol",
    "lifespan": "off",
}


@dataclass(frozen=True, kw_only=True)
class Box:
    """A station and the key it was given."""

    station: ChargingStation
    key: str

    def at(self, url: str, **options: Any) -> SimulatedCharger:
        """Return its simulated charger."""
        return SimulatedCharger(url, self.station.identity, self.key, **options)


@pytest.fixture
def make_box(transactional_db) -> Callable[..., Box]:
    """Make a station with two connectors unless told otherwise, of an owner without customers."""

    def make(identity: str = "BOX-1", connectors: int = 2) -> Box:
        station = make_station(identity=identity)
        for number in range(1, connectors + 1):
            make_evse(station=station, number=number)
        return Box(station=station, key=set_station_key(station_id=station.pk))

    return make


@pytest.fixture
def box(make_box) -> Box:
    return make_box()


@pytest.fixture
def site(transactional_db) -> Site:
    """A station with a tariff and a fleet's card."""
    return make_site()


@pytest.fixture
def site_box(site) -> Box:
    return Box(station=site.station, key=set_station_key(station_id=site.station.pk))


@contextmanager
def serving(application: Any = websocket_application, **options: Any) -> Iterator[str]:
    """Serve in a thread of this process, with options of uvicorn's beside the usual; yield the chargers' URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", **{**SERVER_OPTIONS, **options}))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        scheme = "wss" if "ssl_certfile" in options else "ws"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/ocpp"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def url(transactional_db, monkeypatch) -> Iterator[str]:
    # All of a suite's refusals come from one address; each test starts with none.
    monkeypatch.setattr(door, "brake", Brake(max_delay_s=0.1))
    with serving() as url:
        yield url
    writer.stop()
    stop_pool()


@pytest.fixture
def second_url(url) -> Iterator[str]:
    """A second event loop with connections of its own: what another ocpp process is to the first."""
    with serving() as second:
        yield second


class HandClock:
    """What ``apps.core.clock.now`` returns until it is set to something else."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch) -> HandClock:
    """Let the story say what time it is; it is noon until then."""
    handed = HandClock(NOON)
    monkeypatch.setattr("apps.core.clock.now", handed)
    return handed


async def in_database(work: Callable[[], Any]) -> Any:
    """Use the ORM from a story that runs on an event loop."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def until(condition: Callable[[], Any], *, timeout_s: float = 5.0) -> Any:
    """Wait until the database shows it, and return what it shows."""
    deadline = time.monotonic() + timeout_s
    while not (shown := await in_database(condition)):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)
    return shown


def tell(story: Callable[[], Awaitable[Any]]) -> Any:
    """Run an async story from a test that may use the ORM before and after."""
    return asyncio.run(asyncio.wait_for(story(), 30))


@contextmanager
def process(*, failpoint: str = "") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve in a process of its own on this test's database, with a fail-point armed; yield URL and process."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    host, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    environment = {
        **os.environ,
        "DATABASE_URL": f"{host}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "FAILPOINT": failpoint,
    }
    command = [
        *(sys.executable, "-m", "uvicorn", "config.asgi:application", "--fd", str(listener.fileno())),
        *("--ws", "apps.ocpp.server:StationProtocol", "--ws-ping-interval", "30", "--ws-ping-timeout", "30"),
        *("--ws-max-size", "1048576", "--ws-per-message-deflate", "false", "--loop", "uvloop"),
        *("--http", "apps.ocpp.server:DoorProtocol", "--lifespan", "off", "--log-level", "error"),
    ]
    server = subprocess.Popen(command, cwd=PROJECT, env=environment, pass_fds=[listener.fileno()])
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ocpp", server
    finally:
        server.kill()
        server.wait()
        listener.close()
