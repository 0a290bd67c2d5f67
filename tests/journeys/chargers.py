"""A charger that lives beside a test, and a driver who pays at it without looking at the pages."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.stations.models import Connector, PayCode
from config.demo.seed import station_key
from config.demo.telling import wait_for
from config.installation import Installation

CLOCK_GRAIN = timedelta(milliseconds=1)
Result = TypeVar("Result")


class HastyCharger(LiveCharger):
    """A charger whose clock runs 30 times as fast from the start of its charge on, and so does the energy."""

    async def on_remote_start(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.clock = fast_clock(30)
        return await super().on_remote_start(payload)


class BesideTheTest:
    """A live charger on an event loop in a thread."""

    def __init__(self, charger: LiveCharger) -> None:
        self.charger = charger
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"charger {charger.identity}")
        self._thread.start()
        self._life = asyncio.run_coroutine_threadsafe(charger.run(), self._loop)

    @cached_property
    def code(self) -> str:
        """The code on the connector's sticker."""
        place = {"station__identity": self.charger.identity, "number": self.charger.connector}
        return PayCode.objects.get(**{f"connector__evse__{name}": value for name, value in place.items()}).code

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Let the charger do something of its own accord."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def end(self) -> None:
        self._life.cancel()
        self.do(self._let_go())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _let_go(self) -> None:
        await self.charger.drop()
        # Again and again, because Python 3.11's wait_for loses a cancellation that comes together with its result.
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in rest:
                task.cancel()
            await asyncio.wait(rest, timeout=0.1)


@contextmanager
def living(
    running: Installation, identity: str, connector: int, *, key: str | None = None, **options: Any
) -> Iterator[BesideTheTest]:
    """Keep a charger online whose car plugs in when asked; without ``key`` it is one of the demo's."""
    begun_at = datetime.now(UTC) - CLOCK_GRAIN
    charger = HastyCharger(
        *(running.ocpp_url, identity, station_key(identity) if key is None else key),
        **{"connector": connector, "meter_wh": 88_000, "interval_s": 0.5, **options},
    )
    beside = BesideTheTest(charger)
    try:
        told = Connector.objects.filter(
            evse__station__identity=identity, evse__number=connector, status="Available", status_at__gte=begun_at
        )
        wait_for(f"{identity} to be online", told.first)
        yield beside
    finally:
        beside.end()
