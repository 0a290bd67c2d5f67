"""The control URL: what a test or a demo asks of the sandbox itself, as JSON under ``/_control/``; loopback only."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from apps.payments.sandbox.api import Api
from apps.payments.sandbox.cards import card_of
from apps.payments.sandbox.control import PREFIX
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.faults import Fault
from apps.payments.sandbox.resources.debits import fail_debit, return_debit, settle_debit
from apps.payments.sandbox.resources.disputes import decide_dispute, open_dispute
from apps.payments.sandbox.resources.mandates import revoke_mandate
from apps.payments.sandbox.resources.payment_methods import change_card
from apps.payments.sandbox.resources.payouts import fail_payout, pay_out_daily
from apps.payments.sandbox.resources.refunds import fail_refund
from apps.payments.sandbox.state import Call, Json
from apps.payments.sandbox.webhooks import Forgery, Webhooks


class ControlDesk:
    """What can be asked for, and who does it."""

    def __init__(self, api: Api, webhooks: Webhooks) -> None:
        self._api = api
        self._webhooks = webhooks
        state = api.state
        self._calls: dict[tuple[str, str], Callable[[Json], Any]] = {
            ("GET", "requests"): lambda _: api.described_requests(),
            ("GET", "rejected"): lambda _: api.described_requests(only_rejected=True),
            ("GET", "objects"): self._objects,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._advance,
            ("GET", "faults"): lambda _: api.faults.listed(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: api.faults.clear(),
            ("POST", "refunds/fail"): self._turn(lambda refund, reason: fail_refund(state, refund, reason)),
            ("POST", "cards/change"): self._turn(self._change_card),
            ("POST", "debits/settle"): self._turn(lambda payment_intent: settle_debit(state, payment_intent)),
            ("POST", "debits/fail"): self._turn(
                lambda payment_intent, failure_code: fail_debit(state, payment_intent, failure_code)
            ),
            ("POST", "debits/return"): self._turn(lambda charge, reason: _id(return_debit(state, charge, reason))),
            ("POST", "mandates/revoke"): self._turn(
                lambda mandate: revoke_mandate(state, Call(), state.get("mandate", mandate))
            ),
            ("POST", "disputes/open"): self._turn(self._open_dispute),
            ("POST", "disputes/decide"): self._turn(
                lambda dispute, is_won: decide_dispute(state, dispute, is_won=bool(is_won))
            ),
            ("POST", "payouts/daily"): self._turn(lambda daily: pay_out_daily(state, daily=bool(daily))),
            ("POST", "payouts/fail"): self._turn(lambda payout, failure_code: fail_payout(state, payout, failure_code)),
            ("GET", "webhooks"): lambda _: webhooks.described(),
            ("POST", "webhooks"): lambda given: webhooks.configure(**given),
            ("POST", "webhooks/forge"): self._forge,
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
        except (TypeError, ValueError, KeyError, Refusal) as wrong:
            return 400, {"error": f"{type(wrong).__name__}: {wrong}"}

    def _objects(self, given: Json) -> list[Json]:
        kind = given.get("object")
        state = self._api.state
        with state.turn():
            found = [each for each in state.objects.values() if kind in (None, each["object"])]
            return json.loads(json.dumps(found))  # type: ignore[no-any-return]

    def _clock(self, _: Json) -> Json:
        with self._api.state.turn():
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

    def _turn(self, do: Callable[..., Any]) -> Callable[[Json], Any]:
        """Let a deed have the state for itself, with the call's members as its arguments."""

        def do_in_turn(given: Json) -> Any:
            with self._api.state.turn(writes=True):
                return do(**given)

        return do_in_turn

    def _change_card(self, payment_method: str, card_number: str) -> None:
        card = card_of(card_number)
        if card is None:
            raise ValueError("this is no test card")
        change_card(self._api.state, payment_method, card)

    def _open_dispute(self, charge: str, reason: str) -> Json:
        state = self._api.state
        return _id(open_dispute(state, Call(), state.get("charge", charge), reason=reason))

    def _forge(self, given: Json) -> Json:
        state = self._api.state
        with state.turn():
            newest = next(iter(state.every("event")), {"id": ""})
            event = state.get("event", given.get("event") or newest["id"])
            return {"id": self._webhooks.forge(event, Forgery(given["kind"]))}

    def _settled(self, given: Json) -> Json:
        return {"settled": self._webhooks.wait_settled(float(given.get("timeout", 5)))}

    def _reset(self, given: Json) -> None:
        with self._api.state.turn(writes=True):
            self._api.state.clear()
            if given.get("clock"):
                # With nothing left that is dated, it may go back to the machine's.
                self._api.state.clock.advanced_by = 0
            self._api.clear()
            self._webhooks.clear()


def _id(made: Json) -> Json:
    return {"id": made["id"]}
