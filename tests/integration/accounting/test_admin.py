"""Payouts and discrepancies in the console: sums that add up, a list to work off, empty lists that teach."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounting.models import Discrepancy, Payout
from apps.accounts.domain.roles import Role
from apps.payments import gateway
from tests.factories import make_member, make_user
from tests.integration.payments.conftest import NOON
from tests.integration.tenants import signed_in

from .conftest import DAY, compare, earn

pytestmark = pytest.mark.django_db


def client_of(site, role: Role = Role.FINANCE):
    return signed_in(make_member(organisation=site.owner, role=role, user=make_user(is_staff=True)).user)


def listed(name: str) -> str:
    return reverse(f"admin:accounting_{name}_changelist")


class TestAPayoutsPage:
    def test_shows_parts_by_kind_and_a_total_that_is_the_payout(self, sandbox, site, earned):
        earn(site)
        sandbox.control.pay_out_daily()
        sandbox.control.advance_clock(4 * 86_400)
        compare(at=NOON + 4 * DAY)
        client, payout = client_of(site), Payout.objects.get()

        page = client.get(reverse("admin:accounting_payout_change", args=[payout.pk])).content.decode()
        rows = client.get(listed("payout")).content.decode()

        # Two payments of 10.00, 0.40 of fee each.
        for words in ("Payments", "€20.00", "€0.80", "€19.20", "This is what was paid out."):
            assert words in page
        assert "2 movements" in rows

    def test_does_not_hide_a_total_that_is_not(self, ours, owner):
        payout = Payout.objects.create(
            seller=ours.owner,
            stripe_id="po_without_parts",
            livemode=False,
            currency="EUR",
            amount=Decimal("5.00"),
            status="paid",
            is_automatic=True,
            created_at=NOON,
            arrives_at=NOON,
            lines_pulled_at=NOON,
            synced_at=NOON,
        )

        page = owner.get(reverse("admin:accounting_payout_change", args=[payout.pk])).content.decode()

        assert "But €5.00 were paid out." in page


class TestTheDiscrepancies:
    def test_are_resolved_with_a_word_and_a_name(self, sandbox, site, earned):
        gateway.create_refund(params={"payment_intent": earned[1].stripe_id, "amount": 300}, key="dashboard")
        compare()
        row, client = Discrepancy.objects.get(), client_of(site)
        act = reverse("admin:accounting_discrepancy_resolve", args=[row.pk])

        home = client.get(reverse("admin:index")).content.decode()
        asked = client.get(act).content.decode()
        client.post(act, {"reason": "Refunded by Ada."})

        assert "discrepancy with Stripe" in home
        assert "Refunded at Stripe, not here" in asked
        row.refresh_from_db()
        assert (row.note, row.resolved_at is not None) == ("Refunded by Ada.", True)
        assert "discrepancy with Stripe" not in client.get(reverse("admin:index")).content.decode()

    def test_are_left_to_people_with_the_money_role(self, ours, site):
        row = Discrepancy.objects.get(seller=ours.owner)
        reader = make_member(organisation=ours.owner, role=Role.READ_ONLY, user=make_user(is_staff=True)).user

        refused = signed_in(reader).post(
            reverse("admin:accounting_discrepancy_resolve", args=[row.pk]), {"reason": "?"}
        )

        assert refused.status_code == 403
        row.refresh_from_db()
        assert row.resolved_at is None


class TestEmptyLists:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("payout", "Each payout appears here within a quarter of an hour"),
            ("balanceentry", "tied to the journal in your books"),
            ("discrepancy", "Stripe&#x27;s books and yours agree"),
        ],
    )
    def test_say_what_will_come(self, site, name, words):
        assert words in client_of(site).get(listed(name)).content.decode()
