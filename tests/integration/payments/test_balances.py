"""What is open of a document is kept beside it: added up by the database whatever happens, and never by hand.

That it is the sum after any sequence of real deeds the laws of the books and the histories hold, by the audit.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connection, connections, transaction

from apps.core.audit import find_violations
from apps.invoices.models import Invoice
from apps.payments.models import DocumentBalance, Refund, WriteOff
from apps.payments.selectors import open_amount
from tests.integration.ledger.refusal import triggers_off
from tests.refusals import refused_by, run_sql

from .conftest import NOON, make_invoice
from .test_refusals import allocate, make_paid

MIGRATION = import_module("apps.payments.migrations.0028_document_balances")


def balance(document: Invoice) -> tuple[str, ...]:
    """Return what is allocated, credited, given back, given up and open."""
    row = DocumentBalance.objects.get(pk=document.pk)
    return tuple(
        f"{amount:.2f}" for amount in (row.allocated, row.credited, row.given_back, row.written_off, row.open_amount)
    )


def give_up(document: Invoice, amount: str) -> WriteOff:
    return WriteOff.objects.create(
        invoice=document, currency="EUR", amount=Decimal(amount), categories=[], reason="insolvent", written_at=NOON
    )


def give_back(payment, amount: str) -> Refund:
    """Write down a refund that Stripe told of and has not made yet."""
    return Refund.objects.create(
        payment=payment,
        origin="elsewhere",
        invoice=payment.invoice,
        status="pending",
        stripe_id=f"re_{payment.pk}_{amount}",
        currency="EUR",
        amount=Decimal(amount),
        reason="made elsewhere",
        requested_at=NOON,
    )


def succeed(refund: Refund) -> None:
    Refund.objects.filter(pk=refund.pk).update(status="succeeded", succeeded_at=NOON)


def problems() -> list[tuple[str, str]]:
    return [
        (each.subject, each.problem)
        for each in find_violations()
        if each.invariant == "I3" and "adds up to" in each.problem
    ]


@pytest.mark.django_db
class TestABalance:
    def test_follows_whatever_counts(self, customer, invoice):
        told = [balance(invoice)]
        payment = make_paid(invoice)
        allocate(payment, invoice, "100.00")
        told.append(balance(invoice))
        give_up(invoice, "19.00")
        told.append(balance(invoice))
        note = make_invoice(customer, "-30.00", crediting=invoice)
        told.append(balance(invoice))
        refund = give_back(payment, "11.00")
        told.append(balance(invoice))
        succeed(refund)
        told.append(balance(invoice))
        Refund.objects.filter(pk=refund.pk).update(status="failed", failed_at=NOON, succeeded_at=None)
        told.append(balance(invoice))

        assert told == [
            ("0.00", "0.00", "0.00", "0.00", "119.00"),
            ("100.00", "0.00", "0.00", "0.00", "19.00"),
            ("100.00", "0.00", "0.00", "19.00", "0.00"),
            ("100.00", "30.00", "0.00", "19.00", "-30.00"),
            # What is only asked for is not given back.
            ("100.00", "30.00", "0.00", "19.00", "-30.00"),
            ("100.00", "30.00", "11.00", "19.00", "-19.00"),
            ("100.00", "30.00", "0.00", "19.00", "-30.00"),
        ]
        assert not DocumentBalance.objects.filter(invoice=note).exists()
        assert problems() == []

    def test_is_written_by_nobody(self, invoice):
        rows = DocumentBalance.objects.filter(invoice=invoice)

        for sql in (
            "UPDATE payments_documentbalance SET open_amount = 0",
            "DELETE FROM payments_documentbalance",
            "INSERT INTO payments_documentbalance SELECT * FROM payments_documentbalance",
        ):
            with refused_by("added up, never written by hand", DocumentBalance):
                run_sql(sql)
        assert rows.count() == 1

    def test_that_is_damaged_or_lost_is_told_by_the_audit(self, customer, invoice):
        lost = make_invoice(customer, "50.00")
        with triggers_off():
            DocumentBalance.objects.filter(invoice=invoice).update(open_amount="7.00")
            DocumentBalance.objects.filter(invoice=lost).delete()

        assert sorted(problems()) == sorted(
            [
                (f"document {invoice.pk}", "7.000000 is kept as open, and it adds up to 119.000000"),
                (f"document {lost.pk}", "nothing is kept as open, and it adds up to 50.000000"),
            ]
        )

        # The next thing that counts mends it.
        allocate(make_paid(invoice), invoice, "19.00")
        assert open_amount(invoice) == 100

    def test_of_what_was_there_before_is_filled_in(self, customer, invoice):
        allocate(make_paid(invoice), invoice, "100.00")
        make_invoice(customer, "-30.00", crediting=invoice)
        make_invoice(customer, "50.00")
        kept = list(DocumentBalance.objects.order_by("pk").values())
        with triggers_off():
            DocumentBalance.objects.all().delete()
            run_sql(MIGRATION.FILL)

        assert list(DocumentBalance.objects.order_by("pk").values()) == kept
        assert [row["open_amount"] for row in kept] == [-11, 50]


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """Two refunds of one document, by two payments: no row is locked by both but the balance."""

    @contextmanager
    def no_lock(self) -> Iterator[None]:
        bare = MIGRATION.RESTATE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        first, last = bare.index("PERFORM"), bare.index("INSERT")
        run_sql(bare[:first] + bare[last:])
        try:
            yield
        finally:
            run_sql(MIGRATION.RESTATE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))

    def succeed_both(self, invoice) -> Decimal:
        """Let the second begin while the first is written and not committed yet; return what is kept as open."""
        payments = [make_paid(invoice), make_paid(invoice, stripe_id="pi_again", kind="link")]
        for payment in payments:
            allocate(payment, invoice, "59.00")
        first, second = (give_back(payment, "10.00") for payment in payments)
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic():
                succeed(first)
                waiting = pool.submit(self.succeed_elsewhere, second)
                self.wait_until_it_waits()
            waiting.result(10)
        return open_amount(invoice)

    def succeed_elsewhere(self, refund) -> None:
        try:
            succeed(refund)
        finally:
            connections.close_all()

    def wait_until_it_waits(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
                )
                if cursor.fetchone():
                    return
            time.sleep(0.02)
        raise AssertionError("the second does not wait for the first")

    def test_lose_one_when_the_lock_is_off(self, invoice):
        with self.no_lock():
            kept = self.succeed_both(invoice)

        # 119.00 − 118.00 + 10.00, and the other 10.00 is forgotten.
        assert kept == 11
        assert problems() == [(f"document {invoice.pk}", "11.000000 is kept as open, and it adds up to 21.000000")]

    def test_are_both_counted(self, invoice):
        assert self.succeed_both(invoice) == 21
        assert problems() == []
