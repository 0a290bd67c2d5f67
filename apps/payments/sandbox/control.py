"""The control URL: what a test or a demo asks of the sandbox itself, as JSON under ``/_control/``, from loopback only.

``Control`` is the client, the same for a sandbox in this process and one in another.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from apps.payments.sandbox.api import Api
from apps.payments.sandbox.faults import Fault, FaultKind
from apps.payments.sandbox.resources.charges import fail_refund
from apps.payments.sandbox.state import Json
from apps.payments.sandbox.webhooks import Webhooks

PREFIX = "/_control/"


class ControlError(Exception):
    """The control URL refused a call; ``str()`` says why."""


class ControlDesk:
    """The server's side: one method per call."""

    def __init__(self, api: Api, webhooks: Webhooks) -> None:
        self._api = api
        self._webhooks = webhooks
        self._calls: dict[tuple[str, str], Callable[[Json], Any]] = {
            ("GET", "requests"): lambda _: api.described_requests(),
            ("GET", "rejected"): lambda _: api.described_requests(only_rejected=True),
            ("GET", "objects"): self._objects,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._advance,
            ("GET", "faults"): lambda _: api.faults.listed(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: api.faults.clear(),
            ("POST", "refunds/fail"): self._fail_refund,
            ("GET", "webhooks"): lambda _: webhooks.described(),
            ("POST", "webhooks"): lambda given: webhooks.configure(**given),
            ("POST", "webhooks/release"): lambda given: webhooks.release(**given),
            ("GET", "webhooks/settled"): self._settled,
            ("POST", "reset"): self._reset,
        }

    def answer(self, method: str, path: str, text: str) -> tuple[int, Any]:
        """Answer one call with a status and JSON. text: the body, or the query of a GET."""
        do = self._calls.get((method, path.removeprefix(PREFIX)))
        if do is None:
            return 404, {"error": f"no such control: {method} {path}"}
        try:
            given = dict(parse_qsl(text)) if method == "GET" else json.loads(text or "{}")
            return 200, do(given)
        except (TypeError, ValueError, KeyError) as wrong:
            return 400, {"error": f"{type(wrong).__name__}: {wrong}"}

    def _objects(self, given: Json) -> list[Json]:
        kind = given.get("object")
        state = self._api.state
        with state.turn():
            found = [each for each in state.objects.values() if kind in (None, each["object"])]
            return json.loads(json.dumps(found))  # type: ignore[no-any-return]

    def _clock(self, _: Json) -> Json:
        clock = self._api.state.clock
        return {"now": clock.now(), "advanced_by": clock.advanced_by}

    def _advance(self, given: Json) -> Json:
        state = self._api.state
        with state.turn(writes=True):
            state.clock.advance(given["advance"])
            state.run_due()
        return self._clock(given)

    def _add_fault(self, given: Json) -> None:
        self._api.faults.add(Fault(**given))

    def _fail_refund(self, given: Json) -> None:
        with self._api.state.turn(writes=True):
            fail_refund(self._api.state, given["refund"], given["reason"])

    def _settled(self, given: Json) -> Json:
        return {"settled": self._webhooks.wait_settled(float(given.get("timeout", 5)))}

    def _reset(self, _: Json) -> None:
        with self._api.state.turn(writes=True):
            self._api.state.clear()
            self._api.clear()
            self._webhooks.clear()


class Control:
    """The caller's side of the control URL."""

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

    def reset(self) -> None:
        """Forget objects, logs, keys, faults and deliveries; keep the receiver and the clock."""
        self._call("POST", "reset")

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
