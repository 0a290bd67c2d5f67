"""Stripe's events about a driver's payment come never, twice, before the driver or long after: it is all one."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from django.utils import timezone

from apps.payments.models import PaymentAttempt, StripeEvent
from apps.payments.sandbox import Control
from apps.payments.services.attempts import sync_attempt
from apps.payments.waiting import PAGE_RESYNC_AFTER, stale_attempt_ids
from config.demo.telling import wait_for
from config.demo.visitor import Visitor
from tests.journeys.database import transactional_db
from tests.journeys.paying import Place, assert_started_and_captured_once, beside_the_charger, wait_for_capture

__all__ = ["transactional_db"]
ALL = 1_000_000


@pytest.fixture
def control(shared) -> Iterator[Control]:
    control = Control(shared.sandbox_url)
    yield control
    control.drop_webhooks(0)
    control.duplicate_webhooks(0)
    control.release_webhooks()


async def charge(place: Place, pay) -> PaymentAttempt:
    """Pay as told and charge."""
    charger = place.charger()
    await place.plug_in(charger)
    attempt = await beside_the_charger(pay)
    started = await asyncio.wait_for(place.start(charger), timeout=60)
    await place.finish(charger, started.transaction_id)
    return attempt


def has_grant(attempt: PaymentAttempt) -> PaymentAttempt | None:
    return PaymentAttempt.objects.filter(pk=attempt.pk, grant__isnull=False).first()


class TestEventsAboutADriversPayment:
    def test_are_not_needed_when_the_driver_comes_back(self, shared, control):
        place = Place(running=shared, identity="NORD-001", connector=1)
        control.drop_webhooks(ALL)

        attempt = asyncio.run(charge(place, place.pay))

        wait_for_capture(attempt)
        assert not StripeEvent.objects.filter(payload__data__object__id=attempt.payment.stripe_id).exists()
        assert_started_and_captured_once(shared, attempt)

    def test_are_not_needed_when_the_driver_never_does(self, shared, control):
        place = Place(running=shared, identity="NORD-001", connector=2)
        control.drop_webhooks(ALL)

        def pay_and_be_swept() -> PaymentAttempt:
            attempt = place.pay(comes_back=False)
            at = timezone.now() + PAGE_RESYNC_AFTER
            assert attempt.status == "checkout_open"
            assert stale_attempt_ids(at=at) == [attempt.pk]
            return sync_attempt(attempt_id=attempt.pk, at=at)

        attempt = asyncio.run(charge(place, pay_and_be_swept))

        wait_for_capture(attempt)
        assert_started_and_captured_once(shared, attempt)

    def test_start_the_charge_of_a_driver_who_never_comes_back(self, shared, control):
        place = Place(running=shared, identity="NORD-002")

        attempt = asyncio.run(charge(place, lambda: place.pay(comes_back=False)))

        wait_for_capture(attempt)
        assert_started_and_captured_once(shared, attempt)

    def test_may_come_before_the_driver_does(self, shared, control):
        place = Place(running=shared, identity="RHEIN-001", connector=1)

        def pay_and_come_back_late() -> PaymentAttempt:
            attempt = place.pay(comes_back=False)
            return wait_for("the start", lambda: has_grant(attempt))

        attempt = asyncio.run(charge(place, pay_and_come_back_late))
        wait_for_capture(attempt)
        page = Visitor(shared.web_url).get(f"/s/{attempt.token}/return/").text

        assert "Thank you" in page
        assert_started_and_captured_once(shared, attempt)

    def test_may_come_twice(self, shared, control):
        place = Place(running=shared, identity="RHEIN-001", connector=2)
        control.duplicate_webhooks(ALL)

        attempt = asyncio.run(charge(place, place.pay))

        wait_for_capture(attempt)
        control.wait_for_webhooks()
        times = Counter(delivery["event"] for delivery in control.webhooks()["deliveries"])
        assert max(times.values()) == 2
        assert_started_and_captured_once(shared, attempt)

    def test_may_come_when_all_is_over_and_in_the_wrong_order(self, shared, control):
        place = Place(running=shared, identity="RHEIN-002")
        control.hold_webhooks()
        attempt = asyncio.run(charge(place, place.pay))
        wait_for_capture(attempt)

        told = control.release_webhooks(order="reversed")

        control.wait_for_webhooks()
        wait_for("all events", lambda: None if StripeEvent.objects.filter(processed_at__isnull=True).exists() else True)
        assert told >= 3
        attempt.refresh_from_db()
        assert attempt.status == "captured"
        assert_started_and_captured_once(shared, attempt)
