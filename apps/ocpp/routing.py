"""The websocket side of the ASGI application: ``/ocpp/<identity>`` and nothing else."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from apps.ocpp.consumers import StationConsumer

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Many a charger is given a URL that ends in a slash and adds its own.
STATION_PATH: Final = re.compile(r"/+ocpp/+([^/]+)")
_consumer: Final = StationConsumer.as_asgi()


async def websocket_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a station's path to its consumer and answer 404 to any other."""
    match = STATION_PATH.fullmatch(scope["path"])
    if match is not None:
        await _consumer({**scope, "ocpp_identity": match[1]}, receive, send)
        return
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"not found"})
    else:
        await send({"type": "websocket.close"})
