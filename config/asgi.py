"""One ASGI application: HTTP to Django, websockets to the OCPP edge, but for the live board's."""

import os
from typing import Any, Final

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
http_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from apps.console.routing import BOARD_PATH, board_application  # noqa: E402
from apps.ocpp.routing import STATION_PATH, websocket_application  # noqa: E402

WEBSOCKETS: Final = ((BOARD_PATH, board_application), (STATION_PATH, websocket_application))
"""Every socket there is, by the whole of its path; a test says who gets through each."""


async def websockets(scope: Any, receive: Any, send: Any) -> None:
    """Hand a socket to whoever serves its path; the chargers' edge turns away what nobody serves."""
    found = (serve for path, serve in WEBSOCKETS if path.fullmatch(scope["path"]))
    await next(found, websocket_application)(scope, receive, send)


application = ProtocolTypeRouter({"http": http_application, "websocket": websockets})
