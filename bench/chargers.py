"""Chargers that talk as fast as they are answered: a process of its own, so that the client costs the server nothing.

Reads one JSON object from stdin (url, key, stations, seconds, story, since), writes one to stdout. What a charger says
follows from its index and the count of what it said before, so the other side knows what must be in the database.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from apps.ocpp.simulator.charger import SimulatedCharger

T = TypeVar("T")
METER_WH = 1_000_000
SAMPLE_EVERY = timedelta(seconds=5)
SAMPLE_WH = 10
SESSION_SAMPLES = 3
SESSION_EVERY = timedelta(seconds=30)


def card_of(identity: str) -> str:
    return f"CARD-{identity}"


def sample(station: int, number: int, *, since: datetime) -> tuple[datetime, int]:
    """Return the register's instant and Wh at a sample; the station's index makes the registers differ."""
    return since + SAMPLE_EVERY * number, METER_WH + station + SAMPLE_WH * number


def session_samples(station: int, session: int, *, since: datetime) -> list[tuple[datetime, int]]:
    """Return a session's begin, samples and end; the register goes on from one session to the next."""
    begin_at = since + SESSION_EVERY * session
    begin_wh = METER_WH + station + SAMPLE_WH * (SESSION_SAMPLES + 1) * session
    return [(begin_at + SAMPLE_EVERY * number, begin_wh + SAMPLE_WH * number) for number in range(SESSION_SAMPLES + 2)]


@dataclass(slots=True)
class Talk:
    """What one charger did since an instant it speaks of: seconds per call, samples or sessions answered."""

    since: datetime
    seconds: list[float] = field(default_factory=list)
    done: int = 0

    async def timed(self, call: Awaitable[T]) -> T:
        before = time.perf_counter()
        answer = await call
        self.seconds.append(time.perf_counter() - before)
        return answer


async def meter_story(charger: SimulatedCharger, station: int, talk: Talk, is_over: Callable[[], bool]) -> None:
    """Send one sample after the other of a session that does not end."""
    at, wh = sample(station, 0, since=talk.since)
    started = await charger.start(card_of(charger.identity), at=at, meter_wh=wh)
    assert started.status == "Accepted", started
    while not is_over():
        reading = sample(station, talk.done + 1, since=talk.since)
        await talk.timed(charger.meter_values(started.transaction_id, [reading]))
        talk.done += 1


async def session_story(charger: SimulatedCharger, station: int, talk: Talk, is_over: Callable[[], bool]) -> None:
    """Tell whole sessions, each of six calls, one after the other."""
    card = card_of(charger.identity)
    while not is_over():
        (begin_at, begin_wh), *readings, (end_at, end_wh) = session_samples(station, talk.done, since=talk.since)
        assert await talk.timed(charger.authorize(card)) == "Accepted"
        started = await talk.timed(charger.start(card, at=begin_at, meter_wh=begin_wh))
        assert started.status == "Accepted", started
        for reading in readings:
            await talk.timed(charger.meter_values(started.transaction_id, [reading]))
        await talk.timed(charger.stop(started.transaction_id, at=end_at, meter_wh=end_wh, token=card))
        talk.done += 1


STORIES = {"meter": meter_story, "session": session_story}


async def talk_all(job: dict[str, Any]) -> dict[str, Any]:
    """Connect every station, then let all talk for the time given; each finishes what it began."""
    chargers = [SimulatedCharger(job["url"], identity, job["key"]) for identity in job["stations"]]
    talks = [Talk(since=datetime.fromisoformat(job["since"])) for _ in chargers]
    for charger in chargers:
        await charger.connect()
    began, cpu = time.perf_counter(), time.process_time()
    until = began + job["seconds"]
    async with asyncio.TaskGroup() as group:
        for station, (charger, talk) in enumerate(zip(chargers, talks, strict=True)):
            group.create_task(STORIES[job["story"]](charger, station, talk, lambda: time.perf_counter() >= until))
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    for charger in chargers:
        await charger.disconnect()
    return {
        "wall_s": wall_s,
        "client_cpu_s": cpu_s,
        "done": [talk.done for talk in talks],
        "seconds": [second for talk in talks for second in talk.seconds],
    }


if __name__ == "__main__":
    json.dump(asyncio.run(talk_all(json.load(sys.stdin))), sys.stdout)
