"""Refunds, corrections, links and company invoices asked for at once, or killed in between: each is done once."""

import signal
import threading
from decimal import Decimal
from unittest import mock

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from apps.invoices.domain.receipts import Buyer
from apps.invoices.errors import NotCreditable
from apps.invoices.models import Invoice
from apps.invoices.services import crediting
from apps.invoices.services.crediting import credit_amounts
from apps.payments.models import Allocation, Payment
from apps.payments.selectors import open_amount
from apps.payments.services.company import invoice_company
from apps.payments.services.corrections import correct_charge
from apps.payments.services.paying import open_pay_page
from apps.payments.services.refunds import NotRefundable, refund_document
from tests.integration.invoices.world import revise

from .conftest import MINUTE, NOON
from .drivers import CANCELED, SUCCESS, capture, janitor, make_attempt, pay, receipt_of, violations
from .test_accidents import in_a_child
from .test_attempt_accidents import together

pytestmark = pytest.mark.django_db(transaction=True)

PART_CHILD = """
import django, sys
from datetime import datetime
from decimal import Decimal
django.setup()
from apps.invoices.models import InvoiceLine
from apps.payments.services import refunds
line = InvoiceLine.objects.get(invoice=sys.argv[1])
refunds.refund_document(
    document_id=line.invoice_id, amounts={line.pk: Decimal("2.50")}, seen_left=Decimal(10), reason="x", by=None,
    at=datetime.fromisoformat(sys.argv[2]),
)
"""


@pytest.fixture
def receipt(sandbox, site) -> Invoice:
    """10.00 EUR, captured."""
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    return receipt


def refund_part(receipt: Invoice, stated: str, line_id: int):
    return refund_document(document_id=receipt.pk, amounts={line_id: Decimal(stated)}, reason="x", by=None, at=NOON)


class TestTwoRefundsThatTogetherExceed:
    def test_give_one(self, sandbox, receipt):
        line_id = receipt.lines.get().pk

        outcomes = together(*[lambda: refund_part(receipt, "6.00", line_id)] * 2)

        assert sorted(type(outcome).__name__ for outcome in outcomes if not isinstance(outcome, tuple)) in (
            [NotCreditable.__name__],
            [NotRefundable.__name__],
        )
        assert [each["amount"] for each in sandbox.control.objects("refund")] == [600]
        assert violations() == []

    def test_meet_the_trigger_when_the_lock_is_off(self, sandbox, receipt):
        """The race is real: without the lock both see 10.00 left, and only the database refuses the second."""
        line_id = receipt.lines.get().pk
        both_looked, parts = threading.Barrier(2), crediting._parts

        def look_late(*args: object) -> object:
            seen = parts(*args)
            both_looked.wait(10)
            return seen

        def credit() -> Invoice:
            return credit_amounts(
                invoice_id=receipt.pk, amounts={line_id: Decimal("6.00")}, reason="x", at=NOON, by=None
            )

        with (
            mock.patch.object(QuerySet, "select_for_update", lambda self, **_: self.all()),
            mock.patch.object(crediting, "_parts", look_late),
        ):
            outcomes = together(credit, credit)

        refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert [type(error) for error in refused] == [IntegrityError]
        assert open_amount(receipt) == Decimal("-6.00")


class TestTheSameAtOnce:
    def test_click_on_a_refund_gives_back_once(self, sandbox, receipt):
        line_id = receipt.lines.get().pk

        def click():
            return refund_document(
                document_id=receipt.pk,
                amounts={line_id: Decimal("2.50")},
                seen_left=Decimal("10.00"),
                reason="x",
                by=None,
                at=NOON,
            )

        together(*[click] * 3)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]

    def test_correction_by_bell_and_sweep_gives_back_once(self, sandbox, receipt):
        lower = revise(receipt.lines.get().cdr, kwh="15")

        together(*[lambda: correct_charge(cdr_id=lower.pk, at=NOON)] * 3)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]
        assert violations() == []

    def test_company_is_invoiced_once(self, sandbox, receipt):
        buyer = Buyer(name="x", street="x", postcode="1", city="x", country="DE")

        invoices = together(*[lambda: invoice_company(receipt_id=receipt.pk, buyer=buyer, at=NOON)] * 3)

        assert len({invoice.pk for invoice in invoices}) == 1
        assert (Allocation.objects.count(), open_amount(invoices[0])) == (3, 0)
        assert violations() == []

    def test_link_is_one_page(self, sandbox, site):
        attempt = pay(make_attempt(site, Decimal("5.00")))
        receipt = receipt_of(attempt, site, is_limited=False)
        capture(receipt)

        def click() -> str:
            return open_pay_page(document_id=receipt.pk, success_url=SUCCESS, cancel_url=CANCELED, at=NOON)

        urls = together(*[click] * 3)

        assert len(set(urls)) == 1
        assert [payment.amount.amount for payment in Payment.objects.filter(kind="link")] == [Decimal("5.00")]


class TestKilledWhileGivingBackAPart:
    @pytest.mark.parametrize("point", ["payments.before_call", "payments.after_call", "payments.after_commit"])
    def test_is_finished_by_the_janitor(self, sandbox, receipt, point):
        killed = in_a_child(sandbox, receipt, failpoint=point, program=PART_CHILD)
        assert killed == -signal.SIGKILL
        janitor(NOON + MINUTE)

        assert [each["amount"] for each in sandbox.control.objects("refund")] == [250]
        connection.check_constraints()
        assert (open_amount(receipt), violations()) == (0, [])
