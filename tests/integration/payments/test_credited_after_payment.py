"""A card paid an invoice, and a billing run credits it since its record was revised: the old money goes back, once.

100 kWh by day: 100 × 0.49 = 49.00, with 19 % VAT 58.31, taken from the card. Read again: 90 kWh, 44.10, 52.48.
"""

import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.invoices.models import Invoice
from apps.payments.giving_back import refundable_ids, to_give_back_by_hand
from apps.payments.models import Refund
from apps.payments.selectors import open_amount
from apps.payments.services.refunds import refund_credited
from apps.payments.services.syncing import sync_payment
from tests.factories import Site, make_member, make_site
from tests.integration.invoices.world import APRIL, NIGHT_AND_DAY, bill, make_cdr, revise
from tests.integration.tenants import signed_in

from .conftest import MINUTE, NOON, collect
from .drivers import janitor, violations
from .test_accidents import in_a_child
from .test_attempt_accidents import together

CHILD = """
import django, sys
from datetime import datetime
django.setup()
from apps.payments.services import refunds
refunds.refund_credited(invoice_id=int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture
def site(db) -> Site:
    return make_site(elements=NIGHT_AND_DAY)


@pytest.fixture
def paid_and_credited(sandbox, save_card, site) -> Invoice:
    """58.31 were taken; the run credited them and billed 52.48 anew."""
    save_card(of=site.customer)
    cdr = make_cdr(site=site, kwh="100", started_at=datetime(2026, 3, 10, 11, tzinfo=UTC))
    (invoice,) = bill(site)
    collect(invoice)
    revise(cdr, kwh="90")
    bill(site, at=APRIL + timedelta(hours=1))
    return invoice


def given_back(sandbox) -> list[int]:
    return [each["amount"] for each in sandbox.control.objects("refund")]


@pytest.mark.django_db
class TestWhatACardPaidForWhatARunCredited:
    def test_goes_back_and_the_new_invoice_is_charged(self, sandbox, paid_and_credited, client, site):
        invoice, new = paid_and_credited, Invoice.objects.filter(kind="invoice").latest("pk")
        assert (open_amount(invoice), refundable_ids()) == (Decimal("-58.31"), [invoice.pk])
        collect(new)

        (refund,) = refund_credited(invoice_id=invoice.credit_notes.get().pk, at=NOON)
        again = refund_credited(invoice_id=invoice.pk, at=NOON)

        assert (refund.status, refund.amount.amount, refund.reason) == (
            "succeeded",
            Decimal("58.31"),
            "Meter was read again",
        )
        assert (again, refundable_ids(), given_back(sandbox)) == ((), [], [5831])
        assert (open_amount(invoice), open_amount(new)) == (0, 0)
        assert [each["amount_captured"] for each in sandbox.control.objects("charge")] == [5831, 5248]
        assert not to_give_back_by_hand(Invoice.objects.all()).exists()
        assert violations() == []

    def test_is_a_persons_where_the_refund_came_back(self, sandbox, paid_and_credited, client, site):
        (refund,) = refund_credited(invoice_id=paid_and_credited.pk, at=NOON)
        sandbox.control.fail_refund(refund.stripe_id)
        sync_payment(payment_id=refund.payment_id, at=NOON)

        assert refund_credited(invoice_id=paid_and_credited.pk, at=NOON) == ()
        assert (refundable_ids(), given_back(sandbox)) == ([], [5831])
        (waiting,) = to_give_back_by_hand(Invoice.objects.all())
        assert (waiting.pk, waiting.too_much, waiting.came_back) == (paid_and_credited.pk, Decimal("58.31"), True)
        seen = {}
        for owner in (site.owner, make_site().owner):
            console = signed_in(make_member(organisation=owner, role=Role.OWNER).user)
            page = console.get(reverse("console:to-give-back")).content.decode()
            home = console.get(reverse("admin:index")).content.decode()
            seen[owner] = [str(paid_and_credited) in page, "58.31" in page, "document to give money back of" in home]
        assert list(seen.values()) == [[True, True, True], [False, False, False]]

        again = reverse("console:refund-again", args=[paid_and_credited.uid])
        clerk, stranger = (signed_in(make_member(organisation=one, role=Role.FINANCE).user) for one in seen)
        asked = clerk.get(again).content.decode()
        assert ("Came back" in asked, "Give €58.31 back" in asked) == (True, True)
        assert stranger.get(again).status_code == 404
        assert given_back(sandbox) == [5831]
        answers = [clerk.post(again).status_code, stranger.post(again).status_code, clerk.post(again).status_code]
        assert (answers, given_back(sandbox)) == ([302, 404, 302], [5831, 5831])
        assert (open_amount(paid_and_credited), violations()) == (0, [])


@pytest.mark.django_db(transaction=True)
class TestGivingBackWhatARunCredited:
    def test_by_bell_and_sweep_at_once_is_one_refund(self, sandbox, paid_and_credited):
        together(*[lambda: refund_credited(invoice_id=paid_and_credited.pk, at=NOON)] * 3)

        assert given_back(sandbox) == [5831]
        assert violations() == []

    @pytest.mark.parametrize("point", ["payments.before_call", "payments.after_call", "payments.after_commit"])
    def test_killed_in_the_middle_is_finished_once_by_the_janitor(self, sandbox, paid_and_credited, point):
        killed = in_a_child(sandbox, paid_and_credited, failpoint=point, program=CHILD)
        assert killed == -signal.SIGKILL
        refund_credited(invoice_id=paid_and_credited.pk, at=NOON)
        janitor(NOON + MINUTE)

        assert (given_back(sandbox), open_amount(paid_and_credited), refundable_ids()) == ([5831], 0, [])
        assert Refund.objects.get().status == "succeeded"
        assert violations() == []
