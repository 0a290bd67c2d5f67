"""A driver without an account pays at the charger, by HTTP as a browser without JavaScript would."""

from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.core import audit
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.services.refunds import refund_document
from config.demo.driver_story import tell
from config.demo.telling import wait_for
from config.demo.world import OWNERS

pytestmark = pytest.mark.django_db(transaction=True)


class TestADriversCharge:
    def test_is_captured_to_the_cent_of_its_receipt_and_refunded_in_full(self, running, tmp_path):
        said: list[str] = []

        figures = tell(said.append, running=running, root=tmp_path)

        assert figures["energy_wh"] == 12_000
        assert figures["captured"] == figures["total"]
        hold = Payment.objects.get(attempt__isnull=False)
        assert Decimal(figures["captured"]) + Decimal(figures["released"]) == hold.amount.amount
        assert (tmp_path / figures["receipt_pdf"]).stat().st_size > 1000
        assert list(audit.find_violations()) == []

        attempt = PaymentAttempt.objects.get()
        owner = User.objects.get(email=OWNERS[1].owner_email)
        refund_document(document_id=attempt.receipt_id, reason="Charger was blocked", by=owner, at=timezone.now())

        wait_for("the refund", lambda: hold.refunds.filter(status="succeeded").first())
        assert list(audit.find_violations()) == []
