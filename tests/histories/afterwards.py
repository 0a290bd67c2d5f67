"""What may come of any document later: refunds, pay links, disputes, refunds that come back, write-offs, expiry."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from apps.invoices.errors import NotCreditable
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import creditable_lines
from apps.payments.models import Dispute, Payment
from apps.payments.sandbox import CheckoutRefused, complete_checkout
from apps.payments.sandbox.control import ControlError
from apps.payments.selectors import open_amount
from apps.payments.services.answering import NotAnswerable, submit_evidence
from apps.payments.services.attempts import CheckoutUnavailable
from apps.payments.services.links import NotPayable
from apps.payments.services.paying import open_pay_page
from apps.payments.services.refunds import NotRefundable, refund_document
from apps.payments.services.write_offs import NotWrittenOff, write_off
from tests.histories.house import House
from tests.histories.town import Town

Move = tuple[str, Callable[[], object]]
PAGE: Final = "https://wattledger.example/portal/pay/"


class Afterwards:
    """An operator, a bank and people with a pay link."""

    def __init__(self, house: House, town: Town, *, documents: QuerySet[Invoice]) -> None:
        self.house, self.town, self.dice = house, town, house.weather.dice
        self._documents = documents.filter(seller=town.site.owner, status="issued", credits=None).order_by("pk")
        self._page_url = ""

    def moves(self) -> list[Move]:
        """Return what may be done now to the documents of this history, if there are any."""
        documents = list(self._documents.all())
        moves: list[Move] = []
        if documents:
            document = self.dice.choice(documents)
            is_open = open_amount(document) > 0
            # What is paid is given back, what is open is asked for; now and then it is the other way round.
            moves += [(f"refund of {document}", lambda: self._refund(document))] * (1 if is_open else 3)
            if is_open:
                moves += [(f"a click on the pay link of {document}", lambda: self._open_link(document))] * 2
            if is_open and self.dice.random() < 0.2:
                moves.append((f"write-off of {document}", lambda: self._write_off(document)))
        if self._page_url:
            moves += [("somebody pays by the link", self._pay_by_link)] * 4
        if Payment.objects.filter(status="succeeded").exists():
            moves += [("the bank stirs", self._bank)] * 2
        return moves

    def _refund(self, document: Invoice) -> None:
        """Give all of it back, or a part; the second click bears what the first one saw."""
        lines = creditable_lines(document)
        left = sum((line.left.stated for line in lines), Decimal(0))
        amounts = None
        if lines and self.dice.random() < 0.7:
            line = self.dice.choice(lines)
            part = (line.left.stated * self.dice.choice([1, 3, 10]) / 10).quantize(Decimal("0.01"))
            amounts = {line.line.pk: part} if part else None

        def click() -> None:
            with suppress(NotRefundable, NotCreditable):
                refund_document(
                    document_id=document.pk, reason="agreed", by=self.town.operator, at=self.house.at,
                    amounts=amounts, seen_left=left,
                )  # fmt: skip

        self.house.also.append(("a second click to refund", click))
        try:
            click()
        finally:
            self.house.also.pop()

    def _open_link(self, document: Invoice) -> None:
        def click() -> None:
            with suppress(NotPayable, CheckoutUnavailable):
                self._page_url = open_pay_page(
                    document_id=document.pk, success_url=PAGE, cancel_url=PAGE, at=self.house.at
                )

        self.house.also.append(("a second click on the link", click))
        try:
            click()
        finally:
            self.house.also.pop()

    def _pay_by_link(self) -> None:
        with suppress(CheckoutRefused):
            complete_checkout(self._page_url, self.dice.choice(["4242424242424242", "4000000000009995"]))
            self._page_url = ""

    def _write_off(self, document: Invoice) -> None:
        with suppress(NotWrittenOff):
            write_off(invoice_id=document.pk, reason="gone", by=self.town.operator, at=self.house.at)

    def _bank(self) -> None:
        """Let a bank or card owner do something to what was taken or given back."""
        control = self.house.weather.control
        paid = [each for each in control.objects("charge") if each["captured"] and each["status"] == "succeeded"]
        refunds = [each for each in control.objects("refund") if each["status"] == "succeeded"]
        disputes = [each for each in control.objects("dispute") if each["status"] not in ("won", "lost")]
        may = [
            *[("dispute", each["id"]) for each in paid if not each["disputed"] and not each["id"].startswith("py_")],
            *[("fail", each["id"]) for each in refunds],
            *[("decide", each["id"]) for each in disputes],
            *[("answer", each["id"]) for each in disputes],
        ]
        if not may:
            return
        what, which = self.dice.choice(may)
        self.house.steps.append(f"            the bank: {what} {which}")
        with suppress(ControlError):
            if what == "dispute":
                control.open_dispute(which)
            elif what == "fail":
                control.fail_refund(which)
            elif what == "decide":
                control.decide_dispute(which, is_won=self.dice.random() < 0.5)
        dispute = Dispute.objects.filter(stripe_id=which).first()
        if what == "answer" and dispute is not None:
            with suppress(NotAnswerable):
                submit_evidence(dispute_id=dispute.pk, at=self.house.at)


def later(house: House) -> None:
    """Let some time pass, mostly little; the longest is longer than a hold."""
    spans = [timedelta(minutes=1), timedelta(minutes=4), timedelta(hours=1), timedelta(days=1), timedelta(days=8)]
    house.pass_time(house.weather.dice.choices(spans, weights=[10, 6, 3, 2, 1])[0])
