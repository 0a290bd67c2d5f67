"""Fifty drivers at the same instant."""

from argparse import ArgumentParser, Namespace
from statistics import median
from typing import Any

from apps.sessions.models import ChargingSession
from bench.measure import percentile_ms, say
from bench.ocpp_house import CrowdProcess, new_stations, serve, serving, yesterday
from bench.ocpp_kept import assert_each_answered_once, assert_samples_kept
from tests.factories import Site

STARTS = 50
ROUNDS = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Take no options."""


def measure(site: Site, options: Namespace) -> dict[str, Any]:
    """Let new stations start all at once, in each round, on sockets that are open already."""
    say(f"ocpp: {STARTS} starts in one instant, {ROUNDS} times")
    with serving() as processes:
        server = serve(processes)
        rounds = [_round(site, server) for _ in range(ROUNDS)]
    seconds = [second for one in rounds for second in one["seconds"]]
    return {
        "starts": STARTS,
        "rounds": ROUNDS,
        "errors": 0,
        "all_answered_ms": round(median(one["wall_s"] for one in rounds) * 1000, 1),
        "p50_ms": percentile_ms(seconds, 50),
        "p99_ms": percentile_ms(seconds, 99),
        "equal": "each start was accepted and is one live session with its begin, answered once",
    }


def _round(site: Site, server: Any) -> dict[str, Any]:
    stations, since = new_stations(site, STARTS), yesterday()
    with CrowdProcess([server], stations, since=since) as crowd:
        crowd.do("connect")
        told = crowd.do("start", at_once=STARTS)
        crowd.do("leave")
    assert told["statuses"] == {"Accepted": STARTS}, told["statuses"]
    assert ChargingSession.objects.filter(station__in=stations, status="live").count() == STARTS
    assert_samples_kept(stations, [0] * STARTS, since)
    assert_each_answered_once(stations, messages=STARTS)
    return told
