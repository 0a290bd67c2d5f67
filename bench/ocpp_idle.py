"""Sockets that say nothing: what each costs the server process in memory."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from time import sleep
from typing import Any

from apps.ocpp.simulator.open_files import TooFewFilesError, allow_sockets
from apps.stations.models import ChargingStation
from bench.measure import percentile_ms, say
from bench.ocpp_house import CrowdProcess, new_stations, serve, serving, yesterday
from tests.factories import Site

WARM_UP = 50
IDLE_S = 35
"""Longer than the server waits between two pings (30 s): every socket has answered one when it is weighed."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--idle-sockets", type=int, default=5_000, help="of ocpp's idle stations (%(default)s)")


def measure(site: Site, options: Namespace) -> dict[str, Any]:
    """Weigh a server before and after the stations have come."""
    count = options.idle_sockets
    try:
        allow_sockets(count + WARM_UP)
    except TooFewFilesError as error:
        say(f"ocpp: idle sockets are not measured: {error}")
        return {"not_measured": str(error)}
    with serving() as processes:
        server = serve(processes)
        first, stations = new_stations(site, WARM_UP), new_stations(site, count)
        since = yesterday()
        with CrowdProcess([server], first, since=since) as few, CrowdProcess([server], stations, since=since) as crowd:
            few.do("connect")
            before_kib = _memory_kib(server.pid)
            say(f"ocpp: {count} idle sockets connect, then idle {IDLE_S} s")
            connected = crowd.do("connect")
            sleep(IDLE_S)
            after_kib = _memory_kib(server.pid)
            asked = crowd.do("ask")
            held = ChargingStation.objects.filter(
                pk__in=[station.pk for station in stations], connection_no=1, disconnected_at=None
            ).count()
            assert (held, len(asked["seconds"])) == (count, count), held
            crowd.do("leave")
            few.do("leave")
    return {
        "sockets": count,
        "kib_per_socket": round((after_kib - before_kib) / count, 1),
        "process_mib": {"before": round(before_kib / 1024, 1), "after": round(after_kib / 1024, 1)},
        "connected_per_s": round(count / connected["wall_s"]),
        "heartbeat_p99_ms": percentile_ms(asked["seconds"], 99),
        "equal": "after its first ping every station is held by its first socket and hears the time when it asks",
    }


def _memory_kib(pid: int) -> int:
    """Return the resident memory of a process (proc(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
