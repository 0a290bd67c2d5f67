"""A customer's bank takes money back: what is booked, once, in whatever order the news comes; and what is refused."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_invoice
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.payments.domain.disputes import DisputeStatus
from apps.payments.models import Dispute, Payment, Refund, StripeEvent
from apps.payments.outcomes import DisputeMovement
from apps.payments.sandbox.webhooks import signature
from apps.payments.selectors import disputes_to_answer, open_amount
from apps.payments.services import disputes, events
from apps.payments.services.refunds import NotRefundable, refund_document
from apps.payments.waiting import due_event_ids, stale_disputes
from tests.refusals import refused_by

from .conftest import MINUTE, NOON, SECRET, journals
from .disputing import decide, look, open_dispute
from .drivers import capture, make_attempt, pay, receipt_of, violations

pytestmark = pytest.mark.django_db


@pytest.fixture
def receipt(sandbox, site) -> Invoice:
    """10.00 EUR, captured: net 8.40 and VAT 1.60 at 19 %."""
    receipt = receipt_of(pay(make_attempt(site)), site)
    capture(receipt)
    return receipt


@pytest.fixture
def payment(receipt) -> Payment:
    return Payment.objects.get(attempt__receipt=receipt)


def of_disputes(seller) -> dict[str, dict[str, str]]:
    """Return the journals of disputes by their last word: account code → amount."""
    return {
        key.rpartition(":")[2]: in_cents(entries)
        for key, entries in journals(seller).items()
        if key.startswith("dispute:")
    }


def given_up(seller) -> list[dict[str, str]]:
    return [in_cents(entries) for key, entries in journals(seller).items() if key.startswith("write_off:")]


def in_cents(entries) -> dict[str, str]:
    return {code: str(amount.quantize(Decimal("0.01"))) for code, amount in entries.items()}


WITHDRAWN = {"1030": "10.00", "1020": "-10.00"}
MOVED_TWICE = (DisputeMovement(stripe_id="txn_1", amount=Decimal("-20.00"), fee=Decimal("0.00"), currency="EUR"),)
FEE = {"6000": "20.00", "1020": "-20.00"}


class TestADispute:
    def test_takes_the_money_and_the_fee_from_clearing(self, sandbox, site, payment):
        dispute = open_dispute(sandbox, payment)

        assert (dispute.status, dispute.reason, dispute.amount.amount) == (
            "needs_response",
            "fraudulent",
            Decimal("10.00"),
        )
        assert of_disputes(site.owner) == {"withdrawn": WITHDRAWN, "fee": FEE}
        assert timedelta(days=14) <= dispute.due_by - dispute.opened_at < timedelta(days=15)
        assert list(disputes_to_answer()) == [dispute]
        assert violations() == []

    def test_that_is_won_gives_the_money_back_and_not_the_fee(self, sandbox, site, payment):
        dispute = decide(sandbox, open_dispute(sandbox, payment), is_won=True)

        assert (dispute.status, dispute.closed_at) == ("won", NOON)
        assert of_disputes(site.owner) == {
            "withdrawn": WITHDRAWN,
            "fee": FEE,
            "reinstated": {"1020": "10.00", "1030": "-10.00"},
        }
        assert violations() == []

    def test_that_is_lost_is_a_bad_debt_and_corrects_the_vat(self, sandbox, site, receipt, payment):
        decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        # 10.00 × 1.60 / 10.00 = 1.60 of VAT; the receipt is open again and given up, for nobody will pay it again.
        assert of_disputes(site.owner) == {
            "withdrawn": WITHDRAWN,
            "fee": FEE,
            "lost": {"1200": "10.00", "1030": "-10.00"},
        }
        assert given_up(site.owner) == [{"6100": "8.40", "2200": "1.60", "1200": "-10.00"}]
        assert open_amount(receipt) == 0
        assert violations() == []

    def test_is_booked_once_however_often_we_look(self, sandbox, site, payment):
        dispute = open_dispute(sandbox, payment)
        look(dispute)
        decide(sandbox, dispute, is_won=False)
        look(dispute, at=NOON + MINUTE)

        assert Dispute.objects.count() == 1
        assert set(of_disputes(site.owner)) == {"withdrawn", "fee", "lost"}
        assert violations() == []

    def test_that_was_over_when_we_first_heard_of_it_is_booked_whole(self, sandbox, site, payment):
        stripe_id = sandbox.control.open_dispute(payment.latest_charge)
        sandbox.control.decide_dispute(stripe_id, is_won=False)

        disputes.sync_dispute(stripe_id=stripe_id, payment_id=payment.pk, at=NOON)

        assert set(of_disputes(site.owner)) == {"withdrawn", "fee", "lost"}
        assert violations() == []

    def test_of_what_a_credit_note_took_back_gives_the_customer_what_was_owed(self, sandbox, site, receipt, payment):
        dispute = open_dispute(sandbox, payment)
        credit_invoice(invoice_id=receipt.pk, reason="The cable was broken.", at=NOON, by=None)
        decide(sandbox, dispute, is_won=False)

        assert of_disputes(site.owner)["lost"] == {"1200": "10.00", "1030": "-10.00"}

    def test_is_kept_though_it_takes_more_than_the_payment_brought(self, sandbox, site, payment):
        snapshot = disputes.look_at_dispute(sandbox.control.open_dispute(payment.latest_charge))
        twice = replace(snapshot, amount=Decimal("20.00"), status=DisputeStatus.LOST, movements=MOVED_TWICE)

        dispute = disputes.project_dispute(payment, twice, at=NOON)

        assert (dispute.amount.amount, dispute.beyond.amount) == (Decimal("20.00"), Decimal("10.00"))
        # 10.00 of the receipt, and 10.00 behind which no supply stands.
        assert of_disputes(site.owner)["lost"] == {"1200": "10.00", "6100": "10.00", "1030": "-20.00"}
        assert given_up(site.owner) == [{"6100": "8.40", "2200": "1.60", "1200": "-10.00"}]
        assert [found.problem for found in violations()] == ["received 10.000000, refunded 0 and lost 20.000000"]


class TestItsWebhooks:
    def deliver(self, sandbox, *, order: str) -> None:
        told = [each for each in sandbox.control.objects("event") if each["type"].startswith("charge.dispute")]
        for event in reversed(told) if order == "reversed" else [*told, *told]:
            body = json.dumps(event).encode()
            headers = {"Stripe-Signature": signature(body, SECRET, at=int(time.time()))}
            Client().post("/webhooks/stripe/", body, content_type="application/json", headers=headers)
            for event_id in due_event_ids(at=NOON + MINUTE):
                events.process_event(event_id=event_id, at=NOON + MINUTE)

    @pytest.mark.urls("apps.payments.urls")
    @pytest.mark.parametrize("order", ["reversed", "sent twice"])
    def test_come_in_any_order_and_twice_and_book_the_same(self, sandbox, site, payment, order):
        stripe_id = sandbox.control.open_dispute(payment.latest_charge)
        sandbox.control.decide_dispute(stripe_id, is_won=True)

        self.deliver(sandbox, order=order)

        assert set(of_disputes(site.owner)) == {"withdrawn", "fee", "reinstated"}
        assert {event.seller for event in StripeEvent.objects.all()} == {site.owner}
        assert violations() == []

    def test_that_never_come_are_found_by_the_sweep(self, sandbox, payment):
        stripe_id = sandbox.control.open_dispute(payment.latest_charge)

        assert disputes.unheard_disputes(since=NOON - timedelta(days=1)) == [(stripe_id, payment.pk)]

        disputes.sync_dispute(stripe_id=stripe_id, payment_id=payment.pk, at=NOON)
        assert disputes.unheard_disputes(since=NOON - timedelta(days=1)) == []
        assert stale_disputes(at=NOON + timedelta(hours=1)) == [(stripe_id, payment.pk)]


class TestARefundOfADisputedPayment:
    def test_is_refused_until_the_bank_has_decided(self, sandbox, site, receipt, payment):
        open_dispute(sandbox, payment)
        before = journals(site.owner)

        with pytest.raises(NotRefundable, match="Wait for the bank to decide"):
            refund_document(document_id=receipt.pk, reason="The cable was broken.", by=None, at=NOON)

        assert not Refund.objects.exists()
        assert not receipt.credit_notes.exists()
        assert journals(site.owner) == before
        assert sandbox.control.objects("refund") == []

    def test_is_made_once_the_dispute_is_won(self, sandbox, site, receipt, payment):
        decide(sandbox, open_dispute(sandbox, payment), is_won=True)

        (done,) = refund_document(document_id=receipt.pk, reason="The cable was broken.", by=None, at=NOON)

        assert done.status == "succeeded"
        assert violations() == []

    def test_is_a_credit_note_alone_where_the_bank_has_given_the_money_back(self, sandbox, site, receipt, payment):
        decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        assert refund_document(document_id=receipt.pk, reason="The cable was broken.", by=None, at=NOON) == ()

        assert receipt.credit_notes.get().gross.amount == Decimal("-10.00")
        assert (open_amount(receipt), balance(entity_id=site.owner.pk, role=Role.BAD_DEBT, currency="EUR")) == (0, 0)
        assert sandbox.control.objects("refund") == []
        assert violations() == []

    def test_is_refused_by_the_database_too(self, sandbox, receipt, payment):
        dispute = open_dispute(sandbox, payment)
        note_of = {"payment": payment, "invoice": receipt, "currency": "EUR", "amount": Decimal("0.01")}
        note = credit_invoice(invoice_id=receipt.pk, reason="Wrong.", at=NOON, by=None)

        with refused_by("a refund exceeds what disputes leave", Refund):
            Refund.objects.create(credit_note=note, reason="Wrong.", requested_at=NOON, **note_of)
        with refused_by("a dispute exceeds what was captured", Dispute):
            Dispute.objects.create(
                payment=payment,
                stripe_id="du_second",
                currency="EUR",
                amount=Decimal("0.01"),
                beyond=0,
                reason="duplicate",
                status="needs_response",
                opened_at=NOON,
                synced_at=NOON,
            )
        with refused_by("disputes are frozen", Dispute):
            Dispute.objects.filter(pk=dispute.pk).update(stripe_id="du_other")


class TestADisputesEnd:
    def test_is_never_taken_back(self, sandbox, payment):
        dispute = decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        with refused_by("a dispute never goes back", Dispute):
            Dispute.objects.filter(pk=dispute.pk).update(status="won")
