"""When a contract without a plan is billed: by run, month, quarter, or after each session."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.contracts.models import Contract
from apps.invoices import tasks
from apps.invoices.models import Invoice
from apps.invoices.selectors import left_by_session
from apps.invoices.services import billing
from tests.integration.invoices.test_at_once import at_once
from tests.integration.invoices.world import APRIL, END_OF_MARCH, MARCH_EVENING, bill, make_cdr, revise
from tests.refusals import refused_by

pytestmark = pytest.mark.django_db


def billed(site, cycle: str) -> None:
    Contract.objects.filter(pk=site.contract.pk).update(billing_cycle=cycle)


class TestMonths:
    def test_wait_until_they_are_over(self, site):
        billed(site, "month")
        make_cdr(site=site)

        early = bill(site, until_date=date(2026, 3, 30))

        assert early == []
        assert len(bill(site, until_date=END_OF_MARCH)) == 1

    def test_leave_the_running_one_to_its_end(self, site):
        billed(site, "month")
        make_cdr(site=site)
        make_cdr(site=site, started_at=datetime(2026, 4, 2, 11, 0, tzinfo=UTC))

        (invoice,) = bill(site, until_date=date(2026, 4, 15), at=APRIL + timedelta(days=14))

        assert (invoice.lines.count(), invoice.period_to) == (1, date(2026, 3, 10))


class TestQuarters:
    def test_are_one_invoice(self, site):
        billed(site, "quarter")
        for month in (1, 2, 3):
            make_cdr(site=site, started_at=datetime(2026, month, 5, 11, 0, tzinfo=UTC))

        runs = [bill(site, until_date=date(2026, month, 28)) for month in (1, 2)]
        (invoice,) = bill(site, until_date=END_OF_MARCH)

        assert runs == [[], []]
        assert invoice.lines.count() == 3


class TestAfterEachSession:
    def test_is_an_invoice_a_session(self, site):
        billed(site, "session")
        for day in range(2):
            cdr = make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=day))
            tasks.bill_session(id=cdr.pk)

        assert list(Invoice.objects.values_list("status", "net")) == [("issued", Decimal("7.80"))] * 2

    def test_of_any_other_contract_is_none(self, site):
        tasks.bill_session(id=make_cdr(site=site).pk)

        assert not Invoice.objects.exists()

    def test_is_found_by_the_sweeper_when_the_bell_was_lost(self, site):
        billed(site, "session")
        make_cdr(site=site)

        tasks.sweep_sessions()
        left = left_by_session(at=APRIL)
        tasks.sweep_sessions()

        assert (Invoice.objects.count(), left) == (1, [])

    def test_that_was_revised_is_credited_and_billed_anew(self, site):
        billed(site, "session")
        cdr = make_cdr(site=site)
        tasks.bill_session(id=cdr.pk)

        tasks.bill_session(id=revise(cdr, kwh="10").pk)

        # 10 kWh, half of it by night: 5 × 0.49 + 5 × 0.29
        assert list(Invoice.objects.order_by("pk").values_list("kind", "net")) == [
            ("invoice", Decimal("7.80")),
            ("credit_note", Decimal("-7.80")),
            ("invoice", Decimal("3.90")),
        ]

    def test_is_not_put_before_somebody_who_looks_at_a_run(self, site):
        billed(site, "session")
        make_cdr(site=site)

        run = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=APRIL)
        run = billing.carry_on(run_id=run.pk, at=APRIL)

        assert (run.status, run.contracts_total) == ("drafted", 0)

    def test_leaves_a_draft_that_somebody_looks_at(self, site):
        cdr = make_cdr(site=site)
        run = billing.start_run(seller_id=site.owner.pk, until_date=END_OF_MARCH, is_reviewed=True, at=APRIL)
        billing.carry_on(run_id=run.pk, at=APRIL)
        billed(site, "session")

        tasks.bill_session(id=cdr.pk)

        assert Invoice.objects.get().status == "draft"

    def test_is_refused_where_the_cycle_is_unknown(self, site):
        with refused_by("contract_cycle_is_known"):
            billed(site, "week")


@pytest.mark.django_db(transaction=True)
def test_bell_sweeper_and_run_at_once_give_one_invoice(transactional_db, site):
    billed(site, "session")
    cdr = make_cdr(site=site)

    outcomes = at_once(
        *[lambda: tasks.bill_session(id=cdr.pk)] * 3, *[tasks.sweep_sessions] * 3, *[lambda: bill(site)] * 2
    )

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert Invoice.objects.get().status == "issued"
