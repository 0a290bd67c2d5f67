"""Two collections at once, and workers killed between Stripe's answer and our commit."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from unittest import mock

import pytest
from django.db import IntegrityError, connection, connections
from django.db.models import QuerySet

from apps.payments import gateway
from apps.payments.domain.status import PaymentStatus
from apps.payments.models import Allocation, Payment, PaymentOperation
from apps.payments.outcomes import IntentSnapshot
from apps.payments.sandbox import FaultKind
from apps.payments.selectors import payment_state
from apps.payments.services import collection, driver, methods, syncing
from apps.payments.waiting import due_operation_ids

from .conftest import BACK, CANCEL, MINUTE, NOON, assert_clean, charges, collect, journals

pytestmark = pytest.mark.django_db(transaction=True)

CHILD = """
import django, sys
from datetime import datetime
django.setup()
from apps.payments.services import collection
collection.collect_invoice(invoice_id=int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2]))
"""


def at_once(invoice, *, times: int = 2) -> list[BaseException | None]:
    """Collect in several threads, all let go together; return what each raised."""
    ready = threading.Barrier(times)

    def run() -> None:
        try:
            ready.wait(10)
            collection.collect_invoice(invoice_id=invoice.pk, at=NOON)
        finally:
            gateway.forget_connections()
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return [future.exception() for future in [pool.submit(run) for _ in range(times)]]


class TestCollectTwiceAtOnce:
    def test_meets_the_constraint_when_the_lock_is_off(self, sandbox, invoice, card):
        """The race is real: without the lock both see no payment, and only the database refuses the second."""
        both_looked = threading.Barrier(2)
        ask = collection._ask_for_intent

        def ask_late(*args: object, **kwargs: object) -> PaymentOperation:
            both_looked.wait(10)
            return ask(*args, **kwargs)

        with (
            mock.patch.object(QuerySet, "select_for_update", lambda self, **_: self.all()),
            mock.patch.object(collection, "_ask_for_intent", ask_late),
        ):
            raised = at_once(invoice)

        assert sorted(type(error) for error in raised if error) == [IntegrityError]
        assert "payment_one_open_per_document_and_kind" in str([error for error in raised if error])

    def test_charges_once_and_nobody_fails(self, sandbox, seller, invoice, card):
        raised = at_once(invoice, times=4)

        assert raised == [None] * 4
        assert charges(sandbox) == [("succeeded", 11900)]
        assert Payment.objects.count() == 1
        assert Allocation.objects.count() == 1
        assert len(journals(seller)) == 2
        assert_clean()


class TestTwoClicksAtOnce:
    def test_lead_to_one_page(self, sandbox, customer):
        """Both calls are slowed down, so that the second click comes while the first one's are in flight."""
        for path in ("/v1/customers", "/v1/checkout/sessions"):
            sandbox.control.fault(FaultKind.SLOW, method="POST", path=path, seconds=0.3)

        def click() -> str:
            try:
                return methods.start_method_setup(customer_id=customer.pk, success_url=BACK, cancel_url=CANCEL, at=NOON)
            finally:
                gateway.forget_connections()
                connections.close_all()

        with ThreadPoolExecutor(3) as pool:
            urls = {future.result() for future in [pool.submit(click) for _ in range(3)]}

        assert [session["url"] for session in sandbox.control.objects("checkout.session")] == list(urls)
        assert len(sandbox.control.objects("customer")) == 1


class TestOlderSnapshot:
    def test_never_overwrites_a_newer_one(self, sandbox, seller, invoice, card):
        """A look that began before the charge is stored after it: the version has moved on, so it looks again."""
        payment = collect(invoice)
        old = IntentSnapshot(
            stripe_id=payment.stripe_id,
            status=PaymentStatus.REQUIRES_PAYMENT_METHOD,
            currency="EUR",
            amount=Decimal("119.00"),
            amount_received=Decimal("0.00"),
            livemode=False,
        )
        look, looked = syncing.look_at_intent, []

        def look_slowly(seen: Payment) -> IntentSnapshot:
            looked.append(seen.version)
            if len(looked) == 1:
                syncing.sync_payment(payment_id=seen.pk, at=NOON)
                return old
            return look(seen)

        with mock.patch.object(syncing, "look_at_intent", look_slowly):
            syncing.sync_payment(payment_id=payment.pk, at=NOON)

        payment.refresh_from_db()
        assert payment.status == "succeeded"
        assert len(looked) == 3


class TestKilled:
    @pytest.mark.parametrize("point", ["payments.before_call", "payments.after_call", "payments.after_commit"])
    def test_worker_is_made_up_for_by_the_janitor(self, sandbox, seller, invoice, card, point):
        """At the confirmation: the creation is driven first, so that its answer is not the one that is cut."""
        with stopped_before_confirmation():
            collect(invoice)
        killed = in_a_child(sandbox, invoice, failpoint=point)
        at = NOON
        while due_at := PaymentOperation.objects.filter(next_try_at__isnull=False).first():
            at = due_at.next_try_at
            for operation_id in due_operation_ids(at=at):
                driver.drive_operation(operation_id=operation_id, at=at)

        assert killed == -signal.SIGKILL
        assert at <= NOON + MINUTE
        assert charges(sandbox) == [("succeeded", 11900)]
        assert [a.amount.amount for a in Allocation.objects.all()] == [Decimal("119.00")]
        assert len(journals(seller)) == 2
        assert payment_state(invoice).state == "paid"
        assert_clean()

    def test_before_the_first_answer_leaves_one_intent(self, sandbox, seller, invoice, card):
        killed = in_a_child(sandbox, invoice, failpoint="payments.after_call")
        operation = PaymentOperation.objects.get(kind="create_intent")
        assert (killed, operation.status, operation.attempts) == (-signal.SIGKILL, "pending", 1)

        driver.drive_operation(operation_id=operation.pk, at=NOON + MINUTE)

        assert len(sandbox.control.objects("payment_intent")) == 1
        assert charges(sandbox) == [("succeeded", 11900)]
        assert payment_state(invoice).state == "paid"


def stopped_before_confirmation():
    """Let nothing follow on the creation of the intent: the confirmation is asked for and not driven."""
    claim = driver.claim_operation

    def claim_creation_only(*, operation_id: int, at) -> PaymentOperation | None:
        kind = PaymentOperation.objects.get(pk=operation_id).kind
        return None if kind == "confirm_intent" else claim(operation_id=operation_id, at=at)

    return mock.patch.object(driver, "claim_operation", claim_creation_only)


def in_a_child(sandbox, invoice, *, failpoint: str, program: str = CHILD) -> int:
    """Run a program on the test's database in a process that is killed at a fail-point; return its status."""
    database = connection.settings_dict
    environment = os.environ | {
        "FAILPOINT": failpoint,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings.test"),
        "DATABASE_URL": database_url(database),
        "STRIPE_SECRET_KEY": "sk_test_of_payments",
        "STRIPE_API_BASE": sandbox.url,
    }
    command = [sys.executable, "-c", program, str(invoice.pk), NOON.isoformat()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode < 0, done.stderr
    return done.returncode


def database_url(database: dict) -> str:
    """Name the test's database for a child. A socket's directory travels percent-encoded in the host."""
    host = database["HOST"].replace("/", "%2F")
    port = f":{database['PORT']}" if database["PORT"] else ""
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    return f"postgres://{database['USER']}{password}@{host}{port}/{database['NAME']}"
