"""What the benchmarks of the chargers' side share: servers, stations by the thousand, and the crowd that uses them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from apps.contracts.models import IdToken
from apps.core.clock import now
from apps.stations.models import ChargingStation, Connector, Evse
from apps.stations.services import hash_key
from bench import chargers
from bench.house import child_env
from config.processes import BASE_DIR, Processes, asgi_command, free_port
from tests.factories import STATION_KEY, Site, next_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One ASGI process under test."""

    name: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"


@contextmanager
def serving() -> Iterator[Processes]:
    """Stop all servers at the end, however it ends."""
    with TemporaryDirectory() as logs, Processes(env=child_env(), log_dir=Path(logs)) as processes:
        yield processes


def serve(processes: Processes, name: str = "ocpp", *, port: int = 0) -> Server:
    """Start an ASGI process as production does and wait until it is ready."""
    port = port or free_port(0)
    child = processes.start(name, asgi_command(port))
    processes.wait_ready(f"http://127.0.0.1:{port}/healthz", name=name)
    return Server(name=name, port=port, pid=child.pid)


def new_stations(site: Site, count: int) -> list[ChargingStation]:
    """Make stations with one EVSE and a card each, known since a moment ago."""
    key_hash = hash_key(STATION_KEY)
    stations = ChargingStation.objects.bulk_create(
        ChargingStation(location=site.location, identity=f"CS-{next_number():05d}", key_hash=key_hash)
        for _ in range(count)
    )
    evses = Evse.objects.bulk_create(Evse(station=station, number=1) for station in stations)
    Connector.objects.bulk_create(Connector(evse=evse, max_power_w=22_000) for evse in evses)
    IdToken.objects.bulk_create(
        IdToken(contract=site.contract, seller=site.owner, uid=chargers.card_of(station.identity))
        for station in stations
    )
    return stations


def yesterday() -> datetime:
    """Return where stories begin: a buffered yesterday, so that no sample lies in the future however fast they come."""
    return now().replace(microsecond=0) - timedelta(days=1)


class CrowdProcess:
    """The chargers in a process of their own (``bench.crowd``); ``stations`` go to the servers in turn."""

    def __init__(self, servers: Sequence[Server], stations: Sequence[ChargingStation], *, since: datetime) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.crowd"],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        places = [[servers[number % len(servers)].url, station.identity] for number, station in enumerate(stations)]
        self._write({"key": STATION_KEY, "stations": places, "since": since.isoformat()})

    def order(self, do: str, **how: object) -> None:
        """Give an order; ``answer`` waits for its end."""
        self._write({"do": do, **how})

    def answer(self) -> dict[str, Any]:
        """Wait until the order is carried out and return what the crowd says of it."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"the crowd ended with code {self._child.wait()}; its words stand above"
        told: dict[str, Any] = json.loads(line)
        return told

    def do(self, do: str, **how: object) -> dict[str, Any]:
        """Give an order and wait until it is carried out."""
        self.order(do, **how)
        return self.answer()

    def _write(self, line: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(line) + "\n")
        self._child.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._child.kill()
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait()
