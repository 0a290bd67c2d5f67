"""Two runs at once, many issues at once: shown to go wrong without the lock, then not to with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from apps.contracts.models import Contract
from apps.core import audit
from apps.documents.models import Document
from apps.invoices.models import BillingRun, Invoice, InvoiceLine, NumberSeries
from apps.invoices.services import billing, drafting, issuing
from apps.invoices.services.billing import run_billing
from apps.invoices.services.billing_again import bill_again
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.issuing import issue_invoice
from apps.invoices.services.rendering import render_document
from apps.ledger.models import Journal
from apps.sessions.models import Cdr
from tests.factories import make_contract, make_site, make_token
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    MARCH_EVENING,
    NIGHT_AND_DAY,
    bill,
    draft_next,
    make_cdr,
)
from tests.integration.payments.test_accidents import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(transactional_db):
    return make_site(elements=NIGHT_AND_DAY)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run each call in a thread of its own; return results or exceptions, in order."""

    def run(call):
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def draft_of_a_contract_of_its_own(site, number: int) -> Invoice:
    contract = make_contract(customer=site.customer)
    make_cdr(
        site=site,
        contract=contract,
        token=make_token(contract=contract),
        started_at=MARCH_EVENING + timedelta(hours=3 * number),
    )
    return draft_next(contract_id=contract.pk, until_date=date(2026, 4, 30))


class TestTwoDraftsAtOnce:
    def meet_after_pulling(self, monkeypatch) -> None:
        """Let both drafters look at what is due before either writes (at most for a second)."""
        barrier = threading.Barrier(2, timeout=1)
        pull = drafting._groups

        def pull_and_wait(*args, **kwargs):
            groups = pull(*args, **kwargs)
            # With the lock on the other one waits for us, so that we wait for it in vain, as it should be.
            with suppress(threading.BrokenBarrierError):
                barrier.wait()
            return groups

        monkeypatch.setattr(drafting, "_groups", pull_and_wait)

    def draft(self, site):
        return at_once(*[lambda: draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)] * 2)

    def test_collide_in_the_constraints_without_the_lock(self, site, monkeypatch):
        make_cdr(site=site)
        self.meet_after_pulling(monkeypatch)
        monkeypatch.setattr(Contract.objects.__class__, "select_for_update", lambda self, **_: self.all())

        results = self.draft(site)

        assert sum(isinstance(result, IntegrityError) for result in results) == 1
        assert InvoiceLine.objects.count() == 1

    def test_give_one_draft_with_the_lock(self, site, monkeypatch):
        make_cdr(site=site)
        self.meet_after_pulling(monkeypatch)

        first, second = self.draft(site)

        assert first == second == Invoice.objects.get()
        assert InvoiceLine.objects.count() == 1


class TestEightBillingRunsAtOnce:
    def test_give_one_invoice_for_each_contract(self, site):
        for number in range(3):
            contract = make_contract(customer=site.customer)
            make_cdr(
                site=site,
                contract=contract,
                token=make_token(contract=contract),
                started_at=MARCH_EVENING + timedelta(hours=3 * number),
            )

        runs = at_once(*[lambda: run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)] * 8)

        assert [run.status for run in runs] == ["done"] * 8
        assert [run.problems for run in runs] == [[]] * 8
        assert sorted(Invoice.objects.values_list("number", flat=True)) == [f"INV-2026-{n:06d}" for n in (1, 2, 3)]
        assert Journal.objects.count() == 3
        assert [found for found in audit.find_violations() if found.invariant in {"I2", "I5", "I7"}] == []


KILLED_IN_THE_MIDDLE = """
import django, sys, time
from datetime import date, datetime
django.setup()
from apps.core import failpoints
from apps.invoices.services import billing
billing.CONTRACTS_TOGETHER = 2
drafted = []
def stay(name):
    drafted.append(name)
    if drafted.count("billing.drafted") == 2:
        print("in the middle", flush=True)
        time.sleep(600)
failpoints.hit = stay
billing.run_billing(
    seller_id=int(sys.argv[1]), until_date=date.fromisoformat(sys.argv[2]), at=datetime.fromisoformat(sys.argv[3])
)
"""


class TestOneOfEightBillingRunsKilled:
    """One has issued two of five invoices and drafted two more; seven wait for its locks; then it is killed."""

    def test_comes_to_the_same_as_one_run(self, site):
        twin = make_site(elements=NIGHT_AND_DAY)
        for one in (site, twin):
            self.draw(one)

        with self.begin(site) as doomed, ThreadPoolExecutor(7) as pool:
            try:
                heirs = [pool.submit(self.run, site) for _ in range(7)]
                self.wait_until_all_wait(heirs)
                issued = Invoice.objects.filter(seller=site.owner, status="issued").count()
            finally:
                doomed.kill()
            runs = [heir.result() for heir in heirs]
        assert (doomed.wait(), issued) == (-signal.SIGKILL, 2)
        run_billing(seller_id=twin.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert {(run.pk, run.status) for run in runs} == {(runs[0].pk, "done")}
        assert [run.problems for run in runs] == [[]] * 7
        assert self.billed(site) == self.billed(twin)
        assert [found for found in audit.find_violations() if found.invariant in {"I2", "I5", "I6", "I7"}] == []

    def draw(self, site) -> None:
        """Let five contracts charge 10, 11, 12, 13 and 14 kWh."""
        for number in range(5):
            contract = make_contract(customer=site.customer)
            make_cdr(
                site=site,
                contract=contract,
                token=make_token(contract=contract),
                kwh=str(10 + number),
                started_at=MARCH_EVENING + timedelta(hours=3 * number),
            )

    def begin(self, site) -> subprocess.Popen[str]:
        """Start a run in a process of its own, and return when it is in the middle."""
        arguments = [str(site.owner.pk), END_OF_MARCH.isoformat(), APRIL.isoformat()]
        doomed = subprocess.Popen(
            [sys.executable, "-c", KILLED_IN_THE_MIDDLE, *arguments],
            env=os.environ | {"DATABASE_URL": database_url(connection.settings_dict)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "in the middle\n"
        return doomed

    def run(self, site) -> BillingRun:
        try:
            return run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)
        finally:
            connections.close_all()

    def wait_until_all_wait(self, heirs) -> None:
        waiting, until = 0, time.monotonic() + 60
        while waiting < len(heirs):
            assert time.monotonic() < until, "the others do not wait for it"
            time.sleep(0.05)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                (waiting,) = cursor.fetchone()

    def billed(self, site) -> tuple[list[Any], ...]:
        invoices = Invoice.objects.filter(seller=site.owner)
        journals = Journal.objects.filter(entity=site.owner)
        return (
            sorted(invoices.values_list("number", flat=True)),
            sorted(invoices.values_list("gross", "status")),
            sorted(InvoiceLine.objects.filter(invoice__in=invoices).values_list("energy_milliwh", "net")),
            sorted(journals.values_list("entries__account__code", "entries__amount")),
        )


class TestTheSameContractsBilledTogetherAtOnce:
    def bill_both_ways(self, site) -> list[Any]:
        """Bill two contracts twice at once, each time given in another order."""
        contract_ids = [draft_of_a_contract_of_its_own(site, number).contract_id for number in range(2)]
        what = {"seller": site.owner, "until_date": date(2026, 4, 30), "at": APRIL}
        return at_once(
            *[
                lambda asked=asked: billing.bill_contracts(contract_ids=asked, **what)
                for asked in (contract_ids, contract_ids[::-1])
            ]
        )

    def test_wait_for_each_other_for_ever_where_each_locks_in_its_own_order(self, site, monkeypatch):
        barrier = threading.Barrier(2, timeout=5)

        def lock_as_asked(contract_ids):
            Contract.objects.select_for_update().get(pk=contract_ids[0])
            barrier.wait()
            Contract.objects.select_for_update().get(pk=contract_ids[1])

        monkeypatch.setattr(billing, "lock_contracts", lock_as_asked)
        results = self.bill_both_ways(site)

        assert [type(result) for result in results if result is not None] == [OperationalError]

    def test_lock_in_the_order_of_their_keys(self, site):
        assert self.bill_both_ways(site) == [None, None]
        assert sorted(Invoice.objects.values_list("number", flat=True)) == ["INV-2026-000001", "INV-2026-000002"]
        assert Journal.objects.count() == 2


class TestManyIssuesAtOnce:
    def test_of_one_series_leave_no_hole_over_rollbacks_and_a_year_change(self, site):
        drafts = [draft_of_a_contract_of_its_own(site, number) for number in range(50)]
        years = {draft.pk: datetime(2026 + index % 2, 5, 1, 12, tzinfo=UTC) for index, draft in enumerate(drafts)}

        def issue(draft: Invoice, *, fails: bool) -> str:
            with transaction.atomic():
                number = issue_invoice(invoice_id=draft.pk, issued_at=years[draft.pk]).number
                if fails:
                    raise RuntimeError("rolled back after the number was drawn")
            return number

        outcomes = at_once(
            *[lambda draft=draft, index=index: issue(draft, fails=index % 5 == 4) for index, draft in enumerate(drafts)]
        )

        assert sum(isinstance(outcome, RuntimeError) for outcome in outcomes) == 10
        numbers = sorted(outcome for outcome in outcomes if isinstance(outcome, str))
        assert numbers == [f"INV-{year}-{n:06d}" for year in (2026, 2027) for n in range(1, 21)]
        assert dict(NumberSeries.objects.values_list("year", "last_number")) == {2026: 20, 2027: 20}
        assert [found for found in audit.find_violations() if found.invariant in {"I5", "I6", "I7"}] == []

    def test_of_one_invoice_draw_one_number(self, site):
        draft = draft_of_a_contract_of_its_own(site, 0)

        issued = at_once(*[lambda: issue_invoice(invoice_id=draft.pk, issued_at=APRIL)] * 4)

        assert [invoice.number for invoice in issued] == ["INV-2026-000001"] * 4
        assert NumberSeries.objects.get().last_number == 1
        assert Journal.objects.count() == 1

    def test_without_the_series_lock_meet_in_the_constraints(self, site, monkeypatch):
        first, *drafts = [draft_of_a_contract_of_its_own(site, number) for number in range(3)]
        # The first opens series and accounts, at which the other two would meet already.
        issue_invoice(invoice_id=first.pk, issued_at=APRIL)
        barrier = threading.Barrier(2, timeout=5)

        def draw_without_lock(*, seller_id, kind, year, count):
            series = NumberSeries.objects.get(seller=seller_id, kind=kind, year=year)
            barrier.wait()
            series.last_number += count
            series.save(update_fields=["last_number"])
            return series

        monkeypatch.setattr(issuing, "_draw_numbers", draw_without_lock)
        issues = [lambda draft=draft: issue_invoice(invoice_id=draft.pk, issued_at=APRIL) for draft in drafts]
        results = at_once(*issues)

        assert sum(isinstance(result, IntegrityError) for result in results) == 1
        assert NumberSeries.objects.get().last_number == 2


class TestTwoCreditsAtOnce:
    def test_give_one_credit_note(self, site):
        make_cdr(site=site)
        run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)
        invoice = Invoice.objects.get()

        notes = at_once(*[lambda: credit_invoice(invoice_id=invoice.pk, reason="Wrong", at=APRIL, by=None)] * 3)

        assert {note.number for note in notes} == {"CN-2026-000001"}
        assert Journal.objects.count() == 2


class TestThreeWordsAtOnceThatAnInvoiceIsBilledAgain:
    def test_bill_it_once_also_where_a_run_meets_them(self, site):
        cdr = make_cdr(site=site)
        (wrong,) = bill(site)
        credit_invoice(invoice_id=wrong.pk, reason="Wrong", at=APRIL, by=None)

        words = [lambda: bill_again(invoice_id=wrong.pk, reason="The address was wrong", at=APRIL, by=None)] * 3
        *said, _ = at_once(*words, lambda: bill(site))
        bill(site)

        assert len({word.pk for word in said}) == 1
        assert sorted(each.revision for each in Cdr.objects.filter(session=cdr.session)) == [1, 2]
        (again,) = Invoice.objects.filter(kind=Invoice.Kind.INVOICE).exclude(pk=wrong.pk)
        assert (again.gross, again.lines.count()) == (wrong.gross, 1)


class TestTwoRenderingsAtOnce:
    def test_keep_one_pdf_and_its_data(self, site):
        make_cdr(site=site)
        (invoice,) = bill(site)
        both = threading.Barrier(2)

        def render():
            both.wait()
            return render_document(invoice_id=invoice.pk, at=APRIL)

        first, second = at_once(render, render)

        assert first == second
        assert sorted(Document.objects.values_list("kind", flat=True)) == ["e_invoice", "invoice"]
        assert [found for found in audit.find_violations() if found.invariant == "I6"] == []
