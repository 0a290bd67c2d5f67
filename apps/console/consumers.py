"""The live board's socket: it rings when a station of the organisation stands otherwise, and says nothing else.

Whoever holds it is asked for at every ring, in the database: a session that ended, a membership that was taken away or
another role close it. What a browser sends is not read.
"""

import asyncio
import json
import logging
from collections.abc import Collection
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user
from django.db import Error as DatabaseFailure

from apps.accounts.domain.roles import OPERATOR_ROLES
from apps.accounts.middleware import current_membership
from apps.accounts.models import Membership
from apps.accounts.scope import has_role, operated_rows
from apps.accounts.second_factors import must_set_one_up
from apps.ocpp.pool import in_slow_lane
from apps.stations.models import ChargingStation
from apps.stations.wakeups import BOARDS

log = logging.getLogger(__name__)

GAP_S: Final = 1.0
"""The least time between two rings: what changes meanwhile is told together."""
LOOK_S: Final = 30.0
"""How long the socket may stay silent before it looks whether its holder may still listen."""
CLOSE_NO_LONGER: Final = 4003
_SESSIONS: Final = import_module(settings.SESSION_ENGINE).SessionStore


class BoardConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels carries no types.
    """One open board; it sends ``{"stations": [ids]}``, empty when all that changed is the time."""

    _teller: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Let in who may look at stations, from a page of ours; anybody else gets a 403 instead of a socket."""
        self._key = _session_key(self.scope)
        self._changed: set[int] = set()
        self._ring = asyncio.Event()
        if not is_from_here(self.scope) or await in_slow_lane(stations_to_tell, session_key=self._key, ids=()) is None:
            await self.close()
            return
        await self.channel_layer.group_add(BOARDS, self.channel_name)
        await self.accept()
        self._teller = asyncio.create_task(self._tell_forever())

    async def disconnect(self, code: int) -> None:
        if self._teller is not None:
            self._teller.cancel()
            await self.channel_layer.group_discard(BOARDS, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Read nothing: a board only listens."""

    async def board_changed(self, message: dict[str, Any]) -> None:
        """Hear from the channel layer which stations changed, whosever they are."""
        self._changed.update(message["station_ids"])
        self._ring.set()

    async def _tell_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ring.wait(), LOOK_S)
            self._ring.clear()
            changed, self._changed = self._changed, set()
            try:
                own = await in_slow_lane(stations_to_tell, session_key=self._key, ids=changed)
            except DatabaseFailure:
                log.warning("a live board could not be told", exc_info=True)
                own = []
            if own is None:
                await self.close(CLOSE_NO_LONGER)
                return
            await self.send(text_data=json.dumps({"stations": own}))
            await asyncio.sleep(GAP_S)


class _Listener:
    """Who holds a socket: as much of a request as ``accounts.scope`` asks for."""

    def __init__(self, session_key: str) -> None:
        self.session = _SESSIONS(session_key)
        self.user = get_user(self)  # type: ignore[arg-type]

    def get_membership(self) -> Membership | None:
        return current_membership(self)  # type: ignore[arg-type]


def stations_to_tell(*, session_key: str, ids: Collection[int]) -> list[int] | None:
    """Return which of the stations the session's person operates; None: they may not look at any."""
    listener: Any = _Listener(session_key)
    # No middleware of Django's stands before a websocket: what it asks of a page is asked here.
    is_staff = admin.site.has_permission(listener) and not must_set_one_up(listener.user)
    if not is_staff or not has_role(listener, OPERATOR_ROLES):
        return None
    stations = operated_rows(listener, ChargingStation.objects.filter(pk__in=ids)) if ids else ()
    return sorted(station.pk for station in stations)


def is_from_here(scope: dict[str, Any]) -> bool:
    """Say whether a page of this very site opened the socket; browsers send cookies with anybody's."""
    headers = dict(scope["headers"])
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    told = urlsplit(origin)
    return told.scheme in ("http", "https") and bool(host) and told.netloc == host


def _session_key(scope: dict[str, Any]) -> str:
    cookies: SimpleCookie = SimpleCookie()
    with suppress(CookieError):
        cookies.load(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    found = cookies.get(settings.SESSION_COOKIE_NAME)
    return found.value if found else ""
