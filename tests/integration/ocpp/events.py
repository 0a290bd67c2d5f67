"""TransactionEvents as stations write them, and what is exchanged over a socket, frame by frame."""

import asyncio
import json
from datetime import datetime
from typing import Any

from apps.ocpp.simulator.charger import SimulatedCharger, wire_time

TOKEN_TYPE = "ISO14443"


def sample(wh: Any, *, context: str | None = "Sample.Periodic", **fields: Any) -> dict[str, Any]:
    """Write a sampled value; without a context it is a periodic one."""
    return {"value": wh, **({"context": context} if context else {}), **fields}


def meter(at: datetime, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": wire_time(at), "sampledValue": list(samples)}


def event(
    kind: str,
    at: datetime,
    *,
    ref: Any = "T-1",
    token: str | None = None,
    token_type: str = TOKEN_TYPE,
    evse: int | None = 1,
    trigger: str = "Trigger",
    info: dict[str, Any] | None = None,
    values: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Write a TransactionEvent; its ``seqNo`` is 0, as that of many stations always is."""
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": wire_time(at),
        "triggerReason": trigger,
        "seqNo": 0,
        "transactionInfo": {"transactionId": ref, **(info or {})},
        **fields,
    }
    if token is not None:
        payload["idToken"] = {"idToken": token, "type": token_type}
    if evse is not None:
        payload["evse"] = {"id": evse, "connectorId": 1}
    if values is not None:
        payload["meterValue"] = values
    return payload


async def exchange(charger: SimulatedCharger, text: str) -> list[Any]:
    """Send a frame as it is and return the frame that comes next."""
    answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def hear(direction: str, frame: str) -> None:
        if direction == "←" and not answer.done():
            answer.set_result(json.loads(frame))

    charger._on_frame = hear
    await charger.send_text(text)
    return await asyncio.wait_for(answer, 5)


async def tell_events(charger: SimulatedCharger, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the events one after the other and return the answers' payloads."""
    return [await charger.call("TransactionEvent", one) for one in events]
