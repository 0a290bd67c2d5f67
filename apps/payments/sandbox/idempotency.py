"""Idempotency keys as Stripe keeps them (docs.stripe.com/api/idempotent_requests).

A key remembers the answer to its first request, whatever it was, also a 500. It is forgotten after 24 hours. A request
that fails its checks, or meets the first one still under way, leaves no trace.
"""

import copy
import threading
from dataclasses import dataclass

from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.state import Json

LIFE = 24 * 60 * 60
LONGEST_KEY = 255


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back over the wire.

    is_dropped   the connection is cut instead of answering
    is_rejected  no correct caller sends such a request
    """

    status: int
    body: Json
    is_dropped: bool = False
    is_replayed: bool = False
    is_rejected: bool = False


def refused(refusal: Refusal) -> Answer:
    """Return a refusal as an answer; copied, since the error may carry an intent that goes on changing."""
    return Answer(status=refusal.status, body=copy.deepcopy(refusal.body()), is_rejected=refusal.caller_mistake)


def key_in_use() -> Refusal:
    """Return what a request is refused with while the first one with its key is under way."""
    return Refusal(
        "There is currently another in-progress request using this Idempotent Key. Please try again later.",
        status=409,
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )


@dataclass(slots=True, kw_only=True)
class _Entry:
    fingerprint: str
    at: int
    answer: Answer | None = None


class IdempotencyKeys:
    """The keys seen and their answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def begin(self, key: str, *, fingerprint: str, at: int) -> Answer | None:
        """Return the stored answer, or None when the caller must now do the request and ``finish`` it.

        fingerprint: method, path and parameters as one text

        :raises CallerMistake: the key is too long, or was used with other parameters
        :raises Refusal: 409, the first request with this key is still under way
        """
        if len(key) > LONGEST_KEY:
            raise CallerMistake(f"Idempotency keys have at most {LONGEST_KEY} characters.", kind="idempotency_error")
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.answer is not None and at - entry.at >= LIFE):
                self._entries[key] = _Entry(fingerprint=fingerprint, at=at)
                return None
            if entry.fingerprint != fingerprint:
                raise CallerMistake(
                    "Keys for idempotent requests can only be used with the same parameters they were first used "
                    f"with. Try using a key other than '{key}' if you meant to execute a different request.",
                    kind="idempotency_error",
                )
            if entry.answer is None:
                raise key_in_use()
            return Answer(status=entry.answer.status, body=entry.answer.body, is_replayed=True)

    def finish(self, key: str, answer: Answer) -> None:
        """Store the answer under the key."""
        with self._lock:
            if key in self._entries:
                self._entries[key].answer = answer

    def forget(self, key: str) -> None:
        """Let the key be used anew, as when nothing had been begun; a stored answer stays."""
        with self._lock:
            if key in self._entries and self._entries[key].answer is None:
                del self._entries[key]

    def clear(self) -> None:
        """Forget all keys."""
        with self._lock:
            self._entries.clear()

    def described(self, *, at: int) -> Json:
        """Return the answers that are still good ``at`` this time as JSON, by key; what is under way is not yet one."""
        with self._lock:
            return {
                key: {
                    "fingerprint": entry.fingerprint,
                    "at": entry.at,
                    "status": entry.answer.status,
                    "body": entry.answer.body,
                }
                for key, entry in self._entries.items()
                if entry.answer is not None and at - entry.at < LIFE
            }

    def restore(self, described: Json) -> None:
        """Know the keys that were ``described``.

        :raises KeyError, TypeError: they are no description of keys
        """
        with self._lock:
            self._entries = {
                key: _Entry(
                    fingerprint=entry["fingerprint"],
                    at=entry["at"],
                    answer=Answer(status=entry["status"], body=entry["body"]),
                )
                for key, entry in described.items()
            }
