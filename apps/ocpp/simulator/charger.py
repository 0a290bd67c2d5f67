"""A charger that speaks OCPP 1.6J or 2.0.1, for the demo, the tests and whoever has no hardware at hand.

Instants and registers are given, not measured, so that a night of charging is told in seconds. What was not answered
stays in ``unanswered`` and can be sent again, over this socket or the next, under its own id or a new one.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from apps.ocpp.simulator.dialects import (
    RemoteStart,
    Said,
    Started,
    TransactionId,
    UnsupportedProtocolError,
    dialect_of,
    meter_value,
    wire_time,
)
from apps.ocpp.simulator.display import SimulatedDisplay
from apps.ocpp.simulator.signing import SigningMeter

__all__ = [
    "AnswerLostError",
    "ConnectionLostError",
    "RefusedError",
    "SentCall",
    "SimulatedCharger",
    "Started",
    "UnsupportedProtocolError",
    "meter_value",
    "wire_time",
]

ANSWER_TIMEOUT_S: Final = 30.0

T = TypeVar("T")
OnFrame: TypeAlias = Callable[[str, str], None]
OnCall: TypeAlias = Callable[[float, Exception | None], None]
Reply: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


class ConnectionLostError(Exception):
    """The socket closed before the answer came; the message stands in ``unanswered``."""


class AnswerLostError(TimeoutError):
    """The answer is taken to have got lost on its way; the message stands in ``unanswered``."""


class RefusedError(Exception):
    """The central system answered CALLERROR.

    code, description  as OCPP-J says them
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCall:
    """A request that went out."""

    message_id: str
    action: str
    payload: dict[str, Any]


class SimulatedCharger:
    """One charging station and its socket.

    url       the central system's, without the identity: ``ws://127.0.0.1:8000/ocpp``
    protocol  "1.6" or "2.0.1"
    power_w   what its connectors deliver
    clock     gives the instants of messages for which none is given
    display   what it shows of prices and costs
    meter     signs the begin and the end of each transaction
    loses     asked of each answer whether it got lost on its way; then the caller hears so at once, not after 30 s
    on_frame  is told each frame: "→" or "←", and the text; "×" and what was lost: an answer, or the connection and why;
              "▣" and what it shows
    on_call   is told of each request when it has ended: after how many seconds, and by which error if by any
    replies   what it answers to requests, by action; a reply of None leaves the request unanswered
    requests  what the central system asked, as (action, payload)
    """

    def __init__(
        self,
        url: str,
        identity: str,
        password: str,
        *,
        protocol: str = "1.6",
        power_w: int = 11_000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        meter: SigningMeter | None = None,
        loses: Callable[[], bool] = lambda: False,
        on_frame: OnFrame | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        self.dialect = dialect_of(protocol, meter)
        self.url = url.rstrip("/")
        self.identity = identity
        self.password = password
        self.power_w = power_w
        self.clock = clock
        self.display = SimulatedDisplay(protocol, lambda text: self._tell("▣", text))
        self.unanswered: list[SentCall] = []
        self.requests: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.replies: dict[str, Reply] = {
            self.dialect.actions["start"]: self.on_remote_start,
            self.dialect.actions["stop"]: self.on_remote_stop,
            self.dialect.actions["unlock"]: self.on_unlock,
            **self.display.replies,
        }
        self.closed = asyncio.Event()
        self._loses = loses
        self._on_frame = on_frame
        self._on_call = on_call
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._open: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "SimulatedCharger":
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    # --- the socket -------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the socket (HTTP Basic, the version's subprotocol); one that is still open is dropped.

        :raises websockets.exceptions.InvalidStatus: the central system refused
        """
        await self.drop()
        pair = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        self._socket = await connect(
            f"{self.url}/{quote(self.identity, safe='*-_=+|@.:')}",
            subprotocols=[self.dialect.subprotocol],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Basic {pair}"},
            compression=None,
            proxy=None,
            # A server that has just started, on a busy machine, takes a while to answer its first station.
            open_timeout=60,
        )
        self.closed.clear()
        self._reader = asyncio.create_task(self._read(self._socket))

    async def disconnect(self) -> None:
        """Close the socket in good order."""
        if self._socket is not None:
            await self._socket.close()
        await self._let_go()

    async def drop(self, why: str = "") -> None:
        """Cut the connection without a word, as a lost mobile network does; ``on_frame`` is told why."""
        if why:
            self._tell("×", why)
        if self._socket is not None:
            self._socket.transport.abort()
        await self._let_go()

    @property
    def close_code(self) -> int | None:
        """The code with which the central system closed the socket."""
        return self._socket.close_code if self._socket is not None else None

    async def _let_go(self) -> None:
        if self._reader is not None:
            await self._reader
        for task in tuple(self._tasks):
            task.cancel()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self._hear(str(text))
        except ConnectionClosed:
            # How it closed is read from ``close_code``.
            pass
        finally:
            for future in self._open.values():
                if not future.done():
                    future.set_exception(ConnectionLostError())
            self._open.clear()
            self.closed.set()

    def _hear(self, text: str) -> None:
        message = json.loads(text, parse_float=Decimal)
        if message[0] == 2:
            self._tell("←", text)
            self._spawn(self._reply(message[1], message[2], message[3]))
            return
        is_lost = self._loses()
        self._tell("×" if is_lost else "←", text)
        future = self._open.pop(message[1], None)
        if future is None or future.done():
            return
        if is_lost:
            future.set_exception(AnswerLostError())
        elif message[0] == 3:
            future.set_result(message[2])
        else:
            future.set_exception(RefusedError(message[2], message[3]))

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, message_id: str, action: str, payload: dict[str, Any]) -> None:
        reply = self.replies.get(action)
        if reply is None:
            await self.send_text(json.dumps([4, message_id, "NotImplemented", f"{action} is not simulated", {}]))
        else:
            answer = await reply(payload)
            if answer is not None:
                await self.send_text(json.dumps([3, message_id, answer]))
        self.requests.put_nowait((action, payload))

    async def send_text(self, text: str | bytes) -> None:
        """Send whatever it is, as it is.

        :raises ConnectionLostError: the socket is closed
        """
        self._tell("→", text if isinstance(text, str) else repr(text))
        try:
            assert self._socket is not None, "connect first"
            await self._socket.send(text)
        except ConnectionClosed as error:
            raise ConnectionLostError from error

    def _tell(self, direction: str, text: str) -> None:
        if self._on_frame is not None:
            self._on_frame(direction, text)

    # --- requests ---------------------------------------------------------------------------------------------

    async def call(self, action: str, payload: dict[str, Any], *, message_id: str | None = None) -> dict[str, Any]:
        """Send a request and return the payload of its answer.

        :raises RefusedError: it was answered CALLERROR
        :raises ConnectionLostError: it was not answered; it stands in ``unanswered``
        :raises TimeoutError: as well
        """
        sent = SentCall(message_id=message_id or str(uuid.uuid4()), action=action, payload=payload)
        self.unanswered.append(sent)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[sent.message_id] = future
        began = time.perf_counter()
        failed: Exception | None = None
        try:
            await self.send_text(json.dumps([2, sent.message_id, action, payload], separators=(",", ":")))
            answer = await asyncio.wait_for(future, ANSWER_TIMEOUT_S)
        except RefusedError as error:
            failed = error
            self.unanswered.remove(sent)
            raise
        except (ConnectionLostError, TimeoutError) as error:
            failed = error
            raise
        finally:
            self._open.pop(sent.message_id, None)
            if self._on_call is not None:
                self._on_call(time.perf_counter() - began, failed)
        self.unanswered.remove(sent)
        return answer

    async def resend(self, sent: SentCall, *, same_id: bool = True) -> dict[str, Any]:
        """Send a request again, as chargers do after a reconnect."""
        if sent in self.unanswered:
            self.unanswered.remove(sent)
        return await self.call(sent.action, sent.payload, message_id=sent.message_id if same_id else None)

    async def insist(self, ask: Callable[[], Awaitable[T]], *, pause_s: float) -> T:
        """Ask again and again until the answer arrives."""
        while True:
            try:
                return await ask()
            except AnswerLostError:
                await asyncio.sleep(pause_s)

    async def say(self, said: Said) -> dict[str, Any]:
        """Send a message of the dialect and return the payload of its answer; as ``call``."""
        return await self.call(*said)

    async def boot(self) -> str:
        """Send BootNotification and return the registration status."""
        return str((await self.say(self.dialect.boot()))["status"])

    async def heartbeat(self) -> str:
        """Send Heartbeat and return the central system's time."""
        return str((await self.call("Heartbeat", {}))["currentTime"])

    async def status(
        self, status: str, *, connector: int = 1, at: datetime | None = None, error: str = "NoError"
    ) -> None:
        """Report a connector's status, in the words of 1.6; connector 0 is the whole station."""
        await self.say(self.dialect.status(status, connector=connector, at=at or self.clock(), error=error))

    async def authorize(self, token: str) -> str:
        """Ask whether a token may charge and return the status."""
        return self.dialect.token_status(await self.say(self.dialect.authorize(token)))

    async def start(
        self,
        token: str,
        *,
        at: datetime,
        meter_wh: int,
        connector: int = 1,
        remote: RemoteStart | None = None,
    ) -> Started:
        """Begin a transaction; ``meter_wh`` is what the register shows, ``remote`` what asked for it."""
        said = self.dialect.start(
            token,
            at=at,
            meter_wh=meter_wh,
            connector=connector,
            transaction_id=self.dialect.new_transaction_id(),
            remote=remote,
        )
        return self.dialect.started(said, await self.say(said))

    async def meter_values(
        self, transaction_id: TransactionId | None, readings: Sequence[tuple[datetime, int]], *, connector: int = 1
    ) -> None:
        """Report the register: (at, Wh) each."""
        await self.say(self.dialect.meter_values(transaction_id, readings, connector=connector))

    async def stop(
        self,
        transaction_id: TransactionId,
        *,
        at: datetime,
        meter_wh: int,
        reason: str = "Local",
        token: str | None = None,
        connector: int = 1,
    ) -> dict[str, Any]:
        """End a transaction and return the answer's payload."""
        return await self.say(
            self.dialect.stop(transaction_id, at=at, meter_wh=meter_wh, reason=reason, token=token, connector=connector)
        )

    async def unplug(self, *, connector: int = 1, at: datetime | None = None) -> None:
        """Report that the cable is out."""
        await self.status("Available", connector=connector, at=at)

    async def charge(
        self,
        token: str,
        *,
        started_at: datetime,
        energy_wh: int,
        meter_start_wh: int = 0,
        connector: int = 1,
        sample_every: timedelta = timedelta(minutes=15),
    ) -> Started:
        """Tell a whole session at ``power_w``: plug in, authorise, start, samples, stop, unplug."""
        duration = timedelta(hours=energy_wh / self.power_w)
        ended_at = started_at + duration
        await self.status("Preparing", connector=connector, at=started_at)
        await self.authorize(token)
        started = await self.start(token, at=started_at, meter_wh=meter_start_wh, connector=connector)
        if started.status != "Accepted":
            await self.stop(
                started.transaction_id,
                at=started_at,
                meter_wh=meter_start_wh,
                reason="DeAuthorized",
                connector=connector,
            )
            await self.unplug(connector=connector, at=started_at)
            return started
        await self.status("Charging", connector=connector, at=started_at)
        at = started_at + sample_every
        while at < ended_at:
            energy = meter_start_wh + energy_wh * (at - started_at) // duration
            await self.meter_values(started.transaction_id, [(at, energy)], connector=connector)
            at += sample_every
        await self.stop(
            started.transaction_id,
            at=ended_at,
            meter_wh=meter_start_wh + energy_wh,
            token=token,
            connector=connector,
        )
        await self.status("Finishing", connector=connector, at=ended_at)
        await self.unplug(connector=connector, at=ended_at)
        return started

    # --- what it answers --------------------------------------------------------------------------------------

    async def on_remote_start(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Accept; a scripted charger is then started by its script."""
        return {"status": "Accepted"}

    async def on_remote_stop(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Accept; a scripted charger is then stopped by its script."""
        return {"status": "Accepted"}

    async def on_unlock(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Unlock."""
        return {"status": "Unlocked"}
