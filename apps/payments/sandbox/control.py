"""The caller's side of the control URL: the same for a sandbox in this process and one in another."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from apps.payments.sandbox.faults import FaultKind
from apps.payments.sandbox.state import Json
from apps.payments.sandbox.webhooks import Forgery

PREFIX = "/_control/"


class ControlError(Exception):
    """The control URL refused a call; ``str()`` says why."""


class Control:
    """One method per call (``docs/sandbox.md``)."""

    def __init__(self, url: str) -> None:
        """Talk to the sandbox at ``url``, e.g. ``http://127.0.0.1:12111``."""
        self._url = url.rstrip("/") + PREFIX
        # A proxy from the environment has no business between a test and its own machine.
        self._opener = build_opener(ProxyHandler({}))

    def requests(self) -> list[Json]:
        """Return every API request so far, oldest first."""
        return self._call("GET", "requests")  # type: ignore[no-any-return]

    def rejected(self) -> list[Json]:
        """Return the requests that no correct caller sends; a test-suite asserts that there are none."""
        return self._call("GET", "rejected")  # type: ignore[no-any-return]

    def objects(self, kind: str = "") -> list[Json]:
        """Return all objects, or those of a kind such as ``payment_intent``, oldest first."""
        return self._call("GET", "objects", {"object": kind} if kind else {})  # type: ignore[no-any-return]

    def fault(
        self,
        kind: FaultKind | str,
        *,
        method: str = "",
        path: str = "/v1/",
        times: int = 1,
        seconds: float = 0,
    ) -> None:
        """Make a fault of the next ``times`` requests with this method ("" = any) and path prefix."""
        given = {"kind": kind, "method": method, "path": path, "times": times, "seconds": seconds}
        self._call("POST", "faults", given)

    def clear_faults(self) -> None:
        """Lift all faults."""
        self._call("DELETE", "faults")

    def fail_refund(self, refund_id: str, *, reason: str = "expired_or_canceled_card") -> None:
        """Let the bank send a refund that succeeded back."""
        self._call("POST", "refunds/fail", {"refund": refund_id, "reason": reason})

    def change_card(self, payment_method_id: str, card_number: str) -> None:
        """Let a saved card behave like this test card from now on: be lost, expire, get well again."""
        self._call("POST", "cards/change", {"payment_method": payment_method_id, "card_number": card_number})

    def settle_debit(self, intent_id: str) -> None:
        """Let the bank pay a SEPA debit now."""
        self._call("POST", "debits/settle", {"payment_intent": intent_id})

    def fail_debit(self, intent_id: str, *, failure_code: str = "insufficient_funds") -> None:
        """Let the bank refuse a SEPA debit now."""
        self._call("POST", "debits/fail", {"payment_intent": intent_id, "failure_code": failure_code})

    def return_debit(self, charge_id: str, *, reason: str = "debit_not_authorized") -> str:
        """Let the bank take back a SEPA debit that it paid; return the dispute's id."""
        return self._call("POST", "debits/return", {"charge": charge_id, "reason": reason})["id"]  # type: ignore[no-any-return]

    def revoke_mandate(self, mandate_id: str) -> None:
        """Let a customer revoke a mandate; nothing is debited under it any more."""
        self._call("POST", "mandates/revoke", {"mandate": mandate_id})

    def open_dispute(self, charge_id: str, *, reason: str = "fraudulent") -> str:
        """Let a customer dispute a charge; return the dispute's id."""
        return self._call("POST", "disputes/open", {"charge": charge_id, "reason": reason})["id"]  # type: ignore[no-any-return]

    def decide_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        """Let the bank decide a dispute, for us or against."""
        self._call("POST", "disputes/decide", {"dispute": dispute_id, "is_won": is_won})

    def pay_out_daily(self, daily: bool = True) -> None:
        """Pay the available balance out at each midnight (UTC), or no more."""
        self._call("POST", "payouts/daily", {"daily": daily})

    def fail_payout(self, payout_id: str, *, failure_code: str = "account_closed") -> None:
        """Let the bank send a payout back."""
        self._call("POST", "payouts/fail", {"payout": payout_id, "failure_code": failure_code})

    def set_webhook(self, url: str, secret: str) -> None:
        """Deliver events to ``url``, signed with ``secret``."""
        self._call("POST", "webhooks", {"url": url, "secret": secret})

    def hold_webhooks(self) -> None:
        """Gather events instead of delivering them."""
        self._call("POST", "webhooks", {"hold": True})

    def release_webhooks(self, *, order: str = "sent") -> int:
        """Deliver what was held, in the order sent, reversed or shuffled; return how many."""
        return self._call("POST", "webhooks/release", {"order": order})  # type: ignore[no-any-return]

    def drop_webhooks(self, times: int = 1) -> None:
        """Never deliver the next events."""
        self._call("POST", "webhooks", {"drop": times})

    def duplicate_webhooks(self, times: int = 1) -> None:
        """Deliver each of the next events twice."""
        self._call("POST", "webhooks", {"duplicate": times})

    def forge_webhook(self, kind: Forgery | str, *, event_id: str = "") -> str:
        """Deliver once a copy of an event (the newest if none is named) that must not be believed; return its id."""
        return self._call("POST", "webhooks/forge", {"kind": kind, "event": event_id})["id"]  # type: ignore[no-any-return]

    def webhooks(self) -> Json:
        """Return the receiver's settings and all deliveries."""
        return self._call("GET", "webhooks")  # type: ignore[no-any-return]

    def wait_for_webhooks(self, seconds: float = 5) -> None:
        """Return when nothing is left to deliver but what is held.

        :raises TimeoutError: something still is after ``seconds``
        """
        if not self._call("GET", "webhooks/settled", {"timeout": seconds})["settled"]:
            raise TimeoutError(f"webhooks were not settled after {seconds} s")

    def advance_clock(self, seconds: int) -> int:
        """Move the sandbox's time on, do what falls due, and return its new time in Unix seconds."""
        return self._call("POST", "clock", {"advance": seconds})["now"]  # type: ignore[no-any-return]

    def now(self) -> int:
        """Return the sandbox's time in Unix seconds."""
        return self._call("GET", "clock")["now"]  # type: ignore[no-any-return]

    def reset(self, *, clock: bool = False) -> None:
        """Forget objects, logs, keys, faults and deliveries; keep the receiver, and the clock unless it is named."""
        self._call("POST", "reset", {"clock": clock})

    def wait_until_ready(self, seconds: float = 10) -> None:
        """Return when the sandbox answers.

        :raises TimeoutError: it does not within ``seconds``
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.now()
                return
            except OSError as failure:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no sandbox at {self._url}") from failure
                time.sleep(0.05)

    def _call(self, method: str, name: str, given: Json | None = None) -> Any:
        """Ask for something by name.

        :raises ControlError: it is refused
        """
        url, body = self._url + name, None
        if method == "GET" and given:
            url += "?" + urlencode(given)
        elif given is not None:
            body = json.dumps(given).encode()
        request = Request(url, data=body, method=method)  # noqa: S310 the caller's own sandbox
        try:
            with self._opener.open(request, timeout=60) as response:
                return json.load(response)
        except HTTPError as refused:
            with refused:
                raise ControlError(json.load(refused)["error"]) from None


class ControlHere(Control):
    """The same calls to a sandbox of this process, without the way over HTTP; what comes back is JSON all the same.

    ask  (method, path, text) → status and JSON: the desk behind the control URL
    """

    def __init__(self, ask: Callable[[str, str, str], tuple[int, Any]]) -> None:
        super().__init__("")
        self._ask = ask

    def _call(self, method: str, name: str, given: Json | None = None) -> Any:
        text = urlencode(given or {}) if method == "GET" else json.dumps(given or {})
        status, said = self._ask(method, PREFIX + name, text)
        said = json.loads(json.dumps(said))
        if status != 200:
            raise ControlError(said["error"])
        return said
