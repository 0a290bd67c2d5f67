"""One whole session told in seconds: what a charger says while it charges, at the instants of the session itself."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from apps.ocpp.simulator.charger import ConnectionLostError, SimulatedCharger
from apps.ocpp.simulator.outbox import Outbox, Transaction, Word
from apps.ocpp.simulator.profile import Profile, Spell, moments

SAMPLE_EVERY: Final = timedelta(minutes=15)
_BEGIN: Final = timedelta(0)
_REPEAT_S: Final = 0.1
_RECONNECT_S: Final = 1.0


class ToldSession:
    """A session of one charger, told once.

    profile     what the car takes; it must be full one day
    started_at  the session's begin · meter_wh: what the register shows then
    spell       when there is no network: the socket is gone, and what happens is told afterwards
    """

    def __init__(
        self,
        charger: SimulatedCharger,
        *,
        token: str,
        profile: Profile,
        started_at: datetime,
        meter_wh: int,
        connector: int = 1,
        spell: Spell | None = None,
    ) -> None:
        self._charger = charger
        self._token = token
        self._profile = profile
        self._started_at = started_at
        self._meter_wh = meter_wh
        self._connector = connector
        self._spell = spell
        self._outbox = Outbox(charger, repeat_s=_REPEAT_S)
        self._transaction = Transaction(charger.dialect.new_transaction_id())
        self._is_away = False

    async def tell(self) -> Transaction:
        """Tell it on a charger that is connected, from the cable in to the cable out; return its transaction.

        :raises OSError: the connection was lost and nobody takes a new one
        """
        samples = moments(self._profile, every=SAMPLE_EVERY)
        await self._charger.insist(self._charger.boot, pause_s=_REPEAT_S)
        await self._show("Preparing", _BEGIN)
        with suppress(ConnectionLostError):
            await self._charger.insist(lambda: self._charger.authorize(self._token), pause_s=_REPEAT_S)
        await self._put_start()
        ended = await self._charge(samples)
        await self._show("Finishing", ended)
        await self._show("Available", ended)
        if self._is_away:
            await self._come_back()
        return self._transaction

    async def _charge(self, samples: Sequence[timedelta]) -> timedelta:
        """Tell the course and the end, and return when that was; a start that is refused ends at once."""
        state = ""
        for elapsed in (_BEGIN, *samples):
            if self._transaction.is_refused:
                await self._put_stop(elapsed, "DeAuthorized", token=None)
                return elapsed
            if elapsed:
                await self._put_sample(elapsed)
            now = "Charging" if self._profile.power_w(elapsed) else "SuspendedEV"
            if now != state:
                await self._show(now, elapsed)
            state = now
        duration = self._profile.duration
        assert duration is not None
        await self._put_stop(duration, "Local", token=self._token)
        return duration

    async def _put_start(self) -> None:
        await self._put(
            _BEGIN,
            lambda transaction_id: self._charger.dialect.start(
                self._token,
                at=self._started_at,
                meter_wh=self._meter_wh,
                connector=self._connector,
                transaction_id=transaction_id,
                remote=None,
            ),
        )

    async def _put_sample(self, elapsed: timedelta) -> None:
        reading = (self._started_at + elapsed, self._register_wh(elapsed))
        await self._put(
            elapsed,
            lambda transaction_id: self._charger.dialect.meter_values(
                transaction_id, [reading], connector=self._connector
            ),
        )

    async def _put_stop(self, elapsed: timedelta, reason: str, *, token: str | None) -> None:
        await self._put(
            elapsed,
            lambda transaction_id: self._charger.dialect.stop(
                transaction_id,
                at=self._started_at + elapsed,
                meter_wh=self._register_wh(elapsed),
                reason=reason,
                token=token,
                connector=self._connector,
            ),
        )

    def _register_wh(self, elapsed: timedelta) -> int:
        return self._meter_wh + self._profile.energy_wh(elapsed)

    async def _show(self, state: str, elapsed: timedelta) -> None:
        await self._be_at(elapsed)
        at = self._started_at + elapsed
        await self._outbox.show(state, connector=self._connector, at=at, transaction=self._transaction)

    async def _put(self, elapsed: timedelta, word: Word) -> None:
        await self._be_at(elapsed)
        self._outbox.put(self._transaction, word)
        await self._send()

    # --- the network ------------------------------------------------------------------------------------------

    async def _be_at(self, elapsed: timedelta) -> None:
        """Let the network go or come back by the time it is."""
        is_away = self._spell is not None and self._spell.covers(elapsed)
        if is_away and not self._is_away:
            await self._charger.drop("offline")
        if self._is_away and not is_away:
            await self._come_back()
        self._is_away = is_away

    async def _come_back(self) -> None:
        self._is_away = False
        await self._charger.connect()
        await self._send()

    async def _send(self) -> None:
        if self._is_away:
            return
        await self._outbox.send()
        while len(self._outbox):
            # The central system closed the socket: the rest is told on the next.
            await asyncio.sleep(_RECONNECT_S)
            await self._charger.connect()
            await self._outbox.send()
