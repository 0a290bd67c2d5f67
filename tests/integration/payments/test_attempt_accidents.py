"""Captures, pages and releases at once, workers killed in between, and histories of faults: one capture, true books."""

import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from django.db import IntegrityError, connections
from django.db.models import QuerySet

from apps.payments import gateway
from apps.payments.models import Allocation, Payment, PaymentAttempt, PaymentOperation
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.services import attempts, captures, refunds
from apps.payments.services.attempts import CheckoutUnavailable, NotReleasable

from .conftest import GOOD, MINUTE, NOON
from .drivers import (
    assert_captured_once,
    calls,
    capture,
    janitor,
    make_attempt,
    open_page,
    pay,
    posts,
    receipt_of,
    release,
    sync,
    until_settled,
    violations,
)
from .test_accidents import in_a_child

CAPTURING_CHILD = """
import django, sys
from datetime import datetime
django.setup()
from apps.payments.services import captures
captures.capture_receipt(receipt_id=int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2]))
"""
REFUNDING_CHILD = """
import django, sys
from datetime import datetime
django.setup()
from apps.payments.services import refunds
refunds.refund_document(document_id=int(sys.argv[1]), reason="x", by=None, at=datetime.fromisoformat(sys.argv[2]))
"""


def together(*deeds: Callable[[], object]) -> list[object]:
    """Do several things in threads, all let go together; return what each gave or raised."""
    ready = threading.Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> object:
        try:
            ready.wait(10)
            return deed()
        except Exception as error:
            return error
        finally:
            gateway.forget_connections()
            connections.close_all()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return [future.result() for future in [pool.submit(run, deed) for deed in deeds]]


@pytest.mark.django_db(transaction=True)
class TestCaptureAtOnce:
    def test_and_released_both_go_through_when_the_lock_is_off(self, sandbox, site):
        """The race is real: without the lock both see an authorised hold; at best the database stops one of them."""
        attempt = pay(make_attempt(site))
        receipt = receipt_of(attempt, site)
        both_looked = threading.Barrier(2)

        def late(decide: Callable[..., PaymentOperation | None]) -> Callable[..., PaymentOperation | None]:
            def wait(*args: object, **kwargs: object) -> PaymentOperation | None:
                both_looked.wait(10)
                return decide(*args, **kwargs)

            return wait

        with (
            mock.patch.object(QuerySet, "select_for_update", lambda self, **_: self.all()),
            mock.patch.object(captures, "_decide", late(captures._decide)),
            mock.patch.object(attempts, "go_on_releasing", late(attempts.go_on_releasing)),
        ):
            outcomes = together(lambda: capture(receipt), lambda: release(attempt))

        assert both_looked.n_waiting == 0
        assert not both_looked.broken
        assert {type(outcome) for outcome in outcomes} <= {PaymentAttempt, IntegrityError}

    def test_is_done_once_and_nobody_fails(self, sandbox, site):
        attempt = pay(make_attempt(site))
        receipt = receipt_of(attempt, site)

        outcomes = together(*[lambda: capture(receipt)] * 4)

        assert [type(outcome) for outcome in outcomes] == [PaymentAttempt] * 4
        assert len(posts(sandbox, "/capture")) == 1
        assert_captured_once(sandbox, attempt, receipt)

    def test_and_released_ends_in_one_of_the_two(self, sandbox, site):
        attempt = pay(make_attempt(site))
        receipt = receipt_of(attempt, site)

        outcomes = together(lambda: capture(receipt), lambda: release(attempt))

        attempt.refresh_from_db()
        assert (attempt.status, isinstance(outcomes[1], NotReleasable)) in [("captured", True), ("released", False)]
        assert len(posts(sandbox, "/capture")) + len(posts(sandbox, "/cancel")) == 1


@pytest.mark.django_db(transaction=True)
class TestPageAtOnce:
    def test_is_opened_once_by_two_tabs(self, sandbox, site):
        attempt = make_attempt(site)
        sandbox.control.fault(FaultKind.SLOW, method="POST", path="/v1/checkout/sessions", seconds=0.3)

        urls = together(*[lambda: open_page(attempt)] * 3)

        assert [session["url"] for session in sandbox.control.objects("checkout.session")] == list(set(urls))

    def test_is_authorised_once_by_everyone_who_looks(self, sandbox, site):
        attempt = make_attempt(site)
        complete_checkout(open_page(attempt), GOOD)

        statuses = together(*[lambda: sync(attempt).status] * 4)

        assert statuses == ["authorised"] * 4

    def test_is_one_attempt_for_one_button_hit_twice(self, sandbox, site):
        made = together(*[lambda: make_attempt(site, page_key="shown-1").pk] * 3)

        assert len(set(made)) == PaymentAttempt.objects.count() == Payment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestKilled:
    @pytest.mark.parametrize("point", ["payments.before_call", "payments.after_call", "payments.after_commit"])
    def test_at_the_capture_is_made_up_for_by_the_janitor(self, sandbox, site, point):
        attempt = pay(make_attempt(site))
        receipt = receipt_of(attempt, site)

        killed = in_a_child(sandbox, receipt, failpoint=point, program=CAPTURING_CHILD)
        left = calls("capture_intent")
        janitor(NOON + MINUTE)

        assert killed == -signal.SIGKILL
        assert left == [("capture_intent", "done" if point == "payments.after_commit" else "pending", 1)]
        assert len(set(posts(sandbox, "/capture"))) == 1
        assert_captured_once(sandbox, attempt, receipt)

    def test_at_the_refund_is_made_up_for_by_the_janitor(self, sandbox, site):
        receipt = receipt_of(pay(make_attempt(site)), site)
        capture(receipt)

        killed = in_a_child(sandbox, receipt, failpoint="payments.after_call", program=REFUNDING_CHILD)
        janitor(NOON + MINUTE)

        assert killed == -signal.SIGKILL
        assert [refund["amount"] for refund in sandbox.control.objects("refund")] == [1000]
        assert calls("create_refund") == [("create_refund", "done", 2)]
        assert violations() == []


FAULTS = [FaultKind.DROP_ANSWER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.TOO_MANY]
PATHS = ["/v1/checkout/sessions", "/v1/payment_intents", "/v1/refunds"]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(15))
class TestHistory:
    def test_of_faults_ends_in_one_capture_and_one_refund(self, sandbox, site, seed):
        dice = random.Random(seed)
        attempt = make_attempt(site)
        self.strew(sandbox, dice)
        try:
            open_page(attempt)
        except CheckoutUnavailable:
            until_settled(sandbox)
        attempt.refresh_from_db()
        if attempt.status == "payment_failed":
            # The page's own end was near when the janitor came at last; nothing was ever held.
            assert sandbox.control.objects("payment_intent") == []
            return
        sandbox.control.clear_faults()
        complete_checkout(attempt.checkout_url, GOOD)
        sync(attempt)
        receipt = receipt_of(attempt, site)

        self.strew(sandbox, dice)
        capture(receipt)
        until_settled(sandbox)
        assert_captured_once(sandbox, attempt, receipt)

        self.strew(sandbox, dice)
        refunds.refund_document(document_id=receipt.pk, reason="x", by=None, at=NOON)
        until_settled(sandbox)
        assert [refund["amount"] for refund in sandbox.control.objects("refund")] == [1000]
        assert Allocation.objects.count() == 1
        assert violations() == []

    @staticmethod
    def strew(sandbox, dice: random.Random) -> None:
        """Put zero to three random faults in the way of the next calls, looks among them."""
        sandbox.control.clear_faults()
        for _ in range(dice.randint(0, 3)):
            sandbox.control.fault(
                dice.choice(FAULTS), method=dice.choice(["POST", "GET"]), path=dice.choice(PATHS), times=1
            )
