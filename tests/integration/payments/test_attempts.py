"""A driver pays before charging: whichever way the news of it comes, the money is held once, and given back once."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import transaction
from django.test import Client

from apps.core.clock import now
from apps.payments.models import Payment, PaymentAttempt, PaymentOperation, StripeEvent
from apps.payments.sandbox import FaultKind, complete_checkout
from apps.payments.sandbox.browser import CheckoutRefused
from apps.payments.sandbox.webhooks import signature
from apps.payments.services import attempts, events
from apps.payments.services.attempts import AttemptOver, CheckoutUnavailable, NotReleasable
from apps.payments.services.operations import WrongMode
from apps.payments.services.projection import StripeUnreachable
from apps.payments.waiting import due_event_ids, overdue_attempt_ids, stale_attempt_ids
from tests.factories import make_grant, make_owner, make_site

from .conftest import DECLINES_AT_ENTRY, DECLINES_LATER, GOOD, MINUTE, NOON, SECRET, charges
from .drivers import (
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
    violations,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("apps.payments.urls")]

TEN_MINUTES = 10 * MINUTE
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def rung(monkeypatch) -> list[tuple[str, int]]:
    """What rang, in order."""
    heard: list[tuple[str, int]] = []
    for module in ("apps.payments.services.attempts", "apps.payments.services.holds"):
        monkeypatch.setattr(f"{module}.ring_on_commit", lambda bell, **ids: heard.append((bell, ids["id"])))
    return heard


@pytest.fixture
def attempt(sandbox, site) -> PaymentAttempt:
    return make_attempt(site)


def hear(event: dict) -> None:
    """Receive a webhook and process it."""
    body = json.dumps(event).encode()
    signed = signature(body, SECRET, at=int(time.time()))
    headers = {"Stripe-Signature": signed}
    response = Client().post("/webhooks/stripe/", body, content_type="application/json", headers=headers)
    assert response.status_code == 200
    at = now()
    for event_id in due_event_ids(at=at):
        events.process_event(event_id=event_id, at=at)


def told(sandbox, *types: str) -> list[dict]:
    """Return what Stripe would tell, of these types or all, in order."""
    events_told = sandbox.control.objects("event")
    return [event for event in events_told if not types or event["type"] in types]


class TestPaying:
    def test_holds_the_amount_on_a_page_for_cards_alone(self, sandbox, site, attempt):
        url = open_page(attempt)

        (session,) = sandbox.control.objects("checkout.session")
        assert (url, session["amount_total"], session["currency"]) == (session["url"], 2500, "eur")
        assert (session["allowed_payment_method_types"], session["locale"]) == (["card"], "en")
        assert attempt.token not in json.dumps(session)
        attempt.refresh_from_db()
        assert (attempt.status, attempt.checkout_session_id) == ("checkout_open", session["id"])

        complete_checkout(url, GOOD)
        sync(attempt)

        payment = Payment.objects.get()
        (intent,) = sandbox.control.objects("payment_intent")
        assert (payment.kind, payment.status, payment.stripe_id) == ("hold", "requires_capture", intent["id"])
        assert (payment.amount.amount, payment.amount_capturable) == (Decimal("25.00"), Decimal("25.00"))
        assert payment.amount_received.amount == 0
        (held,) = sandbox.control.objects("charge")
        capture_before = held["payment_method_details"]["card"]["capture_before"]
        assert payment.capture_before == datetime.fromtimestamp(capture_before, UTC)
        assert violations() == []

    @pytest.mark.parametrize("order", list(permutations(["page", "session", "intent"])))
    def test_is_authorised_once_by_page_and_webhooks_in_any_order_and_twice(self, sandbox, site, attempt, rung, order):
        complete_checkout(open_page(attempt), GOOD)
        news = {
            "page": lambda: sync(attempt),
            "session": lambda: hear(told(sandbox, "checkout.session.completed")[0]),
            "intent": lambda: hear(told(sandbox, "payment_intent.amount_capturable_updated")[0]),
        }

        for name in [*order, *order]:
            news[name]()

        attempt.refresh_from_db()
        assert attempt.status == "authorised"
        assert rung == [("attempt.authorised", attempt.pk)]
        assert calls() == [("create_payment_session", "done", 1)]
        assert StripeEvent.objects.filter(seller=site.owner, processed_at__isnull=False).count() == 2

    def test_is_found_by_looking_when_driver_and_webhook_are_lost(self, sandbox, attempt, rung):
        complete_checkout(open_page(attempt), GOOD)
        assert stale_attempt_ids(at=NOON + timedelta(seconds=59)) == []
        assert stale_attempt_ids(at=NOON + MINUTE) == [attempt.pk]

        sync(attempt, at=NOON + MINUTE)

        assert rung == [("attempt.authorised", attempt.pk)]
        assert stale_attempt_ids(at=NOON + 2 * MINUTE) == []
        assert stale_attempt_ids(at=NOON + timedelta(hours=2)) == [attempt.pk]

    @pytest.mark.parametrize("number", [DECLINES_AT_ENTRY, DECLINES_LATER])
    def test_goes_on_after_a_decline(self, sandbox, attempt, rung, number):
        url = open_page(attempt)

        with pytest.raises(CheckoutRefused):
            complete_checkout(url, number)
        sync(attempt)
        attempt.refresh_from_db()
        assert attempt.status == "checkout_open"
        assert attempt.failure_message == (
            "The card was declined and nothing was charged. Please try again or use another card."
        )
        assert rung == []

        complete_checkout(url, GOOD)
        sync(attempt)

        attempt.refresh_from_db()
        assert (attempt.status, attempt.failure_code, attempt.failure_message) == ("authorised", "", "")
        assert [status for status, _ in charges(sandbox)] == ["failed", "succeeded"]
        assert rung == [("attempt.authorised", attempt.pk)]

    def test_asks_stripe_for_one_page_however_often_the_button_is_hit(self, sandbox, site):
        first = make_attempt(site, page_key="shown-1")
        second = make_attempt(site, page_key="shown-1")

        assert first == second
        assert open_page(first) == open_page(second)
        assert len(sandbox.control.objects("checkout.session")) == 1
        assert make_attempt(site, page_key="shown-2") != first

    def test_opens_no_page_once_it_is_paid(self, sandbox, attempt):
        pay(attempt)

        with pytest.raises(AttemptOver):
            open_page(attempt)

    def test_a_free_charge_is_authorised_without_stripe(self, sandbox, site, rung):
        attempt = make_attempt(site, Decimal(0))

        assert (attempt.status, rung) == ("authorised", [("attempt.authorised", attempt.pk)])
        assert not Payment.objects.exists()
        assert sandbox.control.requests() == []

    def test_with_a_yen_tariff_holds_whole_yen(self, sandbox, db):
        site = make_site(owner=make_owner(currency="JPY"), tax_included=True)
        attempt = pay(make_attempt(site, Decimal(4000), language="ja"))

        assert attempt.status == "authorised"
        assert sandbox.control.objects("payment_intent")[0]["amount"] == 4000
        assert sandbox.control.objects("checkout.session")[0]["locale"] == "auto"


class TestPageTrouble:
    @pytest.mark.parametrize("kind", [FaultKind.DROP_ANSWER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER])
    def test_says_so_and_the_janitor_opens_one_to_be_used(self, sandbox, attempt, kind):
        sandbox.control.fault(kind, method="POST", path=SESSIONS)

        with pytest.raises(CheckoutUnavailable):
            open_page(attempt)
        janitor(NOON + MINUTE)
        url = open_page(attempt, at=NOON + MINUTE)

        complete_checkout(url, GOOD)
        assert sync(attempt).status == "authorised"
        assert violations() == []

    def test_a_page_that_stripe_refuses_fails_the_attempt(self, sandbox, site):
        """0.10 EUR is below what Stripe takes."""
        attempt = make_attempt(site, Decimal("0.10"))

        with pytest.raises(AttemptOver):
            open_page(attempt)

        attempt.refresh_from_db()
        assert (attempt.status, attempt.failure_code) == ("payment_failed", "amount_too_small")
        assert attempt.payment.status == "canceled"
        assert calls() == [("create_payment_session", "rejected", 1)]
        assert violations() == []

    def test_of_the_other_mode_is_left_alone(self, sandbox, attempt, settings):
        open_page(attempt)
        settings.STRIPE_SECRET_KEY = "sk_live_of_nobody"

        with pytest.raises(WrongMode):
            sync(attempt)

    def test_a_look_without_an_answer_changes_nothing(self, sandbox, attempt, rung):
        complete_checkout(open_page(attempt), GOOD)
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="GET", path=SESSIONS)

        with pytest.raises(StripeUnreachable):
            sync(attempt)

        attempt.refresh_from_db()
        assert (attempt.status, rung) == ("checkout_open", [])


class TestExpiry:
    def test_closes_a_page_that_nobody_paid_on_in_ten_minutes(self, sandbox, attempt):
        url = open_page(attempt)
        just_before = NOON + TEN_MINUTES - timedelta(seconds=1)
        assert overdue_attempt_ids(at=just_before, older_than=TEN_MINUTES) == []
        assert attempts.expire_checkout(attempt_id=attempt.pk, at=just_before).status == "checkout_open"
        assert overdue_attempt_ids(at=NOON + TEN_MINUTES, older_than=TEN_MINUTES) == [attempt.pk]

        expired = attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + TEN_MINUTES)

        assert (expired.status, expired.ended_at, expired.checkout_url) == (
            "checkout_expired",
            NOON + TEN_MINUTES,
            "",
        )
        with pytest.raises(CheckoutRefused, match="expired"):
            complete_checkout(url, GOOD)
        assert expired.payment.status == "canceled"
        assert overdue_attempt_ids(at=NOON + TEN_MINUTES, older_than=TEN_MINUTES) == []
        assert violations() == []

    def test_after_a_decline_takes_the_intent_along(self, sandbox, attempt):
        with pytest.raises(CheckoutRefused):
            complete_checkout(open_page(attempt), DECLINES_LATER)

        expired = attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + TEN_MINUTES)

        assert (expired.status, expired.payment.status) == ("checkout_expired", "canceled")
        assert sandbox.control.objects("payment_intent")[0]["status"] == "canceled"

    def test_finds_a_driver_who_paid_in_the_same_moment(self, sandbox, attempt, rung):
        complete_checkout(open_page(attempt), GOOD)

        paid = attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + TEN_MINUTES)

        assert paid.status == "authorised"
        assert rung == [("attempt.authorised", attempt.pk)]
        assert calls("expire_session") == [("expire_session", "rejected", 1)]

    def test_closes_an_attempt_without_a_page(self, sandbox, attempt):
        closed = attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + TEN_MINUTES)

        assert (closed.status, closed.payment.status) == ("checkout_expired", "canceled")
        assert sandbox.control.requests() == []

    @pytest.mark.parametrize("kind", list(FaultKind)[:4])
    def test_survives_the_network(self, sandbox, attempt, kind):
        open_page(attempt)
        sandbox.control.fault(kind, method="POST", path=SESSIONS)

        attempts.expire_checkout(attempt_id=attempt.pk, at=NOON + TEN_MINUTES)
        janitor(NOON + TEN_MINUTES + MINUTE)
        janitor(NOON + TEN_MINUTES + 2 * MINUTE)

        attempt.refresh_from_db()
        assert attempt.status == "checkout_expired"
        assert violations() == []

    def test_by_stripe_itself_is_heard_of(self, sandbox, attempt):
        open_page(attempt)
        sandbox.control.advance_clock(2 * 3600)

        hear(told(sandbox, "checkout.session.expired")[0])

        attempt.refresh_from_db()
        assert attempt.status == "checkout_expired"


class TestRelease:
    def test_cancels_a_hold(self, sandbox, attempt):
        pay(attempt)

        released = release(attempt, reason="Somebody else was first.")

        assert (released.status, released.release_reason) == ("released", "Somebody else was first.")
        assert (released.payment.status, released.payment.amount_capturable) == ("canceled", 0)
        assert sandbox.control.objects("charge")[0]["refunded"] is True
        assert release(attempt, reason="again").release_reason == "Somebody else was first."
        assert calls("cancel_intent") == [("cancel_intent", "done", 1)]
        assert violations() == []

    def test_closes_an_open_page(self, sandbox, attempt):
        open_page(attempt)

        assert release(attempt).status == "released"
        assert calls("expire_session", "cancel_intent") == [("expire_session", "done", 1)]

    def test_closes_the_page_and_cancels_the_hold_of_who_paid_meanwhile(self, sandbox, attempt, rung):
        complete_checkout(open_page(attempt), GOOD)

        released = release(attempt)

        assert (released.status, rung) == ("released", [])
        assert calls("expire_session", "cancel_intent") == [
            ("expire_session", "rejected", 1),
            ("cancel_intent", "done", 1),
        ]
        assert sandbox.control.objects("payment_intent")[0]["status"] == "canceled"

    def test_of_nothing_at_stripe_is_at_once(self, sandbox, site, attempt):
        assert release(attempt).status == "released"
        assert release(make_attempt(site, Decimal(0))).status == "released"
        assert sandbox.control.requests() == []

    def test_waits_for_a_page_that_may_have_been_made(self, sandbox, attempt):
        sandbox.control.fault(FaultKind.DROP_ANSWER, method="POST", path=SESSIONS)
        with pytest.raises(CheckoutUnavailable):
            open_page(attempt)

        assert release(attempt).status == "releasing"
        janitor(NOON + MINUTE)

        attempt.refresh_from_db()
        assert attempt.status == "released"
        assert [session["status"] for session in sandbox.control.objects("checkout.session")] == ["expired"]

    def test_does_not_open_a_second_page_to_close_it(self, sandbox, attempt):
        sandbox.control.fault(FaultKind.ERROR_BEFORE, method="POST", path=SESSIONS)
        with pytest.raises(CheckoutUnavailable):
            open_page(attempt)

        release(attempt)
        janitor(NOON + MINUTE)

        attempt.refresh_from_db()
        assert attempt.status == "released"
        assert len(posts(sandbox, "/sessions")) == 1

    @pytest.mark.parametrize("kind", list(FaultKind)[:4])
    def test_survives_the_network(self, sandbox, attempt, kind):
        pay(attempt)
        sandbox.control.fault(kind, method="POST", path="/v1/payment_intents/pi_")

        assert release(attempt).status == "releasing"
        janitor(NOON + MINUTE)

        attempt.refresh_from_db()
        assert attempt.status == "released"
        assert len(set(posts(sandbox, "/cancel"))) == (2 if kind == FaultKind.ERROR_BEFORE else 1)
        assert violations() == []

    def test_is_refused_once_the_money_is_taken(self, sandbox, site, attempt):
        pay(attempt)
        capture(receipt_of(attempt, site))

        with pytest.raises(NotReleasable):
            release(attempt)
        attempt.refresh_from_db()
        assert attempt.status == "captured"

    def test_and_an_event_of_it_change_nothing_more(self, sandbox, attempt):
        pay(attempt)
        release(attempt)

        for event in told(sandbox):
            hear(event)

        attempt.refresh_from_db()
        assert attempt.status == "released"
        assert not PaymentOperation.objects.exclude(status="done").exists()


class TestCanceledElsewhere:
    def test_is_told_and_ends_the_hold(self, sandbox, attempt):
        pay(attempt)
        sandbox.control.advance_clock(8 * 24 * 3600)

        hear(told(sandbox, "payment_intent.canceled")[0])

        attempt.refresh_from_db()
        assert (attempt.status, attempt.payment.status) == ("hold_expired", "canceled")
        assert release(attempt).status == "hold_expired"


class TestGrant:
    def test_is_noted_once(self, sandbox, site, attempt):
        pay(attempt)
        grant = make_grant(site=site, evse=site.evse, limit_amount=Decimal("25.00"))
        attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
        attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)

        attempt.refresh_from_db()
        assert attempt.grant == grant

    def test_is_refused_before_the_money_stands(self, sandbox, site, attempt):
        grant = make_grant(site=site, evse=site.evse, limit_amount=Decimal("25.00"))

        with pytest.raises(AttemptOver), transaction.atomic():
            attempts.set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
        attempt.refresh_from_db()
        assert attempt.grant is None
