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
from typing import Any, Final, TypeAlias

from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseFailure

from apps.core import clock
from apps.ocpp import conf, services, v16
from apps.ocpp.authentication import IDENTITY, Brake, read_key
from apps.ocpp.calls import UnknownCallError, payload_of, says_yes
from apps.ocpp.connections import held_here
from apps.ocpp.domain import frames
from apps.ocpp.domain.frames import Call, CallError, CallResult, Decoded, Refusal
from apps.ocpp.domain.pace import Pace
from apps.ocpp.models import Direction, EventKind, Frame
from apps.ocpp.pool import in_pool
from apps.ocpp.services import Arrival
from apps.ocpp.wire import ACTIONS, schema_verdict, to_wire
from apps.ocpp.writer import NotWrittenError, writer
from apps.stations import services as stations
from apps.stations.models import StationCommand
from apps.stations.services import StationLogin

log = logging.getLogger(__name__)

SUBPROTOCOL: Final = "ocpp1.6"
CLOSE_SUPERSEDED: Final = 4001
CLOSE_FAULT: Final = 1011
Answer: TypeAlias = CallResult | CallError

brake = Brake()


class StationConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels carries no types.
    """One authenticated connection; the newest of a station wins."""

    # No channel of its own: what comes from other processes reaches it through ``Connections``, so that a station
    # stays connected while Redis is away.
    channel_layer_alias = "none"

    station_id: int
    connection_no: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection, and let go of the station however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the message's handler; Channels' own look at old database connections is not needed on this thread."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    # --- the door ---------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Let the station in, or refuse with an HTTP status before the handshake completes."""
        identity = self.scope["ocpp_identity"]
        try:
            login = await self._authenticate(identity)
            if login is None:
                await brake.hold(self._address, identity)
                await self._refuse(401, "unknown station or wrong key", [(b"WWW-Authenticate", b'Basic realm="OCPP"')])
            elif SUBPROTOCOL not in self.scope["subprotocols"]:
                await self._refuse(400, f"offer the websocket subprotocol {SUBPROTOCOL}")
            else:
                await self._enter(login)
        except DatabaseFailure:
            log.warning("station %s could not be let in: the database failed", identity, exc_info=True)
            await self._refuse(503, "try again")

    async def _authenticate(self, identity: str) -> StationLogin | None:
        key = read_key(self.scope["headers"], identity)
        if key is None or not IDENTITY.fullmatch(identity):
            return None
        return await in_pool(stations.authenticate_station, identity=identity, key=key)

    async def _enter(self, login: StationLogin) -> None:
        self.station_id = login.station_id
        self._over = self._trusted = self._throttled = False
        self._pace = Pace(per_second=conf.messages_per_second(), now_s=time.monotonic())
        self._waiting: deque[StationCommand] = deque()
        self._delivery: asyncio.Task[None] | None = None
        self._open_id = ""
        self._answered: asyncio.Future[None] | None = None
        self.connection_no = await in_pool(
            stations.connect_station, station_id=login.station_id, protocol="1.6", connected_at=clock.now()
        )
        await self.accept(SUBPROTOCOL)
        await held_here().add(self)

    async def _refuse(self, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close()
            return
        start = {"type": "websocket.http.response.start", "status": status, "headers": list(headers)}
        await self.base_send(start)
        await self.base_send({"type": "websocket.http.response.body", "body": reason.encode()})

    @property
    def _address(self) -> str:
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def _let_go(self) -> None:
        """Hold the station no more; a command without its answer stays ``sent`` until its deadline."""
        if not self.connection_no:
            return
        self._over = True
        held_here().remove(self)
        if self._delivery is not None:
            self._delivery.cancel()

    async def supersede(self) -> None:
        """Close this socket because a newer one of the station was let in."""
        if self._over:
            return
        self._over = True
        # Noted first: once the last socket is let go, the task that closes it is ended.
        await self._note(EventKind.SUPERSEDED, f"connection {self.connection_no} was superseded")
        await self.close(CLOSE_SUPERSEDED, "a newer connection of this station was let in")

    # --- what the station says --------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one message; nothing that a station can send may end this method with an exception."""
        await self._keep_pace()
        at = clock.now()
        raw = bytes_data if text_data is None else text_data
        assert raw is not None
        decoded = frames.decode(raw, trusted=self._trusted)
        self._trusted = self._trusted or not isinstance(decoded, Refusal)
        try:
            await self._take(decoded, raw, at)
        except NotWrittenError:
            await self._fail(decoded)

    async def _take(self, decoded: Decoded, raw: str | bytes, at: datetime) -> None:
        match decoded:
            case Refusal():
                await self._take_unreadable(decoded, raw, at)
            case CallResult() | CallError():
                await self._take_answer(decoded, raw, at)
            case Call() if decoded.action == "Heartbeat":
                await self._send(frames.call_result(decoded.message_id, to_wire(v16.heartbeat_answer(at))))
            case Call():
                await self._take_call(decoded, raw, at)

    async def _take_call(self, call: Call, raw: str | bytes, at: datetime) -> None:
        if call.action not in v16.HANDLERS:
            code = "NotSupported" if call.action in ACTIONS else "NotImplemented"
            await self._take_refused(call, raw, at, code, f"{call.action[:40]} is not an action of this system")
            return
        verdict = schema_verdict(call.action, call.payload)
        if verdict is not None and not call.bears_money:
            await self._take_refused(call, raw, at, verdict.error_code, verdict.text)
            return
        values = v16.readings_in(call)
        notes = (*call.problems, *([] if verdict is None else [verdict.text]), *values.problems)
        services.hit_transaction(call, "received")
        frame = self._frame(raw, at, call.message_id, call.action, *notes)
        answer = await writer.write(Arrival(frame=frame, call=None if self._over else call, notes=notes, values=values))
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
        await self._send(frames.call_error(refusal.message_id, refusal.error_code, refusal.description))

    async def _fail(self, decoded: Decoded) -> None:
        """Answer a fault of ours: a transaction message hears nothing and is repeated on the next connection."""
        if isinstance(decoded, Call) and not decoded.bears_money:
            await self._send(frames.call_error(decoded.message_id, "InternalError", "try again"))
        elif not self._over:
            self._over = True
            await self.close(CLOSE_FAULT, "try again")

    async def _keep_pace(self) -> None:
        wait_s = self._pace.wait_s(time.monotonic())
        if wait_s == 0:
            return
        if not self._throttled:
            self._throttled = True
            await self._note(EventKind.THROTTLED, f"more than {conf.messages_per_second():g} messages a second")
        await asyncio.sleep(wait_s)

    def _frame(
        self, raw: str | bytes, at: datetime, message_id: str, action: str, *notes: str, out: bool = False
    ) -> Frame:
        text, odd = _storable(raw)
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
            text = frames.call(message_id, command.action, payload_of(command.action, command.payload))
        except UnknownCallError as error:
            await self._finish(message_id, accepted=False, answer={"error": str(error)})
            return
        await writer.write(Arrival(frame=self._frame(text, at, message_id, command.action, out=True)))
        self._open_id, self._answered = message_id, asyncio.get_running_loop().create_future()
        try:
            await self._send(text)
            left_s = (command.deadline_at - clock.now()).total_seconds()
            await asyncio.wait_for(self._answered, max(0.0, min(conf.command_timeout_s(), left_s)))
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
            accepted, kept = says_yes(answer.payload), answer.payload
        else:
            accepted, kept = False, {"error_code": answer.error_code, "description": answer.description}
        try:
            if not await self._finish(answer.message_id, accepted=accepted, answer=kept):
                await self._note(
                    EventKind.UNSOLICITED, f"answer {answer.message_id} belongs to no open command", frame.pk
                )
        except DatabaseFailure:
            log.warning("the answer %s was kept but not taken", answer.message_id, exc_info=True)
        if answer.message_id == self._open_id and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    async def _finish(self, message_id: str, *, accepted: bool, answer: dict[str, Any]) -> bool:
        return await in_pool(
            stations.finish_command,
            station_id=self.station_id,
            message_id=message_id,
            accepted=accepted,
            answer=answer,
            at=clock.now(),
        )


def _storable(raw: str | bytes) -> tuple[str, list[str]]:
    """Return what PostgreSQL can keep of a message, and what was changed to keep it."""
    if isinstance(raw, bytes):
        return base64.b64encode(raw).decode(), ["binary, shown as base64"]
    if "\0" in raw:
        return raw.replace("\0", "\\x00"), ["NUL shown as \\x00"]
    return raw, []
