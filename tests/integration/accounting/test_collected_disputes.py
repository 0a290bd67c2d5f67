"""A platform collects for an owner: whose books a dispute is in, and that Stripe's books agree with the platform's."""

from decimal import Decimal

import pytest

from apps.accounting.selectors import account_owner
from apps.accounting.services.shares import share_payment
from tests.integration.payments.conftest import NOON, journals
from tests.integration.payments.disputing import decide, open_dispute
from tests.integration.payments.drivers import violations

from .conftest import collect, compare

pytestmark = pytest.mark.django_db


class TestALostDispute:
    def test_is_withdrawn_from_the_platform_and_lost_by_the_owner(self, sandbox, site, platform, by_bank):
        payment, _ = collect(site)

        dispute = decide(sandbox, open_dispute(sandbox, payment), is_won=False)

        key = f"dispute:{dispute.pk}"
        due_to, due_from = f"2300-{site.owner.pk}", f"1210-{platform.pk}"
        platforms = {each: sums for each, sums in journals(platform).items() if each.startswith(key)}
        owners = {each: sums for each, sums in journals(site.owner).items() if each.startswith(key)}
        assert platforms == {
            f"{key}:withdrawn": {"1030": Decimal("10.00"), "1020": Decimal("-10.00")},
            f"{key}:fee": {"6000": Decimal("20.00"), "1020": Decimal("-20.00")},
            f"{key}:lost": {due_to: Decimal("10.00"), "1030": Decimal("-10.00")},
        }
        assert owners == {f"{key}:lost": {"1200": Decimal("10.00"), due_from: Decimal("-10.00")}}
        assert violations() == []


class TestStripesBooks:
    def test_agree_with_the_platforms_where_it_collects_and_transfers(self, sandbox, site, platform, agreement):
        payment, _ = collect(site)
        assert share_payment(payment_id=payment.pk, at=NOON).status == "succeeded"
        open_dispute(sandbox, collect(site)[0])

        assert account_owner() == platform
        assert compare() == []
