"""How a customer pays: by bank, with a saved method, now; and what is told of cards and credit."""

from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.suspending import lift_suspension, suspend_contract
from apps.core import clock
from apps.invoices.domain.references import creditor_reference, in_groups
from apps.invoices.services.crediting import credit_invoice
from apps.payments.models import SavedMethod
from apps.payments.pay_tokens import pay_token
from apps.payments.reminder_fees import open_fees
from apps.payments.selectors import open_amount
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.dunning import remind
from apps.payments.services.methods import SetupUnavailable
from apps.payments.services.papers import print_letter
from tests.factories import make_member, make_user
from tests.integration.tenants import BILLED_AT, CANARY, signed_in


class TestPayingByBank:
    def test_shows_account_reference_amount_and_the_code_for_a_banking_app(self, ours, fleet):
        page = fleet.get(reverse("portal:invoice", args=[ours.invoice.uid])).content.decode()

        assert "DE02 1203 0000 0000 2020 51" in page
        assert in_groups(creditor_reference(ours.invoice.number)) in page
        assert 'class="qr"' in page

    def test_states_the_fees_of_reminders_with_the_amount(self, ours, fleet):
        contract = ours.site.contract
        contract.reminder_fees = ["0", "5", "10"]
        contract.save()
        remind(invoice_id=ours.invoice.pk, at=BILLED_AT + timedelta(days=37), by=make_user())

        page = fleet.get(reverse("portal:invoice", args=[ours.invoice.uid])).content.decode()

        left = open_amount(ours.invoice) + Decimal("5.00")
        assert f"€{left:.2f}<small>of which €5.00 for reminders" in page
        assert "Reminder 2" in page

    def test_pays_the_fees_with_the_invoice_on_one_page(self, ours, fleet):
        type(ours.site.contract).objects.filter(pk=ours.site.contract.pk).update(reminder_fees=["0", "5", "10"])
        remind(invoice_id=ours.invoice.pk, at=BILLED_AT + timedelta(days=37), by=make_user())
        left = open_amount(ours.invoice) + open_fees(invoice=ours.invoice).get().open_fee

        page = fleet.get(reverse("portal:invoice", args=[ours.invoice.uid])).content.decode()
        linked = Client().get(reverse("portal:pay", args=[pay_token(ours.invoice)])).content.decode()

        assert f"Pay €{left:.2f} now" in page
        assert f"Pay €{left:.2f} now" in linked
        assert "Fees of reminders" in linked

    def test_reads_the_letter_of_a_reminder_once_it_is_printed(self, ours, theirs, fleet):
        step = remind(invoice_id=ours.invoice.pk, at=BILLED_AT + timedelta(days=37), by=make_user())
        address = reverse("portal:reminder", args=[ours.invoice.uid, step.level])
        before = fleet.get(address).status_code
        print_letter(step_id=step.pk, at=BILLED_AT)

        assert address in fleet.get(reverse("portal:invoice", args=[ours.invoice.uid])).content.decode()
        assert (before, fleet.get(address).content[:4]) == (404, b"%PDF")
        assert signed_in(theirs.fleet.user).get(address).status_code == 404

    def test_is_not_asked_for_what_is_credited(self, ours, fleet):
        credit_invoice(invoice_id=ours.invoice.pk, reason="agreed", at=BILLED_AT, by=None)

        page = fleet.get(reverse("portal:invoice", args=[ours.invoice.uid])).content.decode()

        assert "Pay by bank transfer" not in page
        assert 'class="qr"' not in page


class TestBlockedCards:
    def test_are_told_of_on_the_first_page_to_their_customer_alone(self, ours, theirs, fleet):
        for contract in (ours.site.contract, theirs.site.contract):
            suspend_contract(contract_id=contract.pk, cause="overdue", reason="overdue", at=BILLED_AT)

        page = fleet.get(reverse("portal:home")).content.decode()
        lift_suspension(contract_id=ours.site.contract.pk, reason="paid", at=BILLED_AT)

        assert f"The cards of contract {ours.site.contract.number} are blocked." in page
        assert theirs.site.contract.number not in page
        assert "are blocked" not in fleet.get(reverse("portal:home")).content.decode()


class TestCredit:
    def test_is_shown_with_the_seller_who_has_it_and_to_nobody_else(self, ours, theirs, fleet):
        line = StatementLine(key="a", booked_on=BILLED_AT.date(), amount=Decimal("500.00"), currency="EUR")
        record_receipt(seller_id=theirs.owner.pk, line=line, customer_id=theirs.site.customer.pk, at=BILLED_AT)
        before, owed = fleet.get(reverse("portal:home")).content.decode(), open_amount(ours.invoice)
        record_receipt(seller_id=ours.owner.pk, line=line, customer_id=ours.site.customer.pk, at=BILLED_AT)

        pages = [fleet.get(reverse(page)).content.decode() for page in ("portal:home", "portal:invoices")]

        left = Decimal(500) - owed
        assert "Your credit" not in before
        assert all(f"€{left:.2f} with {ours.owner}" in page for page in pages)


class TestAddingACard:
    def test_leads_to_the_page_that_stripe_opened(self, ours, fleet, monkeypatch):
        asked = {}

        def opened(**wish):
            asked.update(wish)
            return "https://checkout.stripe.com/c/pay/cs_test_1"

        monkeypatch.setattr("apps.portal.views.start_method_setup", opened)

        response = fleet.post(reverse("portal:payment-method"), {"customer": ours.site.customer.pk})

        assert response.url == "https://checkout.stripe.com/c/pay/cs_test_1"
        assert asked["customer_id"] == ours.site.customer.pk
        assert asked["success_url"] == (
            "http://testserver/portal/payment-method/return/?checkout={CHECKOUT_SESSION_ID}"
        )

    def test_says_when_the_page_cannot_be_opened(self, ours, fleet, monkeypatch):
        def refused(**wish):
            raise SetupUnavailable

        monkeypatch.setattr("apps.portal.views.start_method_setup", refused)

        response = fleet.post(reverse("portal:payment-method"), {"customer": ours.site.customer.pk}, follow=True)

        assert "Please try again in a minute" in response.content.decode()

    def test_for_another_tenants_customer_is_404(self, ours, theirs, fleet, monkeypatch):
        monkeypatch.setattr("apps.portal.views.start_method_setup", None)

        response = fleet.post(reverse("portal:payment-method"), {"customer": theirs.site.customer.pk})

        assert response.status_code == 404

    def test_is_an_administrators_to_do(self, ours, monkeypatch):
        monkeypatch.setattr("apps.portal.views.start_method_setup", None)
        user = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER).user

        response = signed_in(user).post(reverse("portal:payment-method"), {"customer": ours.site.customer.pk})

        assert response.status_code == 403

    def test_returns_only_to_a_page_of_ones_own(self, theirs, fleet):
        response = fleet.get(reverse("portal:payment-method-return"), {"checkout": f"cs_{CANARY}"})

        assert response.status_code == 404

    def test_removes_what_is_saved_and_nobody_elses(self, ours, theirs, fleet):
        own, foreign = saved_by(ours), saved_by(theirs)
        address = reverse("portal:payment-method-remove")

        answers = [fleet.post(address, {"customer": tenant.site.customer.pk}).status_code for tenant in (ours, theirs)]

        own.refresh_from_db()
        foreign.refresh_from_db()
        assert answers == [302, 404]
        assert (own.status, own.ended_why, foreign.status) == ("detached", "removed", "active")

    def test_removing_is_an_administrators_to_do(self, ours):
        own = saved_by(ours)
        user = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER).user

        response = signed_in(user).post(reverse("portal:payment-method-remove"), {"customer": ours.site.customer.pk})

        own.refresh_from_db()
        assert (response.status_code, own.status) == (403, "active")

    def test_warns_on_the_first_page_before_a_card_expires(self, ours, fleet):
        saved = saved_by(ours)
        assert "is valid until" not in fleet.get(reverse("portal:home")).content.decode()

        saved.expiry_month, saved.expiry_year = 1, 2026
        saved.save()

        assert f"{saved} is valid until 01/26" in fleet.get(reverse("portal:home")).content.decode()


class TestPayingNow:
    def test_leads_an_administrator_to_the_page_that_stripe_opened(self, ours, fleet, monkeypatch):
        asked = {}

        def opened(**wish):
            asked.update(wish)
            return "https://checkout.stripe.com/c/pay/cs_test_2"

        monkeypatch.setattr("apps.portal.invoice_views.open_pay_page", opened)

        response = fleet.post(reverse("portal:invoice-pay", args=[ours.invoice.uid]))

        assert response.url == "https://checkout.stripe.com/c/pay/cs_test_2"
        assert asked["document_id"] == ours.invoice.pk

    def test_is_refused_for_anothers_invoice_and_to_who_may_not_pay(self, ours, theirs, fleet, monkeypatch):
        monkeypatch.setattr("apps.portal.invoice_views.open_pay_page", None)
        user = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER).user

        foreign = fleet.post(reverse("portal:invoice-pay", args=[theirs.invoice.uid]))
        users = signed_in(user).post(reverse("portal:invoice-pay", args=[ours.invoice.uid]))

        assert (foreign.status_code, users.status_code) == (404, 403)


def saved_by(tenant) -> SavedMethod:
    """The tenant's saved card, however the tenant was made."""
    customer = tenant.site.customer
    saved, _ = SavedMethod.objects.update_or_create(
        customer=customer,
        status="active",
        defaults={
            "livemode": False,
            "checkout_session_id": f"cs_{customer.pk}",
            "payment_method_id": f"pm_{customer.pk}",
            "brand": "visa",
            "last4": "4242",
            "expiry_month": 12,
            "expiry_year": 2034,
            "requested_at": clock.now(),
            "activated_at": clock.now(),
        },
    )
    return saved
