"""Wake-ups over the channel layer: "look again" for whoever holds a station's socket.

At most once and never the truth: the rows are, and each ocpp process asks for them every second. They leave through
one background loop a process, so that no handshake or request waits for the broker.

Live boards hear of changed stations in the same way: what changes within ``GATHER_S`` is one message a process, so
that a busy fleet costs the broker no more than a quiet one.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
BOARDS: Final = "boards"
"""The channel layer's group of everybody who watches stations."""
GATHER_S: Final = 0.3
_loops: dict[int, asyncio.AbstractEventLoop] = {}
_changed: dict[int, set[int]] = {}
_telling: set[asyncio.Future[None]] = set()
_starting = threading.Lock()


def station_group(station_id: int) -> str:
    """Return the channel layer's group of a station's sockets."""
    return f"station.{station_id}"


def wake_on_commit(station_id: int, kind: str, **fields: int | str) -> None:
    """Send ``{"type": kind, "station_id": …, **fields}`` to the station's group once the transaction has committed.

    kind  "station.commands" (commands were requested) or "station.connected" (``connection_no`` is the newest socket)
    """
    message = {"type": kind, "station_id": station_id, **fields}
    group = station_group(station_id)
    transaction.on_commit(lambda: asyncio.run_coroutine_threadsafe(_send(group, message), _loop()), robust=True)
    tell_boards_on_commit([station_id])


def tell_boards_on_commit(station_ids: Iterable[int]) -> None:
    """Tell live boards, once the transaction has committed, that these stations stand otherwise than before."""
    changed = frozenset(station_ids)
    if changed:
        transaction.on_commit(lambda: _loop().call_soon_threadsafe(_gather, changed), robust=True)


def _gather(station_ids: frozenset[int]) -> None:
    """Keep what changed until it is told; runs on the wake-ups' own loop."""
    changed = _changed.setdefault(os.getpid(), set())
    if not changed:
        _loop().call_later(GATHER_S, _tell_boards, changed)
    changed |= station_ids


def _tell_boards(changed: set[int]) -> None:
    message = {"type": "board.changed", "station_ids": sorted(changed)}
    changed.clear()
    task = asyncio.ensure_future(_send(BOARDS, message), loop=_loop())
    _telling.add(task)
    task.add_done_callback(_telling.discard)


def _loop() -> asyncio.AbstractEventLoop:
    """Return this process's loop for wake-ups; a forked worker starts one of its own."""
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="wake-ups", daemon=True).start()
        return loop


async def _send(group: str, message: Mapping[str, Any]) -> None:
    layer = get_channel_layer()
    # The first send after a restart of the broker fails on the old connection; the second finds a new one.
    for attempt in (1, 2):
        try:
            await layer.group_send(group, message)
        except (RedisError, OSError) as error:
            log.warning("wake-up %s for %s failed (attempt %s): %s", message["type"], group, attempt, error)
        else:
            return
