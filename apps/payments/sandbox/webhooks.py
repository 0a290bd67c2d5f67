"""Events delivered as Stripe delivers them: signed, from the background, again and again until answered 2xx.

``hold`` gathers deliveries until they are released (as sent, reversed or shuffled); ``drop`` loses the next ones,
``duplicate`` sends the next ones twice. The signature's time is the machine's, never the sandbox's advanced clock:
a receiver compares it with its own.
"""

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from apps.payments.sandbox.state import Json

BACKOFF = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds before each further attempt; after the last one the delivery has failed."""
TIMEOUT = 10.0


class Forgery(StrEnum):
    """What is wrong with a delivery that must not be believed.

    WRONG_SIGNATURE  signed with a secret that is not the receiver's
    STALE            signed rightly an hour ago, as when somebody sends again what was overheard
    LIVEMODE         signed rightly, but said to be of live mode
    """

    WRONG_SIGNATURE = "wrong_signature"
    STALE = "stale"
    LIVEMODE = "livemode"


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to the receiver.

    forgery   what is wrong with it, if anything
    statuses  the receiver's answers so far, 0 for none
    """

    event_id: str
    event_type: str
    payload: bytes
    forgery: Forgery | None = None
    statuses: list[int] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Delivered, or given up; a forger tries once."""
        attempts = 1 if self.forgery else 1 + len(BACKOFF)
        return self.is_delivered or len(self.statuses) >= attempts

    @property
    def is_delivered(self) -> bool:
        """The last answer was a 2xx."""
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300


def signature(payload: bytes, secret: str, *, at: int) -> str:
    """Return the Stripe-Signature header of a payload (docs.stripe.com/webhooks#verify-manually)."""
    signed = f"{at}.".encode() + payload
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Webhooks:
    """The way out for events; one background thread."""

    def __init__(self, *, url: str = "", secret: str = "") -> None:
        self.url = url
        self.secret = secret
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._held: list[Delivery] = []
        self._is_holding = False
        self._drop = 0
        self._duplicate = 0
        self._under_way = 0
        self._is_stopping = False
        self._log: list[Delivery] = []
        self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)

    def start(self) -> None:
        """Start delivering."""
        self._thread.start()

    def stop(self) -> None:
        """Stop at once; what is queued is lost, as when a machine dies."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        self._thread.join()

    def send(self, event: Json) -> None:
        """Queue an event, unless no receiver is set or it is to be dropped."""
        with self._wake:
            if not self.url:
                return
            event["pending_webhooks"] = 1
            if self._drop:
                self._drop -= 1
                return
            copies = 2 if self._duplicate else 1
            self._duplicate = max(0, self._duplicate - 1)
            payload = json.dumps(event, indent=2).encode()
            for _ in range(copies):
                self._enqueue(Delivery(event_id=event["id"], event_type=event["type"], payload=payload))

    def forge(self, event: Json, forgery: Forgery) -> str:
        """Queue a copy of an event that must not be believed and return its id, which the API does not know.

        :raises ValueError: no receiver is set
        """
        if not self.url:
            raise ValueError("no receiver is set")
        forged = event | {"id": f"evt_forged{secrets.token_hex(8)}", "livemode": forgery is Forgery.LIVEMODE}
        payload = json.dumps(forged, indent=2).encode()
        with self._wake:
            self._enqueue(Delivery(event_id=forged["id"], event_type=forged["type"], payload=payload, forgery=forgery))
        return forged["id"]  # type: ignore[no-any-return]

    def configure(
        self,
        *,
        url: str | None = None,
        secret: str | None = None,
        hold: bool | None = None,
        drop: int | None = None,
        duplicate: int | None = None,
    ) -> None:
        """Change what is given: the receiver, its secret, or what happens to coming events."""
        with self._wake:
            self.url = self.url if url is None else url
            self.secret = self.secret if secret is None else secret
            self._is_holding = self._is_holding if hold is None else hold
            self._drop = self._drop if drop is None else drop
            self._duplicate = self._duplicate if duplicate is None else duplicate

    def release(self, *, order: str = "sent") -> int:
        """Stop holding and deliver what was held; return how many. order: sent, reversed or shuffled."""
        with self._wake:
            held, self._held, self._is_holding = self._held, [], False
            if order == "reversed":
                held.reverse()
            elif order == "shuffled":
                random.shuffle(held)
            elif order != "sent":
                raise ValueError(f"no such order: {order}")
            for delivery in held:
                self._enqueue(delivery)
            return len(held)

    def wait_settled(self, seconds: float) -> bool:
        """Wait until nothing is queued or under way (held ones do not count); say whether that came about."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._queue and not self._under_way, timeout=seconds)

    def clear(self) -> None:
        """Forget queued, held and past deliveries, and stop holding, dropping and duplicating."""
        with self._wake:
            self._queue.clear()
            self._held.clear()
            self._log.clear()
            self._is_holding = False
            self._drop = self._duplicate = 0
            self._wake.notify_all()

    def described(self) -> dict[str, Any]:
        """Return the settings (not the secret) and every delivery, oldest first."""
        with self._wake:
            return {
                "url": self.url,
                "hold": self._is_holding,
                "held": len(self._held),
                "drop": self._drop,
                "duplicate": self._duplicate,
                "deliveries": [
                    {
                        "event": each.event_id,
                        "type": each.event_type,
                        "statuses": each.statuses,
                        "delivered": each.is_delivered,
                        "forgery": each.forgery,
                    }
                    for each in self._log
                ],
            }

    def _enqueue(self, delivery: Delivery) -> None:
        if self._is_holding:
            self._held.append(delivery)
            return
        self._log.append(delivery)
        self._push(delivery, delay=0)

    def _push(self, delivery: Delivery, *, delay: float) -> None:
        heapq.heappush(self._queue, (time.monotonic() + delay, next(self._order), delivery))
        self._wake.notify_all()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            status = self._post(delivery)
            with self._wake:
                delivery.statuses.append(status)
                if not delivery.is_done:
                    self._push(delivery, delay=BACKOFF[len(delivery.statuses) - 1])
                self._under_way -= 1
                self._wake.notify_all()

    def _next(self) -> Delivery | None:
        """Wait for the delivery that is due first; None when stopping."""
        with self._wake:
            while not self._is_stopping:
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._under_way += 1
                    return heapq.heappop(self._queue)[2]
                self._wake.wait(timeout=wait)
            return None

    def _post(self, delivery: Delivery) -> int:
        """Post one attempt; return the receiver's status, 0 when it gave none."""
        payload = delivery.payload
        target = urlsplit(self.url)
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=TIMEOUT)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signature(delivery),
        }
        try:
            path = target.path or "/"
            connection.request("POST", f"{path}?{target.query}" if target.query else path, payload, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            # No answer is an ordinary outcome here: it is written down as 0 and tried again.
            return 0
        finally:
            connection.close()

    def _signature(self, delivery: Delivery) -> str:
        now = int(time.time())
        if delivery.forgery is Forgery.WRONG_SIGNATURE:
            return signature(delivery.payload, "whsec_of_somebody_else", at=now)
        if delivery.forgery is Forgery.STALE:
            return signature(delivery.payload, self.secret, at=now - 3600)
        return signature(delivery.payload, self.secret, at=now)
