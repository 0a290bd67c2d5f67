"""Whatever happens, each automatic payout is the sum of its items, and the balance the sum of its transactions."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from apps.payments.sandbox.cards import card_of
from apps.payments.sandbox.clock import DAY
from apps.payments.sandbox.errors import Refusal
from apps.payments.sandbox.ibans import bank_account_of
from apps.payments.sandbox.resources.disputes import decide_dispute, open_dispute
from apps.payments.sandbox.resources.ledger import retrieve_balance
from apps.payments.sandbox.resources.mandates import sign_mandate
from apps.payments.sandbox.resources.payment_intents import create_payment_intent
from apps.payments.sandbox.resources.payment_methods import add_bank_account, add_card
from apps.payments.sandbox.resources.payouts import create_payout, fail_payout, pay_out_daily
from apps.payments.sandbox.resources.refunds import create_refund
from apps.payments.sandbox.state import Call, State


class World:
    """A sandbox without its wire, and what can happen in it; what cannot happen just then does not."""

    def __init__(self) -> None:
        self.state = State(tell=lambda _: None)
        self.card = add_card(self.state, card_of("4242424242424242"))
        self.account = add_bank_account(self.state, bank_account_of("DE89370400440532013000"), name="E", email="e@x")
        self.poor = add_bank_account(self.state, bank_account_of("DE65370400440002222227"), name="E", email="e@x")
        for method in (self.card, self.account, self.poor):
            method["customer"] = "cus_1"
        self.state.objects["cus_1"] = {"id": "cus_1", "object": "customer"}
        for account in (self.account, self.poor):
            sign_mandate(self.state, account)

    def do(self, deed: str, amount: int) -> None:
        try:
            getattr(self, deed)(amount)
        except (Refusal, ValueError, StopIteration):
            return

    def charge(self, amount: int) -> None:
        self._pay(self.card, amount)

    def debit(self, amount: int) -> None:
        self._pay(self.account if amount % 2 else self.poor, amount)

    def _pay(self, method: dict, amount: int) -> None:
        wanted = {"amount": amount, "currency": "eur", "customer": "cus_1", "payment_method": method["id"]}
        create_payment_intent(self.state, Call(params=wanted | {"confirm": True, "off_session": True}))

    def refund(self, amount: int) -> None:
        charge = next(iter(self.state.every("charge")))
        create_refund(self.state, Call(params={"charge": charge["id"], "amount": amount}))

    def dispute(self, amount: int) -> None:
        charges = self.state.every("charge")
        open_dispute(
            self.state, Call(), charges[amount % len(charges)] if charges else next(iter(())), reason="general"
        )

    def decide(self, amount: int) -> None:
        decide_dispute(self.state, next(iter(self.state.every("dispute")))["id"], is_won=amount % 2 == 1)

    def pay_out(self, amount: int) -> None:
        create_payout(self.state, Call(params={"amount": amount, "currency": "eur"}))

    def bounce(self, amount: int) -> None:
        fail_payout(self.state, next(iter(self.state.every("payout")))["id"], "account_closed")

    def schedule(self, amount: int) -> None:
        pay_out_daily(self.state, daily=amount % 3 != 0)

    def wait(self, amount: int) -> None:
        self.state.clock.advance(amount % 12 * DAY)
        self.state.run_due()


DEEDS = ("charge", "debit", "refund", "dispute", "decide", "pay_out", "bounce", "schedule", "wait")


@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(50, 9_999)), max_size=40))
def test_every_history_adds_up(history):
    world = World()
    pay_out_daily(world.state, daily=True)

    for deed, amount in history:
        world.do(deed, amount)

    entries = {entry["id"]: entry for entry in world.state.every("balance_transaction")}
    payouts = {payout["id"]: payout for payout in world.state.every("payout")}
    left = Counter()
    for entry_id, payout_id in world.state.paid_out.items():
        left[payout_id] += entries[entry_id]["net"]
        assert entries[entry_id]["status"] == "available"
    assert all(left[each["id"]] == 0 for each in payouts.values() if each["automatic"])
    assert all(entries[each["balance_transaction"]]["net"] == -each["amount"] for each in payouts.values())
    balance = retrieve_balance(world.state, Call())
    assert sum(each["amount"] for each in balance["available"] + balance["pending"]) == sum(
        entry["net"] for entry in entries.values()
    )
