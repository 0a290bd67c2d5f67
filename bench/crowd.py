"""A crowd of chargers in a process of its own, that does what it is told and says how long it took.

Reads JSON lines from stdin: first ``{"key", "stations": [[url, identity], …], "since"}``, then an order each
(``{"do": "connect"}``, see ``Crowd.ORDERS``), and answers each by a line on stdout. Instants between the processes are
of the machine's monotonic clock, which they share.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from websockets.exceptions import InvalidHandshake

from apps.ocpp.simulator.charger import ConnectionLostError, SimulatedCharger, Started
from apps.ocpp.simulator.fleet import describe
from apps.ocpp.simulator.open_files import allow_sockets
from bench.chargers import card_of, sample

T = TypeVar("T")

AT_ONCE: Final = 50
"""How many connect or start together where nothing else is asked for."""
RETRY_S: Final = 0.5
"""A station that finds nobody tries again after a random time of up to twice this, as chargers are told to."""


class Crowd:
    """The stations and the transactions that they have begun."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._since = datetime.fromisoformat(job["since"])
        self._chargers = [SimulatedCharger(url, identity, job["key"]) for url, identity in job["stations"]]
        self._started: list[Started] = []
        self._done = [0 for _ in self._chargers]

    async def connect(self) -> dict[str, Any]:
        """Open every socket."""
        began = time.monotonic()
        await _some_at_a_time([charger.connect() for charger in self._chargers], at_once=AT_ONCE)
        return {"wall_s": time.monotonic() - began}

    async def ask(self) -> dict[str, Any]:
        """Ask the time on every socket, and so find out that each is open."""
        seconds = await _some_at_a_time([_timed(charger.heartbeat()) for charger in self._chargers], at_once=AT_ONCE)
        return {"seconds": seconds}

    async def start(self, at_once: int = AT_ONCE) -> dict[str, Any]:
        """Begin a transaction on every station."""
        began = time.monotonic()
        outcomes = await _some_at_a_time(
            [self._start(number) for number in range(len(self._chargers))], at_once=at_once
        )
        self._started = [started for _, started in outcomes]
        return {
            "wall_s": time.monotonic() - began,
            "seconds": [seconds for seconds, _ in outcomes],
            "statuses": Counter(started.status for started in self._started),
        }

    async def meter(self, samples: int, per_s: int) -> dict[str, Any]:
        """Send samples, station after station, so many a second; a time counts from when the sample was due."""
        spent: list[float] = []
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(len(self._chargers)):
                due = [began + turn / per_s for turn in range(number, samples, len(self._chargers))]
                group.create_task(self._meter(number, due, spent))
        return {"wall_s": time.monotonic() - began, "seconds": spent, "done": self._done}

    async def come_back(self) -> dict[str, Any]:
        """Wait until each has lost its socket, connect again and boot; return when each was back.

        failed  handshakes and boots that did not succeed though somebody listened, by kind
        """
        failed: Counter[str] = Counter()
        back_at = await asyncio.gather(*(self._come_back(charger, failed) for charger in self._chargers))
        return {"back_at": back_at, "failed": failed}

    async def leave(self) -> dict[str, Any]:
        """Close every socket in good order."""
        await _some_at_a_time([charger.disconnect() for charger in self._chargers], at_once=AT_ONCE)
        return {}

    ORDERS: Final[dict[str, Callable[..., Awaitable[dict[str, Any]]]]] = {
        order.__name__: order for order in (connect, ask, start, meter, come_back, leave)
    }

    async def _start(self, number: int) -> tuple[float, Started]:
        charger = self._chargers[number]
        at, wh = sample(number, 0, since=self._since)
        before = time.monotonic()
        started = await charger.start(card_of(charger.identity), at=at, meter_wh=wh)
        return time.monotonic() - before, started

    async def _meter(self, number: int, due: Sequence[float], spent: list[float]) -> None:
        charger, transaction_id = self._chargers[number], self._started[number].transaction_id
        for due_at in due:
            await asyncio.sleep(due_at - time.monotonic())
            reading = sample(number, self._done[number] + 1, since=self._since)
            await charger.meter_values(transaction_id, [reading])
            self._done[number] += 1
            spent.append(time.monotonic() - due_at)

    async def _come_back(self, charger: SimulatedCharger, failed: Counter[str]) -> float:
        await charger.closed.wait()
        while True:
            await asyncio.sleep(random.uniform(0, 2 * RETRY_S))
            try:
                await charger.connect()
                await charger.boot()
            except ConnectionRefusedError:
                continue
            except (ConnectionLostError, InvalidHandshake, OSError, TimeoutError) as error:
                failed[describe(error)] += 1
                continue
            return time.monotonic()


async def _timed(call: Awaitable[object]) -> float:
    before = time.monotonic()
    await call
    return time.monotonic() - before


async def _some_at_a_time(works: Sequence[Coroutine[Any, Any, T]], *, at_once: int) -> list[T]:
    turn = asyncio.Semaphore(at_once)

    async def take_turn(work: Coroutine[Any, Any, T]) -> T:
        async with turn:
            return await work

    return await asyncio.gather(*map(take_turn, works))


async def obey() -> None:
    """Take orders until stdin ends."""
    job = json.loads(await asyncio.to_thread(sys.stdin.readline))
    allow_sockets(len(job["stations"]))
    crowd = Crowd(job)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        answer = await Crowd.ORDERS[order.pop("do")](crowd, **order)
        # In a thread: a long answer waits for its reader, and the chargers must not.
        await asyncio.to_thread(print, json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(obey())
