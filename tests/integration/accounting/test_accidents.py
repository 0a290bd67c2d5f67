"""Shares sent by several at once, and workers killed around the call: one transfer, true books."""

import signal
from decimal import Decimal

import pytest
from django.db import IntegrityError

from apps.accounting.services.shares import share_payment
from apps.payments.models import Transfer
from apps.payments.waiting import due_operation_ids
from tests.integration.payments.conftest import MINUTE, NOON
from tests.integration.payments.drivers import janitor, posts, violations
from tests.integration.payments.test_accidents import in_a_child
from tests.integration.payments.test_attempt_accidents import together
from tests.locks import locks_off

from .conftest import collect
from .test_collecting import due

pytestmark = pytest.mark.django_db(transaction=True)

SHARING_CHILD = """
import django, sys
from datetime import datetime
django.setup()
from apps.accounting.services import shares
shares.share_payment(payment_id=int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2]))
"""


class TestShareAtOnce:
    def test_meets_the_constraint_when_the_lock_is_off(self, sandbox, site, platform, agreement):
        payment, _ = collect(site)

        with locks_off((Transfer.objects, "create"), people=2):
            outcomes = together(*[lambda: share_payment(payment_id=payment.pk, at=NOON)] * 2)

        (error,) = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert isinstance(error, IntegrityError)
        assert "transfer_one_standing_per_payment" in str(error)

    def test_is_sent_once_and_nobody_fails(self, sandbox, site, platform, agreement):
        payment, _ = collect(site)

        outcomes = together(*[lambda: share_payment(payment_id=payment.pk, at=NOON)] * 4)

        assert [type(outcome) for outcome in outcomes] == [Transfer] * 4
        assert len(posts(sandbox, "/transfers")) == 1
        assert due(platform, site.owner) == (Decimal("1.48"), Decimal("1.48"))
        assert violations() == []


class TestKilledWorker:
    @pytest.mark.parametrize("where", ["payments.before_call", "payments.after_call"])
    def test_leaves_one_transfer_and_both_books_to_the_janitor(self, sandbox, site, platform, agreement, where):
        payment, _ = collect(site)

        assert in_a_child(sandbox, payment, failpoint=where, program=SHARING_CHILD) == -signal.SIGKILL
        made = [each["amount"] for each in sandbox.control.objects("transfer")]
        before = (Transfer.objects.get().status, due(platform, site.owner), due_operation_ids(at=NOON))
        janitor(NOON + MINUTE)

        assert made == ([852] if where == "payments.after_call" else [])
        assert before == ("requested", (Decimal("10.00"), Decimal("10.00")), [])
        assert [each["amount"] for each in sandbox.control.objects("transfer")] == [852]
        assert Transfer.objects.get().status == "succeeded"
        assert due(platform, site.owner) == (Decimal("1.48"), Decimal("1.48"))
        assert violations() == []
