"""The socket of one station: authenticate, read, hand to the writer, answer; and send commands, one at a time.

A station is read one message after the other, so a station that sends faster than it is answered waits in its own TCP
buffer. The event loop itself touches no database: frames go to the writer, the rest to a small pool of threads.
"""

import asyncio
import base64
import logging
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseFailure

from apps.core import clock
from apps.ocpp import conf, door, services
from apps.ocpp.alarms import note_superseded
from apps.ocpp.answers import take_answer
from apps.ocpp.calls import UnknownCallError, payload_of
from apps.ocpp.connections import held_here
from apps.ocpp.domain import frames
from apps.ocpp.domain.frames import Call, CallError, CallResult, Decoded, Refusal
from apps.ocpp.domain.pace import Pace
from apps.ocpp.handling import timestamp
from apps.ocpp.models import Direction, EventKind, Frame
from apps.ocpp.pool import in_pool
from apps.ocpp.services import Arrival
from apps.ocpp.strangers import Strangers
from apps.ocpp.together import Together
from apps.ocpp.versions import VERSIONS, Version, choose_version
from apps.ocpp.visitors import Visitor, visitor_of
from apps.ocpp.writer import NotWrittenError, writer
from apps.stations import services as stations
from apps.stations.domain.redaction import MASK, redact_text
from apps.stations.models import StationCommand
from apps.stations.sealing import CannotUnseal
from apps.stations.services import Entry, Exit, StationLogin

log = logging.getLogger(__name__)

CLOSE_SUPERSEDED: Final = 4001
CLOSE_FAULT: Final = 1011
# Anything shorter (no key of ours is) might stand in a frame by chance.
_SHORTEST_KEY: Final = 16
# What is said every few seconds says nothing of settings: it is kept to the letter, unread.
_WITHOUT_SECRETS: Final = frames.TRANSACTION_ACTIONS | {"Authorize", "Heartbeat", "StatusNotification"}
Answer: TypeAlias = CallResult | CallError

strangers = Strangers()
_entries: Final = Together(partial(stations.connect_stations, wait=False))
_exits: Final = Together(stations.disconnect_stations)


class StationConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels carries no types.
    """One authenticated connection; the newest of a station wins."""

    # No channel of its own: what comes from other processes reaches it through ``Connections``, so that a station
    # stays connected while Redis is away.
    channel_layer_alias = "none"

    station_id: int
    version: Version
    address: str
    connection_no: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection, and let go of the station however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._let_go()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the message's handler; Channels' own look at old database connections is not needed on this thread."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    # --- the door ---------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Let the station in, or refuse with an HTTP status before the handshake completes."""
        visitor = visitor_of(self.scope)
        try:
            login = await door.answer(visitor)
            if isinstance(login, door.Refused):
                await self._refuse(login.status, login.reason, login.headers)
                await strangers.meet(visitor, at=clock.now())
                return
            version = choose_version(visitor.subprotocols, only=login.only_protocol)
            if version is None:
                known = " or ".join(version.subprotocol for version in VERSIONS)
                await self._refuse(400, f"offer the websocket subprotocol {known}, as the station is set up")
            else:
                await self._enter(login, version, visitor)
        except DatabaseFailure:
            log.warning("station %s could not be let in: the database failed", visitor.identity, exc_info=True)
            await self._refuse(503, "try again")

    async def _enter(self, login: StationLogin, version: Version, visitor: Visitor) -> None:
        self.station_id, self.version, self.address = login.station_id, version, visitor.address
        self._over = self._trusted = self._throttled = False
        key = (visitor.key or b"").decode(errors="ignore")
        self._own_key = key if len(key) >= _SHORTEST_KEY else ""
        self._pace = Pace(per_second=conf.messages_per_second(), now_s=time.monotonic())
        self._waiting: deque[StationCommand] = deque()
        self._delivery: asyncio.Task[None] | None = None
        self._open_id = ""
        self._answered: asyncio.Future[None] | None = None
        number = await self._count_in(
            Entry(
                station_id=login.station_id,
                protocol=version.protocol,
                connected_at=clock.now(),
                profile=login.profile,
                new_key_hash=login.new_key_hash,
            )
        )
        if number is None:
            await self._refuse(door.UNKNOWN.status, door.UNKNOWN.reason, door.UNKNOWN.headers)
            return
        self.connection_no = number
        if login.new_key_hash:
            await self._note(EventKind.SECURITY, "the station has its new key; the old one is nothing from now on")
        await self.accept(version.subprotocol)
        held_here().add(self)

    async def _count_in(self, entry: Entry) -> int | None:
        number = await _entries.ask(entry)
        if number is None:
            # Somebody holds its row: it waits for that, and nobody else does.
            (number,) = await in_pool(stations.connect_stations, entries=[entry])
        return number

    async def _refuse(self, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        start = {"type": "websocket.http.response.start", "status": status, "headers": list(headers)}
        await self.base_send(start)
        await self.base_send({"type": "websocket.http.response.body", "body": reason.encode()})

    async def _let_go(self) -> None:
        """Hold the station no more; a command without its answer stays ``sent`` until its deadline."""
        if not self.connection_no:
            return
        self._over = True
        held_here().remove(self)
        if self._delivery is not None:
            self._delivery.cancel()
        try:
            await _exits.ask(Exit(station_id=self.station_id, connection_no=self.connection_no, at=clock.now()))
        except DatabaseFailure:
            # It shows as offline all the same, once nobody has heard of it for a while.
            log.warning("that station %s has left was not written", self.station_id, exc_info=True)

    async def supersede(self) -> None:
        """Close this socket because a newer one of the station was let in."""
        if self._over:
            return
        self._over = True
        try:
            await in_pool(
                note_superseded,
                station_id=self.station_id,
                connection_no=self.connection_no,
                address=self.address,
                at=clock.now(),
            )
        except DatabaseFailure:
            log.warning("that a socket of station %s was superseded was not written", self.station_id, exc_info=True)
        try:
            await self.close(CLOSE_SUPERSEDED, "a newer connection of this station was let in")
        except OSError:
            log.debug("the older socket of station %s had gone already", self.station_id)

    # --- what the station says --------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one message; nothing that a station can send may end this method with an exception."""
        await self._keep_pace(len(text_data or bytes_data or ""))
        at = clock.now()
        raw = bytes_data if text_data is None else self._without_own_key(text_data)
        assert raw is not None
        decoded = frames.decode(raw, trusted=self._trusted)
        self._trusted = self._trusted or not isinstance(decoded, Refusal)
        try:
            await self._take(decoded, raw, at)
        except NotWrittenError:
            await self._fail(decoded)

    def _without_own_key(self, text: str) -> str:
        """Mask what the station signs in with before anything reads on, whatever the station calls it."""
        return text.replace(self._own_key, MASK) if self._own_key and self._own_key in text else text

    async def _take(self, decoded: Decoded, raw: str | bytes, at: datetime) -> None:
        match decoded:
            case Refusal():
                await self._take_unreadable(decoded, raw, at)
            case CallResult() | CallError():
                await self._take_answer(decoded, raw, at)
            case Call() if decoded.action == "Heartbeat":
                # It touches no row.
                await self._send(frames.call_result(decoded.message_id, {"currentTime": timestamp(at)}))
            case Call():
                await self._take_call(decoded, raw, at)

    async def _take_call(self, call: Call, raw: str | bytes, at: datetime) -> None:
        version = self.version
        if call.action not in version.handlers:
            code = "NotSupported" if call.action in version.schemas.actions else "NotImplemented"
            await self._take_refused(call, raw, at, code, f"{call.action[:40]} is not an action of this system")
            return
        verdict = version.schemas.request_verdict(call.action, call.payload)
        if verdict is not None and not call.bears_money:
            await self._take_refused(call, raw, at, verdict.error_code, verdict.text)
            return
        values = version.readings_in(call)
        notes = (*call.problems, *([] if verdict is None else [verdict.text]), *values.problems)
        services.hit_transaction(call, "received")
        frame = self._frame(raw, at, call.message_id, call.action, *notes)
        asked = None if self._over else call
        answer = await writer.write(Arrival(frame=frame, version=version, call=asked, notes=notes, values=values))
        if answer is not None:
            services.hit_transaction(call, "before_send")
            await self._send(answer)

    async def _take_refused(self, call: Call, raw: str | bytes, at: datetime, code: str, text: str) -> None:
        await writer.write(Arrival(frame=self._frame(raw, at, call.message_id, call.action, text)))
        await self._send(frames.call_error(call.message_id, code, text))

    async def _take_unreadable(self, refusal: Refusal, raw: str | bytes, at: datetime) -> None:
        frame = self._frame(raw, at, refusal.message_id or "", "", refusal.description)
        await writer.write(Arrival(frame=frame))
        await self._note(EventKind.UNREADABLE, refusal.description, frame.pk)
        code = self.version.error_code(refusal)
        await self._send(frames.call_error(refusal.message_id, code, refusal.description))

    async def _fail(self, decoded: Decoded) -> None:
        """Answer a fault of ours: a transaction message hears nothing and is repeated on the next connection."""
        if isinstance(decoded, Call) and not decoded.bears_money:
            await self._send(frames.call_error(decoded.message_id, "InternalError", "try again"))
        elif not self._over:
            self._over = True
            await self.close(CLOSE_FAULT, "try again")

    async def _keep_pace(self, size: int) -> None:
        wait_s = self._pace.wait_s(time.monotonic(), size=size)
        if wait_s == 0:
            return
        if not self._throttled:
            self._throttled = True
            await self._note(EventKind.THROTTLED, f"more than {conf.messages_per_second():g} messages a second")
        await asyncio.sleep(wait_s)

    def _frame(
        self, raw: str | bytes, at: datetime, message_id: str, action: str, *notes: str, out: bool = False
    ) -> Frame:
        text, odd = _storable(raw, action)
        return Frame(
            station_id=self.station_id,
            connection_no=self.connection_no,
            direction=Direction.OUT if out else Direction.IN,
            received_at=at,
            message_id=message_id,
            action=action[:40],
            payload=text,
            note="; ".join([*notes, *odd, *(["superseded"] if self._over else [])]),
        )

    async def _send(self, text: str) -> None:
        if self._over:
            return
        try:
            await self.send(text_data=text)
        except OSError:
            # The peer has gone; the disconnect message follows.
            log.debug("station %s left before it was answered", self.station_id)

    async def _note(self, kind: EventKind, text: str, frame_id: int | None = None) -> None:
        try:
            await in_pool(
                services.note_event, station_id=self.station_id, at=clock.now(), kind=kind, text=text, frame_id=frame_id
            )
        except DatabaseFailure:
            log.warning("event %s of station %s was not written", kind, self.station_id, exc_info=True)

    # --- what we ask of the station ---------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether the next command may be claimed for this station: none waits and none is unanswered."""
        return not self._over and (self._delivery is None or self._delivery.done())

    def carry_out(self, commands: Iterable[StationCommand]) -> None:
        """Send the commands that were claimed for this station, in order."""
        self._waiting.extend(commands)
        if self._waiting and self.is_idle:
            self._delivery = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        """Send what waits, one outstanding call at a time (OCPP-J 1.6 §4.1.1)."""
        while self._waiting and not self._over:
            command = self._waiting.popleft()
            try:
                await self._send_command(command)
            except (DatabaseFailure, NotWrittenError):
                # It stays ``sent`` and times out: whoever asked for it hears that it was not answered.
                log.warning("command %s was not sent", command.pk, exc_info=True)

    async def _send_command(self, command: StationCommand) -> None:
        message_id, at = command.message_id, clock.now()
        try:
            payload = payload_of(self.version, command.action, command.wire_payload())
            text = frames.call(message_id, command.action, payload)
        except (UnknownCallError, CannotUnseal) as error:
            await self._finish(message_id, error={"error": str(error)})
            return
        await writer.write(Arrival(frame=self._frame(text, at, message_id, command.action, out=True)))
        self._open_id, self._answered = message_id, asyncio.get_running_loop().create_future()
        try:
            await self._send(text)
            left_s = (command.deadline_at - clock.now()).total_seconds()
            timeout_s = conf.notice_timeout_s() if command.topic else conf.command_timeout_s()
            await asyncio.wait_for(self._answered, max(0.0, min(timeout_s, left_s)))
        except TimeoutError:
            # The line is free for the next call; the row takes a late answer until the sweep ends it.
            log.info("command %s was not answered in time", command.pk)
        finally:
            self._open_id, self._answered = "", None

    async def _take_answer(self, answer: Answer, raw: str | bytes, at: datetime) -> None:
        """End the command that the answer names; one that comes twice, late or unasked changes nothing."""
        frame = self._frame(raw, at, answer.message_id, "")
        await writer.write(Arrival(frame=frame))
        if isinstance(answer, CallResult):
            said: dict[str, Any] = {"payload": answer.payload}
        else:
            said = {"error": {"error_code": answer.error_code, "description": answer.description}}
        try:
            if not await self._finish(answer.message_id, **said):
                await self._note(
                    EventKind.UNSOLICITED, f"answer {answer.message_id} belongs to no open command", frame.pk
                )
        except DatabaseFailure:
            log.warning("the answer %s was kept but not taken", answer.message_id, exc_info=True)
        if answer.message_id == self._open_id and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    async def _finish(
        self, message_id: str, *, payload: dict[str, Any] | None = None, error: dict[str, Any] | None = None
    ) -> bool:
        return await in_pool(
            take_answer,
            station_id=self.station_id,
            message_id=message_id,
            payload=payload,
            error=error,
            at=clock.now(),
        )


def _storable(raw: str | bytes, action: str) -> tuple[str, list[str]]:
    """Return what may be kept of a message, and what was changed to keep it: what PostgreSQL takes, and no secret."""
    if isinstance(raw, bytes):
        told = raw.decode(errors="replace")
        if redact_text(told) != told:
            return redact_text(told).replace("\0", "\\x00"), ["binary, shown as text", "secrets masked"]
        return base64.b64encode(raw).decode(), ["binary, shown as base64"]
    text, odd = (raw.replace("\0", "\\x00"), ["NUL shown as \\x00"]) if "\0" in raw else (raw, [])
    masked = text if action in _WITHOUT_SECRETS else redact_text(text)
    return masked, odd if masked == text else [*odd, "secrets masked"]
