"""Messages of chargers answered per second by one ASGI process, each answer after its commit.

50 sockets with one open call each are compared with one socket, whose flushes hold one message: what the writer
gains by taking together what gathered. A second writer to compare with would be a second code path in the app.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from apps.contracts.models import IdToken
from apps.core.clock import now
from apps.ocpp.models import Direction, Frame
from apps.sessions.models import ChargingSession, MeterReading
from apps.stations.models import ChargingStation
from bench import chargers
from bench.house import child_env, own_database
from bench.measure import cpu_s_of_process, percentile_ms, say
from config.processes import BASE_DIR, Processes, asgi_command, free_port
from tests.factories import STATION_KEY, Site, make_evse, make_site, make_station

SOCKETS = 50
MESSAGES_OF_A_SESSION = 3 + chargers.SESSION_SAMPLES
FLAT_PRICE = [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=8, help="of talk in a round of ocpp (%(default)s)")
    parser.add_argument("--ocpp-rounds", type=int, default=3, help="rounds of ocpp (%(default)s)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """The process under test."""

    url: str
    pid: int


def run(options: Namespace) -> dict[str, Any]:
    """Let the chargers talk, with new stations in each round, and return the figures of the middle."""
    kinds = [(story, sockets) for story in chargers.STORIES for sockets in (SOCKETS, 1)]
    rounds: dict[tuple[str, int], list[dict[str, float]]] = {kind: [] for kind in kinds}
    with own_database(), TemporaryDirectory() as logs, Processes(env=child_env(), log_dir=Path(logs)) as processes:
        server = _serve(processes)
        site = make_site(elements=FLAT_PRICE)
        for number in range(options.ocpp_rounds):
            for story, sockets in kinds:
                say(f"ocpp: round {number + 1}, {story} messages on {sockets} sockets")
                rounds[story, sockets].append(_round(server, site, story, sockets, options.seconds))
                processes.check()
    return {
        "unit": "messages per second, one ASGI process, each answered after its commit, seen from the chargers",
        "rounds": options.ocpp_rounds,
        "seconds": options.seconds,
        **{
            name: {
                f"{SOCKETS}_sockets": _middle(rounds[story, SOCKETS]),
                "rival": {"way": "one socket: flushes of one message", **_middle(rounds[story, 1])},
            }
            for story, name in (("meter", "meter_values"), ("session", "whole_sessions"))
        },
        "equal": "every sample and session that was answered is in the database as it was said, and nothing else;"
        " each answer was sent once",
    }


def _serve(processes: Processes) -> _Server:
    port = free_port(0)
    child = processes.start("ocpp", asgi_command(port))
    processes.wait_ready(f"http://127.0.0.1:{port}/healthz", name="ocpp")
    return _Server(url=f"ws://127.0.0.1:{port}/ocpp", pid=child.pid)


def _middle(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in rounds), 1) for name in rounds[0]}


def _round(server: _Server, site: Site, story: str, sockets: int, seconds: float) -> dict[str, float]:
    """Let new stations talk and compare what they said with what is kept."""
    stations = [_new_station(site) for _ in range(sockets)]
    # Not today's messages but a buffered yesterday's, so that no sample lies in the future however fast they come.
    since = now().replace(microsecond=0) - timedelta(days=1)
    job = {
        "url": server.url,
        "key": STATION_KEY,
        "stations": [station.identity for station in stations],
        "seconds": seconds,
        "story": story,
        "since": since.isoformat(),
    }
    before = cpu_s_of_process(server.pid)
    told = _talk(job)
    server_cpu_s = cpu_s_of_process(server.pid) - before
    count = len(told["seconds"])
    if story == "meter":
        _assert_samples_kept(stations, told["done"], since)
    else:
        _assert_sessions_kept(stations, told["done"], since)
    starts = sockets if story == "meter" else 0
    _assert_each_answered_once(stations, messages=count + starts)
    return {
        "messages_per_s": count / told["wall_s"],
        "p50_ms": percentile_ms(told["seconds"], 50),
        "p99_ms": percentile_ms(told["seconds"], 99),
        "server_cpu_us_per_message": server_cpu_s / count * 1_000_000,
        "client_cpu_us_per_message": told["client_cpu_s"] / count * 1_000_000,
    }


def _talk(job: dict[str, Any]) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.chargers"],
        cwd=BASE_DIR,
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def _new_station(site: Site) -> ChargingStation:
    """Make a station with one EVSE and a card of its own, known since a moment ago."""
    station = make_station(location=site.location)
    make_evse(station=station)
    IdToken.objects.create(contract=site.contract, uid=chargers.card_of(station.identity))
    return station


def _assert_samples_kept(stations: Sequence[ChargingStation], done: Sequence[int], since: datetime) -> None:
    """Assert that the readings of each station are its begin and the samples that were answered."""
    for index, (station, samples) in enumerate(zip(stations, done, strict=True)):
        said = [_kept(chargers.sample(index, number, since=since)) for number in range(samples + 1)]
        assert _readings(station) == said, f"{station} said {len(said)} readings"


def _assert_sessions_kept(stations: Sequence[ChargingStation], done: Sequence[int], since: datetime) -> None:
    """Assert that each station's sessions and readings are those that were answered, none waiting for a person."""
    for index, (station, sessions) in enumerate(zip(stations, done, strict=True)):
        said = [
            [_kept(one) for one in chargers.session_samples(index, number, since=since)] for number in range(sessions)
        ]
        assert _readings(station) == [reading for session in said for reading in session], station
        rows = ChargingSession.objects.filter(station=station).order_by("started_at")
        ends = [(*session[-1], []) for session in said]
        kept = list(rows.values_list("ended_at", "meter_stop_milliwh", "review_reasons"))
        assert kept == ends, station


def _assert_each_answered_once(stations: Sequence[ChargingStation], *, messages: int) -> None:
    frames = Frame.objects.filter(station__in=stations)
    counts = [frames.filter(direction=direction).count() for direction in (Direction.IN, Direction.OUT)]
    assert counts == [messages, messages], (counts, messages)


def _readings(station: ChargingStation) -> list[tuple[datetime, int]]:
    rows = MeterReading.objects.filter(session__station=station).order_by("at", "energy_milliwh")
    return list(rows.values_list("at", "energy_milliwh"))


def _kept(said: tuple[datetime, int]) -> tuple[datetime, int]:
    """Return a reading as it is stored, in milliwatt-hours."""
    at, wh = said
    return at, wh * 1000
