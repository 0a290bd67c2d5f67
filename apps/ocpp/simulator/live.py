"""A simulated charger that lives in real time: it reacts to remote starts, charges, and survives lost connections."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from apps.ocpp.simulator.charger import AnswerLostError, ConnectionLostError, SimulatedCharger
from apps.ocpp.simulator.dialects import RemoteStart
from apps.ocpp.simulator.outbox import Outbox, Transaction, Word
from apps.ocpp.simulator.profile import Profile, Spell

_RECONNECT_S: Final = 2.0
_HEARTBEAT_S: Final = 60.0
_REPEAT_S: Final = 1.0
_LOOK_S: Final = 0.1


def fast_clock(speedup: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Callable[[], datetime]:
    """Return a clock that starts now and runs ``speedup`` times as fast, so ahead of the real one."""
    began_at = now()
    return lambda: began_at + (now() - began_at) * speedup


class LiveCharger(SimulatedCharger):
    """One connector with a car that plugs in when asked to, and leaves a moment after the charge has ended.

    profile     what the car takes; None: ``power_w`` until ``energy_wh``, which None makes endless
    spell       when each charge has no network, on the charger's clock; None: it always has
    meter_wh    what the register shows at first
    interval_s  real seconds between two samples
    options     as of ``SimulatedCharger``
    """

    def __init__(
        self,
        url: str,
        identity: str,
        password: str,
        *,
        connector: int = 1,
        profile: Profile | None = None,
        energy_wh: int | None = None,
        spell: Spell | None = None,
        meter_wh: int = 0,
        interval_s: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__(url, identity, password, **options)
        self.connector = connector
        self.profile = profile or Profile.steady(self.power_w, most_wh=energy_wh)
        self.spell = spell
        self.meter_wh = meter_wh
        self.interval_s = interval_s
        self.state = "Available"
        self.outbox = Outbox(self, repeat_s=min(_REPEAT_S, interval_s))
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._transaction: Transaction | None = None
        self._stop_reason: asyncio.Future[str] | None = None
        self._charging: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Stay online for ever, connecting again whenever the connection is lost.

        :raises websockets.exceptions.InvalidStatus: the central system refuses this identity or key
        """
        while True:
            await self._reachable.wait()
            try:
                await self.connect()
                await self._live()
            except (ConnectionLostError, OSError, TimeoutError) as error:
                # Whatever is queued is sent on the next connection.
                await self.drop(f"{str(error) or 'connection lost'}; trying again")
            await asyncio.sleep(_RECONNECT_S)

    async def _live(self) -> None:
        await self.insist(self.boot, pause_s=_REPEAT_S)
        await self._show(self.state)
        await self.outbox.send()
        while not self.closed.is_set():
            try:
                await asyncio.wait_for(self.closed.wait(), _HEARTBEAT_S)
            except TimeoutError:
                await self._beat()

    async def _beat(self) -> None:
        try:
            await self.heartbeat()
        except AnswerLostError:
            # The next one will do.
            return

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
        running = self._transaction
        if running is None or payload.get("transactionId") != running.transaction_id:
            return {"status": "Rejected"}
        return {"status": "Accepted" if self._ask_to_stop("Remote") else "Rejected"}

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
        self._transaction = transaction = Transaction(self.dialect.new_transaction_id())
        begun_at = self.clock()
        away = asyncio.create_task(self._be_away(begun_at))
        try:
            await self._show("Preparing")
            await self._put(self._start(asked))
            await self._show("Charging")
            reason = await self._deliver(transaction, begun_at)
            await self._put(self._stop(reason))
            await self._show("Finishing")
            await asyncio.sleep(min(2.0, self.interval_s))
            await self._show("Available")
            await away
        finally:
            away.cancel()
            self._reachable.set()
            self._charging = self._stop_reason = self._transaction = None

    async def _be_away(self, begun_at: datetime) -> None:
        """Lose the network as the spell says; whoever is away queues what happens."""
        if self.spell is None:
            return
        await self._wait_until(begun_at + self.spell.after)
        self._reachable.clear()
        await self.drop("offline")
        await self._wait_until(begun_at + self.spell.after + self.spell.lasts)
        self._reachable.set()

    async def _wait_until(self, at: datetime) -> None:
        # Looked at, not computed: the charger's clock may run faster than ours.
        while self.clock() < at:
            await asyncio.sleep(_LOOK_S)

    def _start(self, asked: RemoteStart) -> Word:
        at, meter_wh, connector = self.clock(), self.meter_wh, self.connector
        return lambda transaction_id: self.dialect.start(
            asked.token, at=at, meter_wh=meter_wh, connector=connector, transaction_id=transaction_id, remote=asked
        )

    def _stop(self, reason: str) -> Word:
        at, meter_wh, connector = self.clock(), self.meter_wh, self.connector
        return lambda transaction_id: self.dialect.stop(
            transaction_id, at=at, meter_wh=meter_wh, reason=reason, token=None, connector=connector
        )

    def _sample(self) -> Word:
        reading, connector = (self.clock(), self.meter_wh), self.connector
        return lambda transaction_id: self.dialect.meter_values(transaction_id, [reading], connector=connector)

    async def _deliver(self, transaction: Transaction, begun_at: datetime) -> str:
        """Turn the register until somebody stops it or the car is full, and return the reason of the stop."""
        assert self._stop_reason is not None
        begun_wh, duration = self.meter_wh, self.profile.duration
        while True:
            if transaction.is_refused:
                return "DeAuthorized"
            stopped, _ = await asyncio.wait({self._stop_reason}, timeout=self.interval_s)
            elapsed = self.clock() - begun_at
            self.meter_wh = begun_wh + self.profile.energy_wh(elapsed)
            if stopped:
                return self._stop_reason.result()
            await self._put(self._sample())
            if duration is not None and elapsed >= duration:
                return "EVDisconnected"
            state = "Charging" if self.profile.power_w(elapsed) else "SuspendedEV"
            if state != self.state:
                await self._show(state)

    async def _put(self, word: Word) -> None:
        assert self._transaction is not None
        self.outbox.put(self._transaction, word)
        await self.outbox.send()

    async def _show(self, state: str) -> None:
        # A status that is lost is told again after the next boot.
        self.state = state
        await self.outbox.show(state, connector=self.connector, at=self.clock(), transaction=self._transaction)
