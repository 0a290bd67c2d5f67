"""A fleet that owes three invoices: cards and bank accounts that turn bad, debits that come back, money sent twice."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from apps.invoices.models import Invoice
from apps.payments.models import BankReceipt, SavedMethod
from apps.payments.sandbox import CheckoutRefused, answer_challenge, complete_checkout, complete_mandate
from apps.payments.sandbox.control import ControlError
from apps.payments.services import collection, methods, setups
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.methods import SetupUnavailable
from tests.histories.afterwards import Afterwards, Move
from tests.histories.house import House
from tests.histories.town import Town

GOOD: Final = "4242424242424242"
CARDS: Final = [
    GOOD,
    GOOD,
    "4000000000000341",
    "4000002500003155",
    "4000002760003184",
    "4000000000000259",
]
TURNS: Final = [GOOD, "4000000000009987", "4000002760003184", "4000000000009995"]
IBANS: Final = [
    "DE89370400440532013000",
    "DE89370400440532013000",
    "DE08370400440532013003",
    "DE62370400440532013001",
    "DE65370400440002222227",
    "DE35370400440532013002",
]
BACK: Final = "https://wattledger.example/portal/payment-method/?session={CHECKOUT_SESSION_ID}"


class Fleet:
    """What may happen next to what one customer owes."""

    SWEEPERS = ("payments.sweep_due",)

    def __init__(self, house: House, town: Town) -> None:
        self.house, self.town, self.dice = house, town, house.weather.dice
        self.afterwards = Afterwards(house, town, documents=Invoice.objects.filter(customer=town.customer))

    def moves(self) -> list[Move]:
        """Return what somebody may do now, the likelier more often."""
        saved = SavedMethod.objects.filter(customer=self.town.customer)
        active, requested = saved.filter(status="active").first(), saved.filter(status="requested").first()
        invoice = self.dice.choice(self.town.invoices)
        moves: list[Move] = [("money comes by bank", lambda: self._send_money(invoice))]
        if active is not None:
            moves += [(f"collect {invoice}", lambda: self._collect(invoice))] * 6
            moves += [("the method turns", lambda: self._turn(active))]
        if active is not None and active.is_debit:
            moves += [("the bank of a debit stirs", self._stir_debit)] * 3
        if requested is None or not requested.checkout_url:
            moves += [("the customer opens the page", self._open_page)] * (1 if active else 8)
        else:
            moves += [("the customer fills in the page", lambda: self._fill_in(requested))] * 8
            moves += [("the customer comes back", lambda: self._come_back(requested))] * 4
        return moves + self.afterwards.moves()

    def begin(self) -> None:
        """Let most fleets save a method before anything goes wrong, and many have paid by it."""
        how_far = self.dice.choice(["nothing", "card", "account", "paid", "paid"])
        if how_far == "nothing":
            return
        self._open_page()
        method = SavedMethod.objects.get()
        if how_far == "account":
            complete_mandate(method.checkout_url, self.dice.choice(IBANS))
        else:
            complete_checkout(method.checkout_url, GOOD)
        self.house.do("the customer comes back", lambda: self._come_back(method))
        if how_far == "paid":
            self.house.do("collect", lambda: self._collect(self.town.invoices[self.dice.randrange(2)]))
        self.house.work_off()

    def end(self) -> None:
        """Let each bank decide what it still thinks about; beat goes on meanwhile."""
        for _ in range(5):
            self.house.pass_time(timedelta(days=5))
            self.house.sweep("payments.sweep_disputes")

    def _collect(self, invoice: Invoice) -> None:
        def once() -> None:
            collection.collect_invoice(invoice_id=invoice.pk, at=self.house.at)

        self.house.also.append((f"collect {invoice} by another worker", once))
        try:
            once()
        finally:
            self.house.also.pop()

    def _open_page(self) -> None:
        def click() -> None:
            with suppress(SetupUnavailable):
                methods.start_method_setup(
                    customer_id=self.town.customer.pk, success_url=BACK, cancel_url=BACK, at=self.house.at
                )

        self.house.also.append(("a second click to save a card", click))
        try:
            click()
        finally:
            self.house.also.pop()

    def _fill_in(self, method: SavedMethod) -> None:
        with suppress(CheckoutRefused):
            if self.dice.random() < 0.5:
                complete_mandate(method.checkout_url, self.dice.choice(IBANS))
                return
            location = complete_checkout(method.checkout_url, self.dice.choice(CARDS))
            if "/c/3ds/" in location:
                answer_challenge(location, succeeds=self.dice.random() < 0.8)

    def _come_back(self, method: SavedMethod) -> None:
        setups.sync_method(method_id=method.pk, at=self.house.at)

    def _turn(self, method: SavedMethod) -> None:
        """Let a card be lost, ask for its owner, or be good again; let a mandate be revoked."""
        control = self.house.weather.control
        with suppress(ControlError):
            if method.is_debit:
                control.revoke_mandate(method.mandate_id)
            else:
                control.change_card(method.payment_method_id, self.dice.choice(TURNS))

    def _send_money(self, invoice: Invoice) -> None:
        """Send all, a part or too much of an invoice; the bank may tell the same line again."""
        number = self.dice.randint(1, 4)
        share = Decimal([1, 1, 0.5, 1.5][number - 1])
        amount = (invoice.gross.amount * share).quantize(Decimal("0.01"))
        line = StatementLine(
            key=f"line {invoice.pk} {number}",
            booked_on=self.house.at.date(),
            amount=amount,
            currency="EUR",
            payer="Fleet",
            payer_iban="DE02120300000000202051",
            reference=f"Invoice {invoice.number}",
        )
        if told := BankReceipt.objects.filter(line_key=line.key).first():
            # The same line of a later statement keeps its own day.
            line = replace(line, booked_on=told.booked_on)
        record_receipt(seller_id=self.town.site.owner.pk, line=line, at=self.house.at)

    def _stir_debit(self) -> None:
        """Let a bank pay, refuse, or take back a debit."""
        control = self.house.weather.control
        debits = [each for each in control.objects("charge") if each["id"].startswith("py_")]
        if not debits:
            return
        debit = self.dice.choice(debits)
        what = self.dice.choice(["settle", "fail", "return", "return"])
        self.house.steps.append(f"            the bank: {what} {debit['id']}")
        with suppress(ControlError):
            if what == "settle":
                control.settle_debit(debit["payment_intent"])
            elif what == "fail":
                control.fail_debit(debit["payment_intent"])
            else:
                control.return_debit(debit["id"])
