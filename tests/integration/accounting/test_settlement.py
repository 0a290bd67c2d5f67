"""A month between platform and owner: worked by hand, late records, races, and what cannot be settled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections, transaction

from apps.accounting import selectors_settlement as selectors
from apps.accounting.models import OwnerPayout, Statement, StatementEntry, StatementLine
from apps.accounting.services.rendering import print_html, render_statement
from apps.accounting.services.settlement import NotSettleable, make_statement
from apps.accounting.services.shares import share_payment, take_back_share
from apps.invoices.errors import NotCreditable, TaxRefused
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.payments.services.company import invoice_company
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.drivers import violations
from tests.integration.payments.test_company import BUYER

from .conftest import collect, give_back, make_agreement, next_month
from .test_collecting import due

pytestmark = pytest.mark.django_db
SETTLED_AT = next_month(NOON)
MONTH = NOON.date().replace(day=1)


def settle(agreement, month: date = MONTH, at=SETTLED_AT) -> Statement:
    return make_statement(agreement_id=agreement.pk, month=month, at=at)


def rows(statement: Statement) -> list[tuple[str, ...]]:
    return [tuple(str(part.amount) for part in (row.net, row.fee, row.share)) for row in statement.lines.order_by("pk")]


class TestGoldenMonth:
    """10 % of net and 0.02 a kWh; VAT 19 %. Prices include VAT, 0.50 a kWh.

    session     gross    net    fee 10 %   0.02 × kWh   fee     share   gross − fee − its VAT = transferred
    A  20 kWh   10.00    8.40   0.84       0.40         1.24    7.16    10.00 − 1.24 − 0.24 = 8.52
    B  10 kWh    5.00    4.20   0.42       0.20         0.62    3.58     5.00 − 0.62 − 0.12 = 4.26
    C   4 kWh    2.00    1.68   0.168      0.08         0.25    1.43     2.00 − 0.25 − 0.05 = 1.70
    −B (credit note and refund; its transfer is fetched back)

    fee 1.24 + 0.62 + 0.25 − 0.62 = 1.49, VAT 0.2831 → 0.28, invoice 1.77
    money  received 17.00 − transferred 14.48 − refunded 5.00 + fetched back 4.26 = 1.78; less the fee 1.77 → 0.01 due
    """

    @pytest.fixture
    def statement(self, sandbox, site, agreement) -> Statement:
        receipts = []
        for kwh in ("20", "10", "4"):
            payment, receipt = collect(site, kwh=kwh)
            share_payment(payment_id=payment.pk, at=NOON)
            receipts.append(receipt)
        take_back_share(refund_id=give_back(receipts[1]).pk, at=NOON)
        return settle(agreement)

    def test_comes_to_the_cent(self, site, platform, statement):
        assert rows(statement) == [
            ("8.400000", "1.240000", "7.160000"),
            ("4.200000", "0.620000", "3.580000"),
            ("1.680000", "0.250000", "1.430000"),
            ("-4.200000", "-0.620000", "-3.580000"),
        ]
        assert (statement.net.amount, statement.fee.amount, statement.share.amount) == (
            Decimal("10.08"),
            Decimal("1.49"),
            Decimal("8.59"),
        )
        assert (statement.opening.amount, statement.moved.amount, statement.fee_gross.amount) == (
            Decimal(0),
            Decimal("1.78"),
            Decimal("1.77"),
        )
        assert statement.closing.amount == Decimal("0.01")
        assert statement.payout.amount.amount == Decimal("0.01")
        assert due(platform, site.owner) == (Decimal("0.01"), Decimal("0.01"))
        assert violations() == []

    def test_invoices_the_fee_in_the_platforms_series_and_sets_it_off(self, site, platform, statement):
        invoice = statement.fee_invoice

        assert (invoice.kind, invoice.seller, invoice.buyer) == ("fee", platform, site.owner)
        assert invoice.number == f"FEE-{SETTLED_AT.year}-000001"
        assert (invoice.net.amount, invoice.tax.amount) == (Decimal("1.49"), Decimal("0.28"))
        assert invoice.buyer_party["vat_id"] == site.owner.tax_registrations.get().vat_id
        assert journals(platform)[f"invoice:{invoice.pk}:issued"] == {
            "1200": Decimal("1.77"),
            "4100": Decimal("-1.49"),
            "2200": Decimal("-0.28"),
        }
        key = f"statement:{statement.pk}:fee"
        assert journals(platform)[key] == {f"2300-{site.owner.pk}": Decimal("1.77"), "1200": Decimal("-1.77")}
        assert journals(site.owner)[key] == {
            "6200": Decimal("1.49"),
            "1400": Decimal("0.28"),
            f"1210-{platform.pk}": Decimal("-1.77"),
        }

    def test_is_explained_down_to_the_session(self, site, statement):
        html = print_html(statement)

        first = statement.lines.order_by("pk").first()
        assert f"{first.document}" in html
        assert "10 % of net + 0.02 per kWh" in html
        assert "taken back: 10 % of net + 0.02 per kWh" in html
        for said in ("20.000 kWh", "€8.40", "€1.24", "€7.16", "−€4.20", "Fee invoice FEE-", "€0.01 is transferred"):
            assert said.replace("−", "-") in html

    def test_is_kept_as_a_file_for_both(self, site, platform, statement):
        file = render_statement(statement_id=statement.pk, at=SETTLED_AT)

        assert (file.seller, file.recipient, file.kind) == (platform, site.owner, "statement")
        assert file.content[:5] == b"%PDF-"
        assert render_statement(statement_id=statement.pk, at=SETTLED_AT) == file

    def test_is_made_once(self, agreement, statement):
        assert settle(agreement) == statement

        assert (Statement.objects.count(), Invoice.objects.filter(kind="fee").count()) == (1, 1)


class TestStatement:
    def test_leaves_late_records_to_the_next(self, sandbox, site, platform, by_bank):
        """A is settled, 1.24 + 0.24 kept of 10.00; then it is taken back, which the next statement carries."""
        _, receipt = collect(site)
        first = settle(by_bank)
        later = next_month(SETTLED_AT)
        give_back(receipt, at=SETTLED_AT)

        second = settle(by_bank, month=SETTLED_AT.date().replace(day=1), at=later)

        assert (first.closing.amount, first.fee_gross.amount) == (Decimal("8.52"), Decimal("1.48"))
        assert rows(second) == [("-8.400000", "-1.240000", "-7.160000")]
        # No invoice of less than nothing: 1.24 is carried, and comes off the next fee.
        assert (second.fee_invoice, second.fee_carried.amount) == (None, Decimal("-1.24"))
        assert (second.opening.amount, second.moved.amount, second.closing.amount) == (
            Decimal("8.52"),
            Decimal("-10.00"),
            Decimal("-1.48"),
        )
        assert OwnerPayout.objects.filter(status="due").count() == 0
        assert due(platform, site.owner) == (Decimal("-1.48"), Decimal("-1.48"))
        assert violations() == []

    def test_takes_back_a_part_of_the_fee_with_a_part_of_the_receipt(self, sandbox, site, by_bank):
        _, receipt = collect(site)
        line = receipt.lines.get()
        give_back(receipt, amounts={line.pk: Decimal("2.50")})
        give_back(receipt, amounts={line.pk: Decimal("7.50")})

        statement = settle(by_bank)

        # 2.50 gross contain 2.10 net, a quarter: 1.24 ÷ 4 = 0.31; the rest goes with the rest
        assert rows(statement) == [
            ("8.400000", "1.240000", "7.160000"),
            ("-2.100000", "-0.310000", "-1.790000"),
            ("-6.300000", "-0.930000", "-5.370000"),
        ]
        assert (statement.fee.amount, statement.closing.amount) == (Decimal(0), Decimal(0))
        assert violations() == []

    def test_goes_on_with_the_invoice_that_replaced_a_receipt(self, sandbox, site, by_bank):
        _, receipt = collect(site)
        invoice_company(receipt_id=receipt.pk, buyer=BUYER, at=NOON)

        statement = settle(by_bank)

        assert sorted(rows(statement)) == [
            ("-8.400000", "-1.240000", "-7.160000"),
            ("8.400000", "1.240000", "7.160000"),
            ("8.400000", "1.240000", "7.160000"),
        ]
        assert (statement.fee.amount, statement.closing.amount) == (Decimal("1.24"), Decimal("8.52"))
        assert violations() == []

    def test_tops_the_fee_up_to_the_minimum(self, sandbox, site, platform):
        agreement = make_agreement(platform, site.owner, minimum_per_month=Decimal("5.00"))
        collect(site)

        statement = settle(agreement)

        # 5.00 − 1.24 = 3.76; 5.00 × 1.19 = 5.95
        assert (statement.fee.amount, statement.top_up.amount, statement.fee_gross.amount) == (
            Decimal("1.24"),
            Decimal("3.76"),
            Decimal("5.95"),
        )
        assert statement.closing.amount == Decimal("4.05")

    def test_of_a_month_without_sessions_charges_nothing(self, site, platform):
        agreement = make_agreement(platform, site.owner, minimum_per_month=Decimal("5.00"))

        statement = settle(agreement)

        assert (statement.closing.amount, statement.fee_invoice) == (Decimal(0), None)
        assert not OwnerPayout.objects.exists()

    def test_is_refused_before_the_month_is_over(self, site, by_bank):
        with pytest.raises(NotSettleable, match="is not over"):
            settle(by_bank, at=NOON)

        assert_nothing_written()

    def test_is_refused_for_a_month_before_a_settled_one(self, site, by_bank):
        settle(by_bank)

        with pytest.raises(NotSettleable, match="is settled already"):
            settle(by_bank, month=(MONTH - timedelta(days=1)).replace(day=1))

        assert Statement.objects.count() == 1

    def test_is_refused_when_the_fee_has_no_vat(self, sandbox, site, platform, by_bank):
        collect(site)
        platform.tax_registrations.all().delete()

        with pytest.raises(TaxRefused, match="no tax registration in DE"):
            settle(by_bank)

        assert_nothing_written()

    def test_is_never_changed(self, site, by_bank):
        statement = settle(by_bank)

        with pytest.raises(IntegrityError, match="statements are never changed"), transaction.atomic():
            Statement.objects.filter(pk=statement.pk).update(opening=Decimal(1), closing=Decimal(1))

        statement.refresh_from_db()
        assert statement.opening.amount == 0

    def test_settles_a_line_once(self, sandbox, site, by_bank):
        collect(site)
        row = settle(by_bank).lines.get()

        row.pk = None
        with pytest.raises(IntegrityError, match="line_id"), transaction.atomic():
            row.save()

        assert StatementLine.objects.count() == 1

    def test_is_due_when_its_month_is_over_and_only_until_it_is_made(self, site, by_bank):
        assert list(selectors.due_statements(at=SETTLED_AT)) == [(by_bank.pk, MONTH)]

        settle(by_bank)

        assert list(selectors.due_statements(at=SETTLED_AT)) == []

    def test_leaves_its_fee_invoice_to_the_next_to_correct(self, sandbox, site, by_bank):
        collect(site)
        invoice = settle(by_bank).fee_invoice

        with pytest.raises(NotCreditable, match="set off in a statement"):
            credit_invoice(invoice_id=invoice.pk, reason="too much", at=SETTLED_AT, by=None)

        assert not invoice.credit_notes.exists()


@pytest.mark.django_db(transaction=True)
class TestStatementAtOnce:
    def test_is_made_once_and_nobody_fails(self, sandbox, site, platform, by_bank):
        collect(site)
        ready = threading.Barrier(3)

        def make() -> int:
            try:
                ready.wait(10)
                return settle(by_bank).pk
            finally:
                connections.close_all()

        with ThreadPoolExecutor(3) as pool:
            made = [future.result() for future in [pool.submit(make) for _ in range(3)]]

        assert len(set(made)) == 1
        assert (Statement.objects.count(), Invoice.objects.filter(kind="fee").count()) == (1, 1)
        assert violations() == []


def assert_nothing_written() -> None:
    assert (Statement.objects.count(), StatementLine.objects.count(), StatementEntry.objects.count()) == (0, 0, 0)
    assert not Invoice.objects.filter(kind="fee").exists()
