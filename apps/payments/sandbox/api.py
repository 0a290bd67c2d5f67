"""One API request from its headers to its answer: key, version, route, parameters, idempotency, fault, deed."""

import base64
import binascii
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.payments.sandbox import forms
from apps.payments.sandbox.checks import API_VERSION
from apps.payments.sandbox.errors import CallerMistake, Refusal
from apps.payments.sandbox.expand import expanded
from apps.payments.sandbox.faults import Fault, FaultKind, Faults
from apps.payments.sandbox.idempotency import Answer, IdempotencyKeys, key_in_use, refused
from apps.payments.sandbox.routes import Route, find_route
from apps.payments.sandbox.state import Call, Json, State, random_text

logger = logging.getLogger(__name__)


class LiveKeyRefused(Exception):
    """A live key was given to the sandbox, which must never see one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came over the wire. headers: names in lower case; form: the body, or the query of a GET."""

    method: str
    path: str
    headers: Mapping[str, str]
    form: str


@dataclass(slots=True, kw_only=True)
class Logged:
    """What the log keeps of a request: no header but the idempotency key, and never a page's form.

    error  the error object that was answered, if it was one
    fault  the fault that was made of it, if any
    """

    id: str
    method: str
    path: str
    form: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    status: int = 0
    error: Json | None = None
    fault: str | None = None
    is_rejected: bool = False
    is_replayed: bool = False


class Api:
    """Stripe's API over the sandbox's state."""

    def __init__(self, state: State, *, api_key: str = "") -> None:
        """Take requests with this test key only, or with any test key when none is given.

        :raises LiveKeyRefused: it is a live key
        """
        if api_key.startswith(("sk_live_", "rk_live_")):
            raise LiveKeyRefused("The sandbox refuses to start with a live key.")
        self.state = state
        self.faults = Faults()
        self.keys = IdempotencyKeys()
        self.requests: list[Logged] = []
        self._api_key = api_key

    def clear(self) -> None:
        """Forget requests, faults and idempotency keys."""
        self.requests.clear()
        self.faults.clear()
        self.keys.clear()

    def answer(self, request: Request) -> tuple[Logged, Answer]:
        """Answer one request and log it."""
        log = Logged(
            id=f"req_{random_text(14)}",
            method=request.method,
            path=request.path,
            idempotency_key=request.headers.get("idempotency-key"),
        )
        self.requests.append(log)
        fault = self.faults.take(request.method, request.path)
        log.fault = fault.kind if fault else None
        try:
            answer = self._checked_answer(request, log, fault)
        except Refusal as refusal:
            answer = refused(refusal)
        except Exception:
            # A bug of the sandbox must not look like a cut connection, and no test-suite may pass over it.
            logger.exception("sandbox: %s %s broke", request.method, request.path)
            answer = _server_error("The sandbox has a bug: see its log.", is_rejected=True)
        log.status, log.error = answer.status, answer.body.get("error")
        log.is_rejected = answer.is_rejected
        log.is_replayed = answer.is_replayed
        answer.is_dropped = fault is not None and fault.kind is FaultKind.DROP_ANSWER
        return log, answer

    def _checked_answer(self, request: Request, log: Logged, fault: Fault | None) -> Answer:
        self._authenticate(request.headers.get("authorization", ""))
        _check_version(request.headers.get("stripe-version"))
        route, identifiers = find_route(request.method, request.path)
        log.form = forms.decode(request.form)
        params = route.checked(log.form)
        if fault and fault.kind is FaultKind.TOO_MANY:
            raise Refusal("Request rate limit exceeded.", status=429, code="rate_limit")
        if fault and fault.kind is FaultKind.IN_USE:
            raise key_in_use()
        call = Call(
            params=params,
            ids=identifiers,
            request_id=log.id,
            idempotency_key=log.idempotency_key,
        )
        if request.method != "POST" or not log.idempotency_key:
            return self._do(route, call, fault)
        return self._do_once(route, call, fault, path=request.path, key=log.idempotency_key)

    def _do_once(self, route: Route, call: Call, fault: Fault | None, *, path: str, key: str) -> Answer:
        """Do the request, or give the answer stored under its key."""
        fingerprint = json.dumps([path, call.params], sort_keys=True)
        with self.state.turn():
            stored = self.keys.begin(key, fingerprint=fingerprint, at=self.state.clock.now())
        if stored is not None:
            return stored
        try:
            return self._do(route, call, fault, key=key)
        except BaseException:
            self.keys.forget(key)
            raise

    def _do(self, route: Route, call: Call, fault: Fault | None, *, key: str | None = None) -> Answer:
        """Do the request in a turn of its own and store the answer under the key, if there is one."""
        if fault and fault.kind is FaultKind.SLOW:
            time.sleep(fault.seconds)
        # The deed and its answer are kept in one turn: a repeat after a crash must find both or neither.
        with self.state.turn(writes=route.method == "POST"):
            answer = self._done(route, call, fault)
            if key is not None:
                self.keys.finish(key, answer)
        return answer

    def _done(self, route: Route, call: Call, fault: Fault | None) -> Answer:
        """Do the request as far as the fault lets it; a refusal is an answer to be stored like any other."""
        if fault and fault.kind is FaultKind.ERROR_BEFORE:
            return _server_error()
        try:
            made = route.do(self.state, call)
            answer = Answer(status=200, body=expanded(self.state, made, call.params.get("expand", [])))
        except Refusal as refusal:
            answer = refused(refusal)
        if fault and fault.kind is FaultKind.ERROR_AFTER:
            return _server_error()
        return answer

    def _authenticate(self, authorization: str) -> None:
        key = _key_of(authorization)
        if key.startswith(("sk_live_", "rk_live_")):
            raise CallerMistake("This is a sandbox: it refuses live keys.", status=401)
        if not key:
            raise CallerMistake(
                "You did not provide an API key. Send it as 'Authorization: Bearer YOUR_SECRET_KEY'.",
                status=401,
            )
        if not key.startswith(("sk_test_", "rk_test_")) or self._api_key not in ("", key):
            raise CallerMistake(f"Invalid API Key provided: {key[:8]}***", status=401)

    def described_requests(self, *, only_rejected: bool = False) -> list[Json]:
        """Return the log, oldest first."""
        return [asdict(log) for log in self.requests if log.is_rejected or not only_rejected]


def _key_of(authorization: str) -> str:
    """Read the key from Bearer or from Basic (as ``curl -u key:`` sends it)."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _check_version(version: str | None) -> None:
    if version is None:
        raise CallerMistake("The Stripe-Version header is missing; the sandbox asks for it in every request.")
    if version != API_VERSION:
        raise CallerMistake(f"The sandbox speaks Stripe-Version {API_VERSION} only, not {version}.")


def _server_error(
    said: str = "An unknown error occurred (made by the sandbox).", *, is_rejected: bool = False
) -> Answer:
    return Answer(status=500, body={"error": {"type": "api_error", "message": said}}, is_rejected=is_rejected)
