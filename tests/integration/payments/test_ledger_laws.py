"""Laws of the books, by hypothesis: whatever is billed, paid, given back, disputed or given up, in any order, each
journal balances and the receivable of a customer is what is open.

The services, the database and Stripe's double are the real ones. Each example lives in a transaction that is rolled
back; what a service refuses in words is a step that changes nothing. Longer and wilder ones are the histories
(docs/payments-proof.md); here two VAT rates, a plan, a spending limit and opening items are in play.
"""

from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apps.accounting.debtors import receivable_by_customer
from apps.contracts.models import SpendingLimit
from apps.core.audit import find_violations
from apps.invoices.errors import DocumentRefused
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.ledger.models import LedgerEntry
from apps.payments.credit import free_receipts
from apps.payments.models import BankReceipt, BankRepayment, Dispute, OpeningItem, OpeningSettlement, Payment
from apps.payments.openings import open_items
from apps.payments.selectors import surplus_of, with_open_amounts
from apps.payments.services.bank import (
    NotRepayable,
    StatementLine,
    execute_repayment,
    record_receipt,
    request_repayment,
)
from apps.payments.services.openings import (
    OpeningRefused,
    Told,
    give_up_opening_item,
    record_opening_item,
    reverse_opening_item,
    take_payment_back,
)
from apps.payments.services.owing import owed_by, state_owed
from apps.payments.services.refunds import NotRefundable, refund_document
from apps.payments.services.write_offs import NotWrittenOff, write_off
from tests.factories import Site, give_plan, make_site, make_user
from tests.histories.telling import rolled_back
from tests.integration.invoices.test_two_categories import ENERGY_AND_FEE
from tests.integration.invoices.world import MARCH_EVENING, bill, make_cdr

from .conftest import NOON, collect
from .disputing import decide, open_dispute

pytestmark = pytest.mark.django_db
REFUSALS = (DocumentRefused, NotRefundable, NotWrittenOff, NotRepayable, OpeningRefused)
FAR = date(2199, 12, 31)
AMOUNTS = ("0.01", "5.00", "12.85", "100.00")


class Town:
    """One seller, one customer with a card, and what may happen between them. ``pick`` chooses among what there is."""

    def __init__(self, sandbox, site: Site) -> None:
        self.sandbox, self.site, self.clerk = sandbox, site, make_user()
        self.lines = 0

    @property
    def invoices(self) -> list[Invoice]:
        return list(Invoice.objects.filter(seller=self.site.owner, kind="invoice", status="issued").order_by("pk"))

    @property
    def items(self) -> list[OpeningItem]:
        return list(OpeningItem.objects.order_by("pk"))

    def bill(self, pick: int, amount: Decimal) -> None:
        self.lines += 1
        make_cdr(site=self.site, kwh="20", started_at=MARCH_EVENING + timedelta(minutes=self.lines))
        bill(self.site)

    def bring_along(self, pick: int, amount: Decimal) -> None:
        self.lines += 1
        day = date(2026, 1, 1)
        signed = -amount if pick % 3 == 0 else amount
        told = Told(number=f"RE-{self.lines:04}", document_date=day, due_date=day, amount=signed, currency="EUR")
        record_opening_item(customer=self.site.customer, told=told, by=None, at=NOON)

    def pay_by_bank(self, pick: int, amount: Decimal) -> None:
        """Money for a named document, or just for what is due longest; in part or too much, as it comes."""
        self.lines += 1
        named = [*self.invoices, *self.items]
        reference = named[pick % len(named)].number if named and pick % 2 else ""
        line = StatementLine(
            key=f"{self.lines}", booked_on=NOON.date(), amount=amount, currency="EUR", reference=reference
        )
        record_receipt(seller_id=self.site.owner.pk, line=line, customer_id=self.site.customer.pk, at=NOON)

    def collect_by_card(self, pick: int, amount: Decimal) -> None:
        if self.invoices:
            collect(self.invoices[pick % len(self.invoices)])

    def refund(self, pick: int, amount: Decimal) -> None:
        """The whole, or a part of its first line."""
        if self.invoices:
            invoice = self.invoices[pick % len(self.invoices)]
            lines = {invoice.lines.first().pk: min(amount, Decimal("2.00"))} if pick % 2 else None
            refund_document(document_id=invoice.pk, reason="broken", by=self.clerk, at=NOON, amounts=lines)

    def credit(self, pick: int, amount: Decimal) -> None:
        if self.invoices:
            invoice = self.invoices[pick % len(self.invoices)]
            credit_invoice(invoice_id=invoice.pk, reason="agreed", at=NOON, by=self.clerk)
            # The bell of a credit note: what was paid too much is let go.
            collect(invoice)

    def give_up(self, pick: int, amount: Decimal) -> None:
        rows = [*self.invoices, *self.items]
        match rows[pick % len(rows)] if rows else None:
            case Invoice(pk=pk):
                write_off(invoice_id=pk, reason="insolvent", by=self.clerk, at=NOON)
            case OpeningItem(pk=pk):
                give_up_opening_item(item_id=pk, reason="insolvent", by=self.clerk, at=NOON)

    def charge_back(self, pick: int, amount: Decimal) -> None:
        """A customer's bank takes a card payment back; later it is won or lost."""
        if (dispute := Dispute.objects.filter(closed_at__isnull=True).first()) is not None:
            decide(self.sandbox, dispute, is_won=pick % 2 == 0)
            return
        paid = Payment.objects.filter(status="succeeded", disputes__isnull=True, refunds__isnull=True)
        if (payment := paid.order_by("pk").first()) is not None:
            open_dispute(self.sandbox, payment)

    def take_back(self, pick: int, amount: Decimal) -> None:
        payments = OpeningSettlement.objects.filter(bank_receipt__isnull=False, reverses__isnull=True)
        if pick % 2 and (payment := payments.filter(reversed_by__isnull=True).first()):
            take_payment_back(settlement_id=payment.pk, reason="wrong money", by=self.clerk, at=NOON)
        elif self.items:
            item = self.items[pick % len(self.items)]
            reverse_opening_item(item_id=item.pk, reason="mistake", by=self.clerk, at=NOON)

    def pay_back(self, pick: int, amount: Decimal) -> None:
        if (wish := BankRepayment.objects.filter(status="requested").first()) is not None:
            execute_repayment(repayment_id=wish.pk, executed_on=NOON.date(), by=self.clerk, at=NOON)
        elif (receipt := BankReceipt.objects.order_by("-pk").first()) is not None:
            request_repayment(receipt_id=receipt.pk, reason="they ask for it", by=self.clerk, at=NOON)

    def is_open(self) -> Decimal:
        """What the customer owes: documents and opening items that are open, less their money that is free.

        Money that is to go back, and is still here, is theirs too.
        """
        documents = Invoice.objects.filter(customer=self.site.customer, status="issued").exclude(kind="credit_note")
        mine = {"customer": self.site.customer}
        waiting = BankRepayment.objects.filter(status="requested", bank_receipt__customer=self.site.customer)
        return (
            total(with_open_amounts(documents), "open_amount")
            + total(open_items(**mine), "open_amount")
            - total(free_receipts(**mine), "left")
            - total(waiting, "amount")
            - sum((surplus_of(payment) for payment in Payment.objects.filter(status="succeeded")), Decimal(0))
        )


DEEDS = (
    *("bill", "bill", "pay_by_bank", "pay_by_bank", "bring_along", "collect_by_card", "collect_by_card"),
    *("refund", "credit", "give_up", "charge_back", "charge_back", "take_back", "pay_back"),
)
STEPS = st.tuples(st.sampled_from(DEEDS), st.integers(0, 5), st.sampled_from(AMOUNTS).map(Decimal))


def total(rows, column: str) -> Decimal:
    return Decimal(rows.aggregate(sum=Sum(column))["sum"] or 0)


def unbalanced() -> list[tuple[int, str]]:
    sums = LedgerEntry.objects.order_by().values("journal", "currency").annotate(sum=Sum("amount")).exclude(sum=0)
    return [(row["journal"], row["currency"]) for row in sums]


# Shrinking asks the services hundreds of times over; the steps of what failed are printed as they were drawn.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
def test_the_receivable_is_what_is_open_whatever_happens_in_any_order(sandbox, town, steps):
    with rolled_back():
        town.lines = 0
        for deed, pick, amount in [("bill", 0, Decimal(0)), *steps]:
            with suppress(*REFUSALS):
                getattr(town, deed)(pick, amount)
            standing = receivable_by_customer(town.site.owner, FAR).get(("EUR", town.site.customer.pk), Decimal(0))
            assert (standing, unbalanced()) == (town.is_open(), []), f"after {deed}"
        connection.check_constraints()
        assert [found for found in find_violations() if found.invariant in {"I2", "I3", "I4", "I5", "I13"}] == []
        state_owed(contract_id=town.site.contract.pk, at=NOON)
        assert SpendingLimit.objects.get().owed == owed_by(town.site.contract.pk)


@pytest.fixture
def town(sandbox, save_card) -> Town:
    site = make_site(elements=ENERGY_AND_FEE)
    # Each session after the first comes late to its month: what is included moves, and lines below zero come and go.
    give_plan(contract=site.contract, first_day=date(2026, 3, 1), base_fee="9.90", included_kwh="30")
    SpendingLimit.objects.create(contract=site.contract, currency="EUR", amount="500.00", session_amount="5.00")
    save_card(of=site.customer)
    return Town(sandbox, site)
