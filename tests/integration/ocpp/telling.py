"""A station's end of the wire, frame by frame, and what is billed of it."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from apps.core import audit
from apps.sessions import services
from apps.sessions.models import Cdr, ChargingSession
from tests.integration.ocpp.conftest import Box

ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


class Wire:
    """One open websocket: calls out, answering frames in, nothing added."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, message_id: str, action: str, payload: Any) -> list[Any]:
        """Send a CALL and return the frame that answers it."""
        return await self.ask(json.dumps([2, message_id, action, payload], separators=(",", ":")))

    async def ask(self, text: str | bytes) -> list[Any]:
        """Send anything and return the next frame that comes."""
        await self.socket.send(text)
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10))

    def drop(self) -> None:
        """Cut the connection without a word."""
        self.socket.transport.abort()


@asynccontextmanager
async def wire(url: str, box: Box, **options: Any) -> Iterator[Wire]:
    """Open a box's websocket with its key; no BootNotification is sent."""
    pair = base64.b64encode(f"{box.station.identity}:{box.key}".encode()).decode()
    socket = await connect(
        f"{url}/{box.station.identity}",
        subprotocols=["ocpp1.6"],
        additional_headers={"Authorization": f"Basic {pair}"},
        proxy=None,
        **{"compression": None, **options},
    )
    try:
        yield Wire(socket)
    finally:
        await socket.close()


def z(at: datetime) -> str:
    """Write an instant as most stations do."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def start(token: str, at: datetime | str, meter_wh: Any = 1_000_000, connector: int = 1) -> dict[str, Any]:
    """Write the payload of StartTransaction.req."""
    told = at if isinstance(at, str) else z(at)
    return {"connectorId": connector, "idTag": token, "meterStart": meter_wh, "timestamp": told}


def stop(transaction_id: int, at: datetime | str, meter_wh: Any = 1_010_000, **more: Any) -> dict[str, Any]:
    """Write the payload of StopTransaction.req."""
    told = at if isinstance(at, str) else z(at)
    return {"transactionId": transaction_id, "meterStop": meter_wh, "timestamp": told, **more}


def values(transaction_id: int | None, *readings: tuple[datetime | str, dict[str, Any]], connector: int = 1) -> dict:
    """Write the payload of MeterValues.req: (instant, sampled value) each."""
    told = [{"timestamp": at if isinstance(at, str) else z(at), "sampledValue": [sample]} for at, sample in readings]
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {"connectorId": connector, **named, "meterValue": told}


def wh(energy: int) -> dict[str, str]:
    """Write the sample of a well-behaved meter."""
    return {"value": str(energy), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}


def state(status: str, at: datetime, connector: int = 1) -> dict[str, Any]:
    """Write the payload of StatusNotification.req."""
    return {"connectorId": connector, "errorCode": "NoError", "status": status, "timestamp": z(at)}


def bill(at: datetime) -> list[Cdr]:
    """Do all that is due at ``at``, twice; check the audit and return the charge records, oldest session first."""
    for _ in range(2):
        services.sweep_unsettled(at=at)
        services.sweep_unrated(at=at)
        services.sweep_late_evidence(at=at)
    assert list(audit.find_violations()) == []
    return list(Cdr.objects.order_by("session__started_at", "session_id", "revision"))


def told_once(at: datetime) -> tuple[ChargingSession, list[Cdr]]:
    """Bill, and return the only session there is with its records."""
    records = bill(at)
    return ChargingSession.objects.get(), records
