"""What the sandbox knows: its objects, its clock, what is due, and the events it has told.

Objects are the JSON that Stripe would answer, with references as ids; ``expand`` fills references in on the way out.
All of it is guarded by ``lock``, held for one turn at a time. All of it is data, so that it can be written down; no
object is part of another that changes independently of it, for the two would part ways when read back.
"""

import copy
import heapq
import itertools
import secrets
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.payments.sandbox.cards import Authentication, Behaviour, Card
from apps.payments.sandbox.checks import API_VERSION
from apps.payments.sandbox.clock import Clock
from apps.payments.sandbox.errors import CallerMistake, missing
from apps.payments.sandbox.ibans import BankAccount

Json = dict[str, Any]
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One checked request, as the functions of ``resources`` get it.

    ids  the identifiers in the path, in order
    """

    params: Json = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    request_id: str | None = None
    idempotency_key: str | None = None


class State:
    """Everything a running sandbox remembers; whether it outlives the process is up to ``keep``."""

    def __init__(self, *, tell: Callable[[Json], None]) -> None:
        """Start empty.

        tell: called with each event, once, in order. ``keep`` is called before a turn with changes ends.
        """
        self.lock = threading.RLock()
        self.clock = Clock()
        self.base_url = ""
        self.keep: Callable[[], None] = lambda: None
        self._is_changed = False
        self._tell = tell
        self.clear()

    def clear(self) -> None:
        """Forget every object and every due action; the clock goes on.

        cards            behaviour by payment method id; never part of an answer
        bank_accounts    the same of those debited by SEPA
        intent_data      by session id, what its payment intent will be made with
        paid_out         by balance transaction id, the automatic payout it is part of
        pays_out_daily   whether there are automatic payouts
        """
        self.objects: dict[str, Json] = {}
        self.cards: dict[str, Card] = {}
        self.bank_accounts: dict[str, BankAccount] = {}
        self.intent_data: dict[str, Json] = {}
        self.paid_out: dict[str, str] = {}
        self.pays_out_daily = False
        self._due: list[tuple[int, int, str, str]] = []
        self._order = itertools.count()

    @contextmanager
    def turn(self, *, writes: bool = False) -> Iterator[None]:
        """Have the state for oneself: what is due is done first, and what changed is kept before the turn ends.

        When keeping fails, every later turn tries again and fails as well, until it succeeds: nobody is answered from
        a state that was not kept.
        """
        with self.lock:
            self._is_changed |= writes
            self.run_due()
            yield
            if self._is_changed:
                self.keep()
                self._is_changed = False

    def add(self, prefix: str, members: Json) -> Json:
        """Keep a new object under a new id and return it; ``members`` carry ``object`` and the rest."""
        identifier = f"{prefix}_{random_text(24)}"
        made = {"id": identifier, "created": self.clock.now()} | members
        self.objects[identifier] = made
        return made

    def get(self, kind: str, identifier: str, *, param: str = "id") -> Json:
        """Return the object of this kind.

        :raises Refusal: 404, there is none
        """
        found = self.objects.get(identifier)
        if found is None or found["object"] != kind:
            raise missing(kind.replace(".", "_"), identifier, param=param)
        return found

    def every(self, kind: str) -> list[Json]:
        """Return all objects of a kind, newest first."""
        return [each for each in reversed(self.objects.values()) if each["object"] == kind]

    def emit(self, kind: str, subject: Json, call: Call, **before: Any) -> None:
        """Make and tell the event ``kind`` about a snapshot of ``subject``.

        before: former values of changed fields, the event's ``previous_attributes``
        """
        data: Json = {"object": copy.deepcopy(subject)}
        if before:
            data["previous_attributes"] = before
        event = self.add(
            "evt",
            {
                "object": "event",
                "api_version": API_VERSION,
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
                "type": kind,
            },
        )
        self._tell(event)

    def at(self, due_at: int, action: str, identifier: str) -> None:
        """Do a ``due_action`` to this object when the clock reaches ``due_at`` (Unix seconds)."""
        if action not in _DUE_ACTIONS:
            raise ValueError(f"no such due action: {action}")
        heapq.heappush(self._due, (due_at, next(self._order), action, identifier))

    def run_due(self) -> None:
        """Do what has fallen due, earliest first and as of then; called as a turn begins and the clock is advanced."""
        now = self.clock.now()
        while self._due and self._due[0][0] <= now:
            self._is_changed = True
            due_at, _, action, identifier = heapq.heappop(self._due)
            with self.clock.standing_at(due_at):
                _DUE_ACTIONS[action](self, self.objects[identifier])

    def page_url(self, kind: str, identifier: str) -> str:
        """Return the address of a page for the customer. kind: ``pay``, ``3ds`` or ``mandate``, with its object."""
        return f"{self.base_url}/c/{kind}/{identifier}"

    def described(self) -> Json:
        """Return everything as JSON, for ``restore``."""
        return {
            "advanced_by": self.clock.advanced_by,
            "objects": self.objects,
            "cards": {identifier: asdict(card) for identifier, card in self.cards.items()},
            "bank_accounts": {identifier: asdict(account) for identifier, account in self.bank_accounts.items()},
            "intent_data": self.intent_data,
            "paid_out": self.paid_out,
            "pays_out_daily": self.pays_out_daily,
            "due": [(due_at, action, identifier) for due_at, _, action, identifier in sorted(self._due)],
        }

    def restore(self, described: Json) -> None:
        """Be as the state was that was ``described``.

        :raises KeyError, TypeError, ValueError: it is no description of a state
        """
        self.clear()
        self.clock.advanced_by = described["advanced_by"]
        self.objects = described["objects"]
        self.intent_data = described["intent_data"]
        # What a sandbox of before did not know of is not in its file.
        self.paid_out = described.get("paid_out", {})
        self.pays_out_daily = described.get("pays_out_daily", False)
        for identifier, account in described.get("bank_accounts", {}).items():
            self.bank_accounts[identifier] = BankAccount(**account)
        for identifier, card in described["cards"].items():
            kinds = {
                "behaviour": Behaviour(card["behaviour"]),
                "authentication": Authentication(card.get("authentication", Authentication.NEVER)),
            }
            self.cards[identifier] = Card(**card | kinds)
        for due_at, action, identifier in described["due"]:
            self.at(due_at, action, identifier)


DueAction = Callable[[State, Json], None]
_DUE_ACTIONS: dict[str, DueAction] = {}


def due_action(name: str) -> Callable[[DueAction], DueAction]:
    """Let ``State.at`` know a function by a name, which is written down: it stays when the function is renamed."""

    def register(do: DueAction) -> DueAction:
        _DUE_ACTIONS[name] = do
        return do

    return register


def random_text(length: int) -> str:
    """Return letters and digits nobody can guess; ids stay unique across sandboxes that share a client's database."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def merged_metadata(present: Json, given: Any) -> Json:
    """Return metadata after an update: an empty text removes one key, an empty value for all removes all.

    :raises CallerMistake: more than 50 keys, a key over 40 or a value over 500 characters
    """
    if given == "":
        return {}
    merged = {key: value for key, value in (present | (given or {})).items() if value != ""}
    if len(merged) > 50 or any(len(key) > 40 or len(value) > 500 for key, value in merged.items()):
        raise CallerMistake(
            "Metadata can have up to 50 keys, with key names up to 40 characters long and values up to 500 characters "
            "long.",
            param="metadata",
        )
    return merged
