"""One ASGI application: HTTP to Django, websockets to the OCPP edge."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
http_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from apps.ocpp.routing import websocket_application  # noqa: E402

application = ProtocolTypeRouter({"http": http_application, "websocket": websocket_application})
