"""A simulated charger that lives in real time: it reacts to remote starts, charges, and survives lost connections.

Transaction messages wait in a queue until they are answered, in order, as OCPP 1.6 §4.7–4.10 and 2.0.1 E04 ask of a
charger. Each is worded when it is sent: in 1.6 the transaction's id is known only once its start has been answered.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.ocpp.simulator.charger import ConnectionLostError, OnFrame, RefusedError, SimulatedCharger
from apps.ocpp.simulator.dialects import RemoteStart, Said, TransactionId

_RECONNECT_S: Final = 2.0
_HEARTBEAT_S: Final = 60.0
_SECONDS_PER_HOUR: Final = 3600


def fast_clock(speedup: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Callable[[], datetime]:
    """Return a clock that starts now and runs ``speedup`` times as fast, so ahead of the real one."""
    began_at = now()
    return lambda: began_at + (now() - began_at) * speedup


class LiveCharger(SimulatedCharger):
    """One connector with a car that plugs in when asked to, and leaves a moment after the charge has ended.

    energy_wh   how much the car takes before it is full; None = it never is
    meter_wh    what the register shows at first
    interval_s  real seconds between two samples
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
        on_frame: OnFrame | None = None,
        connector: int = 1,
        energy_wh: int | None = None,
        meter_wh: int = 0,
        interval_s: float = 5.0,
    ) -> None:
        super().__init__(url, identity, password, protocol=protocol, power_w=power_w, clock=clock, on_frame=on_frame)
        self.connector = connector
        self.energy_wh = energy_wh
        self.meter_wh = meter_wh
        self.interval_s = interval_s
        self.state = "Available"
        self.transaction_id: TransactionId = -1
        self._queue: deque[Callable[[TransactionId], Said]] = deque()
        self._sending = asyncio.Lock()
        self._stop_reason: asyncio.Future[str] | None = None
        self._charging: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Stay online for ever, connecting again whenever the connection is lost.

        :raises websockets.exceptions.InvalidStatus: the central system refuses this identity or key
        """
        while True:
            try:
                await self.connect()
                await self._live()
            except (ConnectionLostError, OSError, TimeoutError) as error:
                # Whatever is queued is sent on the next connection.
                self._tell("×", f"{str(error) or 'connection lost'}; trying again")
                await self.drop()
            await asyncio.sleep(_RECONNECT_S)

    async def _live(self) -> None:
        # The queue of this class knows what to repeat.
        self.unanswered.clear()
        await self.boot()
        await self.status(self.state, connector=self.connector)
        await self._send_queue()
        while not self.closed.is_set():
            try:
                await asyncio.wait_for(self.closed.wait(), _HEARTBEAT_S)
            except TimeoutError:
                await self.heartbeat()

    # --- what the central system asks -------------------------------------------------------------------------

    async def on_remote_start(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Start unless a charge runs; the car drives to the connector that is meant."""
        if self._charging is not None:
            return {"status": "Rejected"}
        asked = self.dialect.remote_start(payload)
        self.connector = asked.connector or self.connector
        self._charging = asyncio.create_task(self._charge(asked))
        return {"status": "Accepted"}

    async def on_remote_stop(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Stop the running transaction, no other."""
        if payload.get("transactionId") != self.transaction_id or not self._ask_to_stop("Remote"):
            return {"status": "Rejected"}
        return {"status": "Accepted"}

    async def on_unlock(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Stop what runs and let the cable go."""
        self._ask_to_stop("UnlockCommand")
        return {"status": "Unlocked"}

    def _ask_to_stop(self, reason: str) -> bool:
        if self._stop_reason is None or self._stop_reason.done():
            return False
        self._stop_reason.set_result(reason)
        return True

    # --- one charge -------------------------------------------------------------------------------------------

    async def _charge(self, asked: RemoteStart) -> None:
        self._stop_reason = asyncio.get_running_loop().create_future()
        try:
            await self._show("Preparing")
            self.transaction_id = self.dialect.new_transaction_id()
            at, meter_wh, connector = self.clock(), self.meter_wh, self.connector
            await self._queue_up(
                lambda transaction_id: self.dialect.start(
                    asked.token,
                    at=at,
                    meter_wh=meter_wh,
                    connector=connector,
                    transaction_id=transaction_id,
                    remote=asked,
                )
            )
            await self._show("Charging")
            reason = await self._deliver()
            await self._queue_up(self._stop(reason))
            await self._show("Finishing")
            await asyncio.sleep(min(2.0, self.interval_s))
            await self._show("Available")
        finally:
            self._charging = self._stop_reason = None

    def _stop(self, reason: str) -> Callable[[TransactionId], Said]:
        at, meter_wh = self.clock(), self.meter_wh
        return lambda transaction_id: self.dialect.stop(
            transaction_id, at=at, meter_wh=meter_wh, reason=reason, token=None, connector=self.connector
        )

    def _sample(self) -> Callable[[TransactionId], Said]:
        reading = (self.clock(), self.meter_wh)
        return lambda transaction_id: self.dialect.meter_values(transaction_id, [reading], connector=self.connector)

    async def _deliver(self) -> str:
        """Turn the register until somebody stops it or the car is full, and return the reason of the stop."""
        assert self._stop_reason is not None
        begun_wh, begun_at = self.meter_wh, self.clock()
        while True:
            stopped, _ = await asyncio.wait({self._stop_reason}, timeout=self.interval_s)
            given_wh = self._given_wh(self.clock() - begun_at)
            self.meter_wh = begun_wh + given_wh
            if stopped:
                return self._stop_reason.result()
            await self._queue_up(self._sample())
            if given_wh == self.energy_wh:
                return "EVDisconnected"

    def _given_wh(self, duration: timedelta) -> int:
        given_wh = self.power_w * duration // timedelta(seconds=_SECONDS_PER_HOUR)
        return given_wh if self.energy_wh is None else min(given_wh, self.energy_wh)

    async def _show(self, state: str) -> None:
        self.state = state
        try:
            await self.status(state, connector=self.connector)
        except ConnectionLostError:
            # The state is reported again after the next boot.
            return

    async def _queue_up(self, word: Callable[[TransactionId], Said]) -> None:
        self._queue.append(word)
        await self._send_queue()

    async def _send_queue(self) -> None:
        async with self._sending:
            while self._queue:
                said = self._queue[0](self.transaction_id)
                try:
                    answer = await self.say(said)
                except (ConnectionLostError, TimeoutError):
                    return
                except RefusedError:
                    # OCPP 1.6 §4.8: a message that was answered, even so, is not repeated.
                    answer = {}
                self._queue.popleft()
                self._take_start(said, answer)

    def _take_start(self, said: Said, answer: dict[str, Any]) -> None:
        action, payload = said
        if not answer or not (action == "StartTransaction" or payload.get("eventType") == "Started"):
            return
        started = self.dialect.started(said, answer)
        self.transaction_id = started.transaction_id
        if started.status != "Accepted":
            self._ask_to_stop("DeAuthorized")
