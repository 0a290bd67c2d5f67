"""A fleet at work on two processes: samples at a steady rate, and commands that must get through meanwhile."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from apps.core.clock import now
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import request_command
from bench.measure import cpu_s_of_process, percentile_ms, say
from bench.ocpp_house import CrowdProcess, Server, new_stations, serve, serving, yesterday
from bench.ocpp_kept import assert_each_answered_once, assert_samples_kept
from tests.factories import Site

PER_S = 500
IDLE_COMMANDS = 200
BUSY_COMMANDS_PER_S = 10
LOOK_EVERY_S = 0.002
GIVE_UP_S = 30


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--stations", type=int, default=1_000, help="of ocpp's fleet at work (%(default)s)")
    parser.add_argument("--busy-seconds", type=float, default=15, help="that it works (%(default)s)")


def measure(site: Site, options: Namespace) -> dict[str, Any]:
    """Send commands to a silent fleet, then to the same one at work."""
    count, seconds = options.stations, options.busy_seconds
    messages = round(PER_S * seconds)
    with serving() as processes:
        servers = [serve(processes, f"ocpp-{number}") for number in (1, 2)]
        stations, since = new_stations(site, count), yesterday()
        with CrowdProcess(servers, stations, since=since) as crowd:
            say(f"ocpp: {count} stations connect to two processes")
            crowd.do("connect")
            started = crowd.do("start")
            assert started["statuses"] == {"Accepted": count}, started["statuses"]
            say(f"ocpp: {IDLE_COMMANDS} commands to a silent fleet")
            cpu = _cpu_s(servers)
            idle = [_round_trip_s(stations[number % count]) for number in range(IDLE_COMMANDS)]
            idle_cpu_s = _cpu_s(servers) - cpu
            say(f"ocpp: {PER_S} messages a second for {seconds:g} s, and commands")
            cpu = _cpu_s(servers)
            crowd.order("meter", samples=messages, per_s=PER_S)
            busy = _command_while(stations, seconds)
            told = crowd.answer()
            cpu_s = _cpu_s(servers) - cpu
            crowd.do("leave")
        processes.check()
    assert sum(told["done"]) == messages, sum(told["done"])
    assert_samples_kept(stations, told["done"], since)
    assert_each_answered_once(stations, messages=messages + count, commands=len(idle) + len(busy))
    return {
        "stations": count,
        "processes": len(servers),
        "messages_per_s": round(messages / told["wall_s"], 1),
        "p50_ms": percentile_ms(told["seconds"], 50),
        "p99_ms": percentile_ms(told["seconds"], 99),
        "server_cpu_us_per_message": round(cpu_s / messages * 1_000_000, 1),
        "command_idle": {**_figures(idle), "server_cpu_ms_per_command": round(idle_cpu_s / len(idle) * 1000, 1)},
        "command_busy": _figures(busy),
        "equal": "every sample is in the database as it was said, each call was answered once, and each command was"
        " accepted by its station on the process that holds it",
    }


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    return {"commands": len(seconds), "p50_ms": percentile_ms(seconds, 50), "p99_ms": percentile_ms(seconds, 99)}


def _cpu_s(servers: Sequence[Server]) -> float:
    return sum(cpu_s_of_process(server.pid) for server in servers)


def _command_while(stations: Sequence[ChargingStation], seconds: float) -> list[float]:
    """Send commands at a steady rate, to stations of each process in turn."""
    began = time.monotonic()
    spent: list[float] = []
    for number in range(round(seconds * BUSY_COMMANDS_PER_S)):
        due = began + number / BUSY_COMMANDS_PER_S
        if time.monotonic() > began + seconds:
            # The fleet has fallen silent: what follows would not be measured at work.
            break
        time.sleep(max(0.0, due - time.monotonic()))
        spent.append(_round_trip_s(stations[number * 7 % len(stations)]))
    return spent


def _round_trip_s(station: ChargingStation) -> float:
    """Ask a station to let go of its cable and wait until the command's row tells its answer."""
    at, before = now(), time.monotonic()
    command = request_command(
        station_id=station.pk,
        action="UnlockConnector",
        payload={"connectorId": 1},
        requested_at=at,
        deadline_at=at + timedelta(minutes=1),
    )
    row = StationCommand.objects.filter(pk=command.pk).values_list("status", flat=True)
    while (status := row.get()) in ("requested", "sent"):
        assert time.monotonic() - before < GIVE_UP_S, f"command {command.pk} was never answered"
        time.sleep(LOOK_EVERY_S)
    spent = time.monotonic() - before
    assert status == "accepted", status
    return spent
