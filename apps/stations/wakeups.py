"""Wake-ups over the channel layer: "look again" for whoever holds a station's socket.

At most once and never the truth: the rows are, and each ocpp process asks for them every second. They leave through
one background loop a process, so that no handshake or request waits for the broker.
"""

import asyncio
import logging
import os
import threading

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
_loops: dict[int, asyncio.AbstractEventLoop] = {}
_starting = threading.Lock()


def station_group(station_id: int) -> str:
    """Return the channel layer's group of a station's sockets."""
    return f"station.{station_id}"


def wake_on_commit(station_id: int, kind: str, **fields: int | str) -> None:
    """Send ``{"type": kind, "station_id": …, **fields}`` to the station's group once the transaction has committed.

    kind  "station.commands" (commands were requested) or "station.connected" (``connection_no`` is the newest socket)
    """
    message = {"type": kind, "station_id": station_id, **fields}
    transaction.on_commit(lambda: asyncio.run_coroutine_threadsafe(_send(station_id, message), _loop()), robust=True)


def _loop() -> asyncio.AbstractEventLoop:
    """Return this process's loop for wake-ups; a forked worker starts one of its own."""
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="wake-ups", daemon=True).start()
        return loop


async def _send(station_id: int, message: dict[str, int | str]) -> None:
    layer = get_channel_layer()
    # The first send after a restart of the broker fails on the old connection; the second finds a new one.
    for attempt in (1, 2):
        try:
            await layer.group_send(station_group(station_id), message)
        except (RedisError, OSError) as error:
            log.warning("wake-up %s of station %s failed (attempt %s): %s", message["type"], station_id, attempt, error)
        else:
            return
