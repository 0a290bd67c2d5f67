"""A server that is ended and started again: when every station is back."""

import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Any

from apps.ocpp.models import Frame
from apps.stations.models import ChargingStation
from bench.measure import cpu_s_of_process, say
from bench.ocpp_house import CrowdProcess, new_stations, serve, serving, yesterday
from tests.factories import Site


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--returning", type=int, default=1_000, help="stations of ocpp that come back (%(default)s)")


def measure(site: Site, options: Namespace) -> dict[str, Any]:
    """Kill the only server of a thousand stations, start it again, and wait for the last one's boot."""
    count = options.returning
    with serving() as processes:
        server = serve(processes)
        stations = new_stations(site, count)
        with CrowdProcess([server], stations, since=yesterday()) as crowd:
            crowd.do("connect")
            say(f"ocpp: the server of {count} stations is killed and started again")
            crowd.order("come_back")
            killed_at = time.monotonic()
            processes.kill(server.name)
            again = serve(processes, port=server.port)
            ready_at, cpu = time.monotonic(), cpu_s_of_process(again.pid)
            told = crowd.answer()
            back_at = sorted(told["back_at"])
            cpu_s = cpu_s_of_process(again.pid) - cpu
            crowd.do("ask")
            _assert_back(stations)
            crowd.do("leave")
        assert again.port == server.port
    return {
        "stations": count,
        "all_back_s": {
            "since_ready": round(back_at[-1] - ready_at, 1),
            "since_killed": round(back_at[-1] - killed_at, 1),
        },
        "half_back_s": {"since_ready": round(back_at[count // 2] - ready_at, 1)},
        "server_cpu_s": round(cpu_s, 1),
        "handshakes_that_failed": told["failed"],
        "server_start_s": round(ready_at - killed_at, 1),
        "equal": "every station has a new socket, on whose newest its BootNotification was kept and answered once",
    }


def _assert_back(stations: Sequence[ChargingStation]) -> None:
    back = ChargingStation.objects.filter(
        pk__in=[station.pk for station in stations], connection_no__gt=1, disconnected_at=None
    )
    newest = dict(back.values_list("pk", "connection_no"))
    assert len(newest) == len(stations), len(newest)
    frames = Frame.objects.filter(station__in=stations).values_list("station_id", "connection_no", "direction")
    counts = Counter(frames)
    for station_id, connection_no in newest.items():
        told = [counts[station_id, connection_no, direction] for direction in ("in", "out")]
        assert told == [1, 1], (station_id, connection_no, told)
