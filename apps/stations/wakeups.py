"""Wake-ups over the channel layer: "look again" for whoever holds a station's socket.

At most once and never the truth: the rows are, and each ocpp process asks for them every second.
"""

import logging

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def station_group(station_id: int) -> str:
    """Return the channel layer's group of a station's sockets."""
    return f"station.{station_id}"


def wake_on_commit(station_id: int, kind: str, **fields: int | str) -> None:
    """Send ``{"type": kind, **fields}`` to the station's group once the running transaction has committed.

    kind  "station.commands" (commands were requested) or "station.connected" (``connection_no`` is the newest socket)
    """
    transaction.on_commit(lambda: _send(station_id, {"type": kind, **fields}), robust=True)


def _send(station_id: int, message: dict[str, int | str]) -> None:
    send = async_to_sync(get_channel_layer().group_send)
    # The first send after a restart of the broker fails on the old connection; the second finds a new one.
    for attempt in (1, 2):
        try:
            send(station_group(station_id), message)
        except (RedisError, OSError) as error:
            log.warning("wake-up %s of station %s failed (attempt %s): %s", message["type"], station_id, attempt, error)
        else:
            return
