"""What will not be paid is given up with its VAT, and comes back when it is paid or credited after all."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.audit import find_violations
from apps.invoices.services.crediting import credit_invoice
from apps.ledger.domain.chart import Role
from apps.ledger.models import Journal
from apps.ledger.selectors import balance
from apps.payments.models import WriteOff
from apps.payments.selectors import due_invoice_ids, open_amount, payment_state
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.write_offs import NotWrittenOff, write_off
from tests.factories import make_user
from tests.integration.invoices.world import APRIL, bill, make_cdr

from .conftest import collect, journals
from .test_bank import make_processing
from .test_refusals import make_method, make_operation

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(site):
    """20 kWh at 0.50 gross are 10.00; net 8.40 and 1.60 VAT (10.00 × 19/119 = 1.5966…)."""
    make_cdr(site=site, kwh="20")
    (issued,) = bill(site)
    assert (issued.net.amount, issued.tax.amount, issued.gross.amount) == tuple(map(Decimal, ("8.40", "1.60", "10.00")))
    return issued


@pytest.fixture
def clerk(db):
    return make_user()


def make_unanswered(invoice) -> None:
    """Ask for the invoice's money, and hear nothing: Stripe may have taken it, and the payment cannot say so yet."""
    payment = make_processing(invoice)
    type(payment).objects.filter(pk=payment.pk).update(status="requires_confirmation")
    method = make_method(invoice.customer)
    make_operation(invoice.customer, kind="confirm_intent", payment=payment, method=method, status="unknown")


def give_up(invoice, clerk, reason="insolvent") -> WriteOff:
    return write_off(invoice_id=invoice.pk, reason=reason, by=clerk, at=APRIL)


def pay(invoice, amount: str) -> None:
    line = StatementLine(
        key=f"{WriteOff.objects.count()}-{amount}",
        booked_on=APRIL.date(),
        amount=Decimal(amount),
        currency="EUR",
        reference=invoice.number,
    )
    record_receipt(seller_id=invoice.seller_id, line=line, at=APRIL)


def books(invoice) -> dict[str, Decimal]:
    roles = (Role.RECEIVABLE, Role.BAD_DEBT, Role.VAT_PAYABLE, Role.BANK)
    sums = {role: balance(entity_id=invoice.seller_id, role=role, currency="EUR") for role in roles}
    return {role.value: amount for role, amount in sums.items() if amount}


def assert_books_agree() -> None:
    connection.check_constraints()
    assert [found for found in find_violations() if found.invariant not in {"I9", "I10"}] == []


class TestAWriteOff:
    def test_closes_the_invoice_and_posts_bad_debt_and_vat_against_the_receivable(self, invoice, clerk):
        row = give_up(invoice, clerk)

        state = payment_state(invoice)
        assert (state.state, state.open_amount) == ("closed", 0)
        assert journals(invoice.seller)[f"write_off:{row.pk}"] == {
            "6100": Decimal("8.40"),
            "2200": Decimal("1.60"),
            "1200": Decimal("-10.00"),
        }
        assert (row.amount.amount, row.decided_by, row.reason) == (Decimal("10.00"), clerk, "insolvent")
        assert_books_agree()

    def test_gives_up_only_what_is_left(self, invoice, clerk):
        pay(invoice, "4.00")

        give_up(invoice, clerk)

        # 6.00 × 1.60/10.00 = 0.96
        assert books(invoice) == {
            "bad_debt": Decimal("5.04"),
            "vat_payable": Decimal("-0.64"),
            "bank": Decimal("4.00"),
        }
        assert_books_agree()

    def test_comes_back_as_it_is_paid_after_all_to_the_last_cent(self, invoice, clerk):
        give_up(invoice, clerk)

        pay(invoice, "3.33")
        # 6.67 stay given up: 1.07 VAT (1.0672) and 5.60.
        assert books(invoice) == {
            "bad_debt": Decimal("5.60"),
            "vat_payable": Decimal("-0.53"),
            "bank": Decimal("3.33"),
        }
        assert open_amount(invoice) == 0
        pay(invoice, "7.00")

        # 0.33 too much are the customer's credit.
        assert books(invoice) == {
            "receivable": Decimal("-0.33"),
            "vat_payable": Decimal("-1.60"),
            "bank": Decimal("10.33"),
        }
        assert payment_state(invoice).state == "paid"
        assert_books_agree()

    def test_comes_back_when_the_invoice_is_credited(self, invoice, clerk):
        give_up(invoice, clerk)
        note = credit_invoice(invoice_id=invoice.pk, reason="was wrong", at=APRIL, by=clerk)

        assert due_invoice_ids(at=APRIL) == [invoice.pk]
        collect(note)

        assert books(invoice) == {}
        assert (open_amount(invoice), due_invoice_ids(at=APRIL)) == (0, [])
        assert_books_agree()

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            (lambda invoice: pay(invoice, "10.00"), "Nothing of INV-2026-000001 is open"),
            (make_processing, "under way"),
            (make_unanswered, "under way"),
        ],
    )
    def test_is_refused_when_nothing_is_open_or_a_payment_under_way(self, invoice, clerk, spoil, says):
        spoil(invoice)
        posted = Journal.objects.count()

        with pytest.raises(NotWrittenOff, match=says):
            give_up(invoice, clerk)

        assert (WriteOff.objects.count(), Journal.objects.count()) == (0, posted)

    def test_is_refused_without_a_reason_of_a_note_and_twice(self, invoice, clerk):
        with pytest.raises(NotWrittenOff, match="reason"):
            give_up(invoice, clerk, reason=" ")
        give_up(invoice, clerk)
        with pytest.raises(NotWrittenOff, match="Nothing"):
            give_up(invoice, clerk)
        note = credit_invoice(invoice_id=invoice.pk, reason="was wrong", at=APRIL, by=clerk)
        with pytest.raises(NotWrittenOff, match="no issued invoice"):
            give_up(note, clerk)

        assert WriteOff.objects.count() == 1

    def test_never_exceeds_its_document_and_never_changes(self, invoice, clerk):
        row = give_up(invoice, clerk)
        more = {"invoice": invoice, "currency": "EUR", "categories": [], "reason": "x", "written_at": APRIL}

        for amount in ("0.01", "-10.01"):
            with pytest.raises(IntegrityError, match="exceeds what its document"), transaction.atomic():
                WriteOff.objects.create(**more, amount=Decimal(amount))
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            row.delete()

        assert WriteOff.objects.get().amount.amount == Decimal("10.00")
