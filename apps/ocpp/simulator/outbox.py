"""What a charger must not lose: its transaction messages, in order, each kept until it is answered.

OCPP 1.6 §4.7–4.10, 2.0.1 E04: a message is repeated until its answer comes, the next one waits for it, and what
happens while the charger is offline is told when it is online again.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from apps.ocpp.simulator.charger import AnswerLostError, ConnectionLostError, RefusedError, SimulatedCharger
from apps.ocpp.simulator.dialects import Said, TransactionId

Word: TypeAlias = Callable[[TransactionId], Said]
"""Words a message as soon as its transaction has a name: in 1.6 that is known once the start has been answered."""


@dataclass(slots=True)
class Transaction:
    """A charge as its charger knows it; ``status`` of its token, "" until the start has been answered."""

    transaction_id: TransactionId
    status: str = ""

    @property
    def is_refused(self) -> bool:
        return self.status not in ("", "Accepted")


class Outbox:
    """The queue of one charger; ``repeat_s`` after a message whose answer did not come it is sent again."""

    def __init__(self, charger: SimulatedCharger, *, repeat_s: float) -> None:
        self._charger = charger
        self._repeat_s = repeat_s
        self._queue: deque[tuple[Transaction, Word]] = deque()
        self._first: tuple[str, Said] | None = None
        self._sending = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, transaction: Transaction, word: Word) -> None:
        """Queue a message of a transaction; ``send`` sends it."""
        self._queue.append((transaction, word))

    async def send(self) -> None:
        """Send what is queued, in order, until nothing is left or the connection is lost."""
        async with self._sending:
            while self._queue:
                try:
                    said, answer = await self._send_first()
                except ConnectionLostError:
                    return
                except TimeoutError:
                    await asyncio.sleep(self._repeat_s)
                    continue
                finally:
                    # What is to be repeated is known here.
                    self._charger.unanswered.clear()
                transaction, _ = self._queue.popleft()
                self._first = None
                self._take(transaction, said, answer)

    async def show(self, state: str, *, connector: int, at: datetime, transaction: Transaction | None) -> None:
        """Tell a status: in the queue where the transaction tells it, else once, for nobody waits for its answer."""
        if transaction is not None and state in self._charger.dialect.transaction_states:
            status = self._charger.dialect.status
            self.put(transaction, lambda _: status(state, connector=connector, at=at, error="NoError"))
            await self.send()
            return
        with suppress(ConnectionLostError, AnswerLostError):
            await self._charger.status(state, connector=connector, at=at)

    async def _send_first(self) -> tuple[Said, dict[str, Any]]:
        if self._first is None:
            transaction, word = self._queue[0]
            # Worded once: a message that is repeated says the same, under the same number of its sequence.
            self._first = str(uuid.uuid4()), word(transaction.transaction_id)
        message_id, said = self._first
        try:
            return said, await self._charger.call(*said, message_id=message_id)
        except RefusedError:
            # OCPP 1.6 §4.8: a message that was answered, even so, is not repeated.
            return said, {}

    def _take(self, transaction: Transaction, said: Said, answer: dict[str, Any]) -> None:
        action, payload = said
        if answer and (action == "StartTransaction" or payload.get("eventType") == "Started"):
            started = self._charger.dialect.started(said, answer)
            transaction.transaction_id, transaction.status = started.transaction_id, started.status
