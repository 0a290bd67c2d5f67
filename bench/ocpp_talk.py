"""Messages of chargers answered per second by one ASGI process, each answer after its commit.

50 sockets with one open call each are compared with one socket, whose flushes hold one message: what the writer
gains by taking together what gathered. A second writer to compare with would be a second code path in the app.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from statistics import median
from typing import Any

from bench import chargers
from bench.measure import cpu_s_of_process, percentile_ms, say
from bench.ocpp_house import Server, new_stations, serve, serving, yesterday
from bench.ocpp_kept import assert_each_answered_once, assert_samples_kept, assert_sessions_kept
from config.processes import BASE_DIR
from tests.factories import STATION_KEY, Site

SOCKETS = 50


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=8, help="of talk in a round of ocpp (%(default)s)")
    parser.add_argument("--ocpp-rounds", type=int, default=3, help="rounds of ocpp (%(default)s)")


def measure(site: Site, options: Namespace) -> dict[str, Any]:
    """Let the chargers talk, with new stations in each round, and return the figures of the middle."""
    kinds = [(story, sockets) for story in chargers.STORIES for sockets in (SOCKETS, 1)]
    rounds: dict[tuple[str, int], list[dict[str, float]]] = {kind: [] for kind in kinds}
    with serving() as processes:
        server = serve(processes)
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


def _middle(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in rounds), 1) for name in rounds[0]}


def _round(server: Server, site: Site, story: str, sockets: int, seconds: float) -> dict[str, float]:
    """Let new stations talk and compare what they said with what is kept."""
    stations = new_stations(site, sockets)
    since = yesterday()
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
        assert_samples_kept(stations, told["done"], since)
    else:
        assert_sessions_kept(stations, told["done"], since)
    starts = sockets if story == "meter" else 0
    assert_each_answered_once(stations, messages=count + starts)
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
