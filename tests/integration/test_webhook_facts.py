"""Each event type is sent by the service that writes its fact: to the seller, and to whoever buys."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from apps.contracts.suspending import end_contract, lift_suspension, reopen_contract, suspend_contract
from apps.documents.domain.events import EventType
from apps.documents.models import WebhookDelivery, WebhookEndpoint
from apps.documents.webhooks.endpoints import open_endpoint
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.crediting import credit_invoice
from apps.payments.domain.failures import Failure
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Payment
from apps.payments.outcomes import IntentSnapshot, Return
from apps.payments.services.bank import StatementLine, assign_receipt, record_receipt
from apps.payments.services.projection import project_intent
from apps.sessions.services.rating import rate_settled
from apps.sessions.services.review import accept_session
from tests.factories import NOON, make_user
from tests.integration.tenants import BILLED_AT, make_ended_session, make_named_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    """A site whose seller and whose customer are told everything."""
    site = make_named_site("OURS")
    sides = {"seller": site.owner.pk, "customer": site.customer.organisation_id}
    for side, organisation_id in sides.items():
        open_endpoint(
            organisation_id=organisation_id,
            side=side,
            url=f"https://hooks.example/{side}",
            event_types=[event.value for event in EventType],
            at=NOON,
            by=make_user(),
        )
    return site


@pytest.fixture
def invoice(site) -> Invoice:
    session = make_ended_session(site)
    rate_settled(session_id=session.pk, at=session.settled_at)
    run_billing(seller_id=site.owner.pk, until_date=date(2026, 6, 30), at=BILLED_AT)
    found = Invoice.objects.get(seller=site.owner)
    WebhookDelivery.objects.all().delete()
    return found


def told(side: str = "seller") -> list[tuple[str, dict]]:
    deliveries = WebhookDelivery.objects.filter(endpoint__side=side).order_by("pk")
    return [(delivery.event_type, json.loads(delivery.body)["data"]) for delivery in deliveries]


def types(side: str = "seller") -> list[str]:
    return [event_type for event_type, _ in told(side)]


class TestSessions:
    def test_tell_their_price_once_and_again_when_it_is_corrected(self, site):
        session = make_ended_session(site)

        for _ in range(2):
            rate_settled(session_id=session.pk, at=session.settled_at)

        ((event, data),) = told()
        assert event == "charge_record.created"
        assert data == {
            "session": str(session.uid),
            "revision": 1,
            "energy_milliwh": 10_000_000,
            "currency": "EUR",
            "net": "5",
            "tax": "0.95",
            "gross": "5.95",
            "url": f"http://127.0.0.1:8000/api/v1/charge-records/{session.uid}.1/",
        }
        assert told("customer") == told()

    def test_tell_that_a_review_settled_them(self, site):
        session = make_ended_session(site)
        session.status, session.review_reasons, session.settled_at = "review", ["odd"], None
        session.save()

        accept_session(session_id=session.pk, reason="fine", by=make_user(), at=NOON + timedelta(days=1))

        assert types() == ["session.settled", "charge_record.created"]
        assert told()[0][1]["energy_milliwh"] == 10_000_000


class TestDocuments:
    def test_tell_that_they_were_issued(self, site):
        session = make_ended_session(site)
        rate_settled(session_id=session.pk, at=session.settled_at)

        run_billing(seller_id=site.owner.pk, until_date=date(2026, 6, 30), at=BILLED_AT)

        invoice = Invoice.objects.get(seller=site.owner)
        event, data = told()[-1]
        assert event == "invoice.issued"
        assert (data["number"], data["gross"], data["customer"], data["credits"]) == (
            invoice.number,
            "5.95",
            "OURS",
            None,
        )
        assert data["url"] == f"http://127.0.0.1:8000/api/v1/invoices/{invoice.uid}/"
        assert types("customer") == ["charge_record.created", "invoice.issued"]

    def test_tell_that_they_were_credited(self, invoice):
        credit_invoice(invoice_id=invoice.pk, reason="wrong card", at=BILLED_AT, by=None)

        ((event, data),) = told()
        assert (event, data["credits"], data["gross"]) == ("credit_note.issued", str(invoice.uid), "-5.95")


class TestPayments:
    @pytest.fixture
    def payment(self, invoice) -> Payment:
        return Payment.objects.create(
            seller=invoice.seller,
            customer=invoice.customer,
            invoice=invoice,
            status="requires_confirmation",
            livemode=False,
            stripe_id="pi_1",
            currency="EUR",
            amount=Decimal("5.95"),
            amount_received=Decimal(0),
            created_at=BILLED_AT,
        )

    def project(self, payment: Payment, **changes) -> None:
        values = {
            "stripe_id": "pi_1",
            "status": PaymentStatus.SUCCEEDED,
            "currency": "EUR",
            "amount": Decimal("5.95"),
            "amount_received": Decimal("5.95"),
            "livemode": False,
            "latest_charge": "ch_1",
        }
        snapshot = IntentSnapshot(**{**values, **changes})
        project_intent(document=payment.invoice, payment=payment, snapshot=snapshot, at=BILLED_AT)

    def test_tell_that_money_came_by_card_once(self, payment, invoice):
        for _ in range(2):
            self.project(payment)

        ((event, data),) = told()
        assert event == "payment.settled"
        assert (data["uid"], data["amount"], data["invoices"]) == (str(payment.uid), "5.95", [invoice.number])
        assert types("customer") == ["payment.settled"]

    def test_tell_each_refusal_once(self, payment):
        refused = {
            "status": PaymentStatus.REQUIRES_PAYMENT_METHOD,
            "amount_received": Decimal(0),
            "failure": Failure(code="insufficient_funds"),
        }
        for charge in ("ch_1", "ch_1", "ch_2"):
            self.project(payment, latest_charge=charge, **refused)

        assert types() == ["payment.failed", "payment.failed"]
        assert told()[0][1]["failure_code"] == "insufficient_funds"

    def test_tell_that_a_debit_was_taken_back(self, payment):
        self.project(payment)
        self.project(payment, returned=Return(amount=Decimal("5.95"), reason="debit_not_authorized", fee=None))

        assert types() == ["payment.settled", "payment.returned"]

    def test_tell_that_money_came_by_bank_to_the_customer_once_it_is_known_whose_it_is(self, invoice):
        line = StatementLine(
            key="1", booked_on=date(2026, 7, 3), amount=Decimal("5.95"), currency="EUR", reference="no number"
        )

        receipt = record_receipt(seller_id=invoice.seller_id, line=line, at=BILLED_AT)
        assert (types(), types("customer")) == (["payment.settled"], [])
        for _ in range(2):
            assign_receipt(receipt_id=receipt.pk, customer=invoice.customer, at=BILLED_AT)

        assert (types(), types("customer")) == (["payment.settled"], ["payment.settled"])
        assert told("customer")[0][1]["invoices"] == [invoice.number]


class TestContracts:
    def test_tell_each_change_of_their_status_once(self, site):
        contract_id = site.contract.pk
        for _ in range(2):
            suspend_contract(contract_id=contract_id, cause="manual", reason="card stolen", at=NOON)
        lift_suspension(contract_id=contract_id, reason="found", at=NOON)
        for _ in range(2):
            end_contract(contract_id=contract_id, at=NOON)
        for _ in range(2):
            reopen_contract(contract_id=contract_id, at=NOON)

        assert set(types()) == {"contract.changed"}
        assert [(data["change"], data["status"]) for _, data in told("customer")] == [
            ("suspended", "suspended"),
            ("lifted", "active"),
            ("ended", "ended"),
            ("reopened", "active"),
        ]


class TestTheClosedList:
    def test_names_no_event_that_nobody_sends(self):
        sources = "".join(
            path.read_text()
            for path in Path("apps").rglob("*.py")
            if path.name != "events.py" and "migrations" not in path.parts
        )

        assert [event for event in EventType if f"EventType.{event.name}" not in sources] == []


def test_nobody_is_told_what_concerns_another_tenant(site):
    other = make_named_site("CANARY")
    session = make_ended_session(other)

    rate_settled(session_id=session.pk, at=session.settled_at)
    run_billing(seller_id=other.owner.pk, until_date=date(2026, 6, 30), at=BILLED_AT)

    assert WebhookEndpoint.objects.count() == 2
    assert not WebhookDelivery.objects.exists()
