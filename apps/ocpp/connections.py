"""The stations that this process holds, and what reaches them from elsewhere.

Once a second the process claims the requested commands of the stations it holds, in one query, and asks whether a newer
socket has raised a station's ``connection_no``. A message of the channel layer only makes it look at once, at the
station it names: with Redis gone, a command is up to a second late and nothing else changes.
"""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from channels.layers import get_channel_layer

from apps.core import clock
from apps.ocpp import conf
from apps.ocpp.pool import in_pool
from apps.ocpp.selectors import connection_numbers
from apps.ocpp.writer import NotWrittenError, writer
from apps.stations import services as stations
from apps.stations.wakeups import station_group

if TYPE_CHECKING:
    from apps.ocpp.consumers import StationConsumer

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
# How long to wait before asking the channel layer again after it failed.
_RETRY_S: Final = 1.0


class Connections:
    """The held stations of one event loop; its tasks live as long as a station is held."""

    def __init__(self) -> None:
        self._held: dict[int, StationConsumer] = {}
        self._written: dict[int, datetime] = {}
        self._woken: set[int] = set()
        self._look = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()

    def add(self, consumer: "StationConsumer") -> None:
        """Hold a station's newest socket; an older one of this process is closed."""
        older = self._held.get(consumer.station_id)
        if older is not None and older.connection_no > consumer.connection_no:
            self._send_away(consumer)
            return
        self._held[consumer.station_id] = consumer
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._poll_forever()), asyncio.create_task(self._listen_forever())]
        self._changed.set()
        self._look_at(consumer.station_id)
        if older is not None:
            self._send_away(older)

    def remove(self, consumer: "StationConsumer") -> None:
        """Let go of a socket that has closed."""
        if self._held.get(consumer.station_id) is not consumer:
            return
        del self._held[consumer.station_id]
        self._written.pop(consumer.station_id, None)
        self._changed.set()
        if not self._held:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def _send_away(self, consumer: "StationConsumer") -> None:
        """Close an older socket in a task of its own: a peer that reads nothing keeps its closing waiting."""
        task = asyncio.create_task(consumer.supersede())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _look_at(self, station_id: int) -> None:
        self._woken.add(station_id)
        self._look.set()

    async def _poll_forever(self) -> None:
        everyone_at = time.monotonic()
        while True:
            self._look.clear()
            looked_at, self._woken = self._woken & self._held.keys(), set()
            if time.monotonic() >= everyone_at:
                looked_at, everyone_at = set(self._held), time.monotonic() + POLL_S
            try:
                await self._close_superseded(looked_at)
                await self._claim_commands(looked_at)
                await self._write_seen()
            except Exception:
                # Stations stay connected while the database is away; the next second asks again.
                log.warning("the stations' commands could not be asked for", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), max(0.0, everyone_at - time.monotonic()))

    async def _close_superseded(self, station_ids: Collection[int]) -> None:
        newest = await in_pool(connection_numbers, station_ids=station_ids)
        for station_id, connection_no in newest.items():
            consumer = self._held.get(station_id)
            if consumer is not None and consumer.connection_no < connection_no:
                self._send_away(consumer)

    async def _claim_commands(self, station_ids: Collection[int]) -> None:
        held = {station_id: self._held[station_id] for station_id in station_ids if station_id in self._held}
        idle = tuple(station_id for station_id, consumer in held.items() if consumer.is_idle)
        commands = await in_pool(stations.take_commands, station_ids=idle, at=clock.now())
        for command in commands:
            if command.station_id in self._held:
                self._held[command.station_id].carry_out([command])

    async def _write_seen(self) -> None:
        """Note, in batch and seldom, that the held stations are there: an open socket answers the server's pings."""
        now = clock.now()
        due = {
            station_id: now
            for station_id in self._held
            if station_id not in self._written
            or (now - self._written[station_id]).total_seconds() >= conf.seen_interval_s()
        }
        if not due:
            return
        self._written |= due
        try:
            await writer.run(lambda: stations.touch_stations(due))
        except NotWrittenError:
            log.warning("last seen of %s stations was not written", len(due))

    async def _listen_forever(self) -> None:
        """Be in the channel layer's group of each held station, with one channel for the whole process."""
        layer: Any = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                listening = asyncio.create_task(self._listen(layer, channel))
                try:
                    await self._subscribe(layer, channel)
                finally:
                    listening.cancel()
            except Exception as error:
                log.warning("no wake-ups from the channel layer: %s", error)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self, layer: Any, channel: str) -> None:
        while True:
            message = await layer.receive(channel)
            # A process of an older release names none: its commands are found within the second.
            if (station_id := message.get("station_id")) is not None:
                self._look_at(station_id)

    async def _subscribe(self, layer: Any, channel: str) -> None:
        subscribed: set[int] = set()
        while True:
            self._changed.clear()
            for station_id in self._held.keys() - subscribed:
                await layer.group_add(station_group(station_id), channel)
                subscribed.add(station_id)
            for station_id in subscribed - self._held.keys():
                await layer.group_discard(station_group(station_id), channel)
                subscribed.discard(station_id)
            await self._changed.wait()


_by_loop: dict[asyncio.AbstractEventLoop, Connections] = {}


def held_here() -> Connections:
    """Return the connections of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        _by_loop[loop] = Connections()
        for closed in [other for other in _by_loop if other.is_closed()]:
            del _by_loop[closed]
    return _by_loop[loop]
