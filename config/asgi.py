"""One ASGI application: HTTP to Django, websockets to the OCPP edge, but for the live board's."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
http_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from apps.console.routing import BOARD_PATH, board_application  # noqa: E402
from apps.ocpp.routing import websocket_application  # noqa: E402


async def websockets(scope: Any, receive: Any, send: Any) -> None:
    """Hand a socket to whoever serves its path."""
    serve = board_application if scope["path"] == BOARD_PATH else websocket_application
    await serve(scope, receive, send)


application = ProtocolTypeRouter({"http": http_application, "websocket": websockets})
