"""What a lost dispute took is given back no second time; what it took of a supply is given up until it is credited."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounting.reports.receivables import receivables_sheet
from apps.contracts.models import SpendingLimit
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_amounts, credit_invoice
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.payments.domain.disputes import DisputeStatus
from apps.payments.models import Allocation, Dispute, FetchedBack, Payment
from apps.payments.outcomes import DisputeMovement
from apps.payments.sandbox import complete_checkout
from apps.payments.selectors import due_invoice_ids, open_amount, payment_state, surplus_of, to_give_back
from apps.payments.services import disputes
from apps.payments.services.owing import owed_by
from apps.payments.services.refunds import refund_document
from tests.integration.invoices.world import bill, make_cdr
from tests.refusals import refused_by

from .conftest import MINUTE, NOON, collect, journals
from .disputing import decide, look, open_dispute
from .drivers import violations
from .test_bank import receive
from .test_links import come_back, link_of, open_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(sandbox, site) -> Invoice:
    """20 kWh at 0.50 are 10.00 net of VAT at 19 %, with a limit of what the contract may owe."""
    SpendingLimit.objects.create(contract=site.contract, currency="EUR", amount="100.00", session_amount="5.00")
    make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=30))
    (invoice,) = bill(site, until_date=NOON.date(), at=NOON)
    return invoice


@pytest.fixture
def payment(invoice, site, save_card) -> Payment:
    save_card(of=site.customer)
    return collect(invoice)


def lost(site) -> dict[str, Decimal]:
    (journal,) = (lines for key, lines in journals(site.owner).items() if key.endswith(":lost"))
    return journal


def given_up(site) -> list[dict[str, str]]:
    return [in_words(entries) for key, entries in journals(site.owner).items() if key.startswith("write_off:")]


def in_words(entries) -> dict[str, str]:
    return {code: str(amount) for code, amount in entries.items()}


def receivable(site) -> Decimal:
    return balance(entity_id=site.owner.pk, role=Role.RECEIVABLE, currency="EUR")


def fetched() -> list[tuple[Invoice | None, Decimal]]:
    return [(row.invoice, row.amount.amount) for row in FetchedBack.objects.all()]


def lose_a_part(sandbox, payment: Payment, amount: str) -> Dispute:
    """Let the bank take a part of a payment for good."""
    snapshot = disputes.look_at_dispute(sandbox.control.open_dispute(payment.latest_charge))
    moved = DisputeMovement(stripe_id="txn_part", amount=-Decimal(amount), fee=Decimal(0), currency="EUR")
    part = replace(snapshot, amount=Decimal(amount), status=DisputeStatus.LOST, movements=(moved,))
    return disputes.project_dispute(payment, part, at=NOON)


class TestALostDispute:
    def test_of_a_credited_invoice_leaves_nothing_to_give_back(self, sandbox, site, invoice, payment):
        gross = invoice.gross.amount
        credit_invoice(invoice_id=invoice.pk, reason="The cable was broken.", at=NOON, by=None)
        dispute = open_dispute(sandbox, payment)
        assert (to_give_back(invoice), owed_by(site.contract.pk)) == (gross, -gross)

        decide(sandbox, dispute, is_won=False)

        assert fetched() == [(invoice, gross)]
        assert lost(site) == {"1200": gross, "1030": -gross}
        assert (open_amount(invoice), to_give_back(invoice), owed_by(site.contract.pk)) == (0, 0, 0)
        assert receivables_sheet(site.owner, NOON.date()).rows == []
        assert payment_state(invoice).why == "Credited in full; the money was given back."
        assert violations() == []

    def test_of_a_part_takes_what_was_credited_before_anything_is_a_bad_debt(self, sandbox, site, invoice, payment):
        line = invoice.lines.get()
        credit_amounts(invoice_id=invoice.pk, amounts={line.pk: Decimal("4.00")}, reason="x", at=NOON, by=None)

        lose_a_part(sandbox, payment, "5.95")

        # The document is net: 4.00 × 1.19 = 4.76 were credited; of 1.19 that were supplied 0.19 are VAT.
        assert fetched() == [(invoice, Decimal("5.95"))]
        assert in_words(lost(site)) == {"1200": "5.950000", "1030": "-5.950000"}
        assert given_up(site) == [{"6100": "1.000000", "2200": "0.190000", "1200": "-1.190000"}]
        assert (open_amount(invoice), to_give_back(invoice)) == (0, 0)
        assert violations() == []

    def test_is_no_bad_debt_any_more_when_the_invoice_is_credited_later(self, sandbox, site, invoice, payment):
        gross = invoice.gross.amount
        dispute = decide(sandbox, open_dispute(sandbox, payment), is_won=False)
        before = lost(site)

        # As an answered line or a late reading credits it; a sweep looks after it.
        credit_invoice(invoice_id=invoice.pk, reason="The cable was broken.", at=NOON, by=None)
        assert to_give_back(invoice) == 0
        assert invoice.pk in due_invoice_ids(at=NOON)
        collect(invoice)
        look(dispute, at=NOON + MINUTE)

        assert (lost(site), fetched()) == (before, [(invoice, gross)])
        # 10.00 ÷ 1.19 = 8.40.
        assert given_up(site) == [
            {"6100": "-8.400000", "2200": "-1.600000", "1200": "10.000000"},
            {"6100": "8.400000", "2200": "1.600000", "1200": "-10.000000"},
        ]
        assert (open_amount(invoice), owed_by(site.contract.pk), receivable(site)) == (0, 0, 0)
        assert payment_state(invoice).why == "Credited in full; the money was given back."
        assert violations() == []

    def test_of_a_part_leaves_the_rest_to_be_given_back_by_card(self, sandbox, site, invoice, payment):
        lose_a_part(sandbox, payment, "5.95")

        (refund,) = refund_document(document_id=invoice.pk, reason="The cable was broken.", by=None, at=NOON)

        # Of 10.00 that are credited the bank has given 5.95 back.
        assert refund.amount.amount == Decimal("4.05")
        # The double does not make it: it knows disputes of whole charges alone. So it stays to be given back.
        assert (open_amount(invoice), receivable(site)) == (-refund.amount.amount, -refund.amount.amount)
        assert violations() == []

    def test_is_made_up_for_by_money_that_comes_after_all(self, sandbox, site, invoice, payment):
        decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        receive(site.owner, str(invoice.gross.amount), reference=invoice.number)

        assert given_up(site)[0] == {"6100": "-8.400000", "2200": "-1.600000", "1200": "10.000000"}
        assert (open_amount(invoice), receivable(site)) == (0, 0)
        assert violations() == []

    def test_of_what_was_paid_twice_leaves_no_surplus(self, sandbox, site, invoice, save_card):
        url = open_page(invoice)
        save_card(of=site.customer)
        collect(invoice)
        complete_checkout(url, "4242424242424242")
        come_back(invoice)
        twice, gross = link_of(invoice), invoice.gross.amount
        assert surplus_of(twice) == gross

        decide(sandbox, open_dispute(sandbox, twice), is_won=False)

        Payment.objects.filter(pk=twice.pk).update(succeeded_at=NOON - timedelta(hours=2))
        assert (surplus_of(twice), open_amount(invoice), fetched()) == (0, 0, [(None, gross)])
        assert lost(site) == {"1200": gross, "1030": -gross}
        assert violations() == []
        make_cdr(site=site, kwh="20", started_at=NOON - timedelta(hours=20))
        (following,) = bill(site, until_date=NOON.date(), at=NOON)
        with refused_by("an allocation exceeds what was received", Allocation):
            Allocation.objects.create(
                payment=twice, invoice=following, currency="EUR", amount=Decimal("0.01"), allocated_at=NOON
            )


class TestTheDatabase:
    def test_refuses_that_more_is_fetched_back_than_was_paid_and_lost(self, sandbox, invoice, payment):
        told = {"invoice": invoice, "currency": "EUR", "fetched_at": NOON}

        dispute = open_dispute(sandbox, payment)
        with refused_by("more than was paid", FetchedBack):
            FetchedBack.objects.create(dispute=dispute, amount="0.01", **told)
        dispute = decide(sandbox, dispute, is_won=False)
        for wrong in ({}, {"invoice": None}):
            with refused_by("more than was paid", FetchedBack):
                FetchedBack.objects.create(dispute=dispute, amount="0.01", **told | wrong)
        with refused_by("never changed or deleted", FetchedBack):
            FetchedBack.objects.update(amount="0.01")
        with refused_by("never changed or deleted", FetchedBack):
            FetchedBack.objects.all().delete()
