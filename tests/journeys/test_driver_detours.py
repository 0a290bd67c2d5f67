"""What comes between a driver and the charge: the bank's question, an expired page, two tabs, somebody faster."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.core import audit
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.sandbox import Control
from apps.payments.services.attempts import expire_checkout
from apps.sessions.models import ChargingSession
from tests.journeys.browser import Phone
from tests.journeys.chargers import BesideTheTest, living
from tests.journeys.database import transactional_db

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
GOOD = "4242 4242 4242 4242"
ASKED_BY_ITS_BANK = "4000 0000 0000 3220"
LEFT_OPEN = timedelta(minutes=11)


def to_checkout(phone: Phone, charger: BesideTheTest) -> None:
    phone.open(f"/c/{charger.code}/")
    phone.press("Pay and charge")
    phone.wait_for("Card number")


def attempts_at(charger: BesideTheTest) -> list[PaymentAttempt]:
    return list(PaymentAttempt.objects.filter(pay_code=charger.code).order_by("pk"))


def holds_of(shared, attempts: list[PaymentAttempt]) -> list[Any]:
    """Return how each attempt's money stands at Stripe; None: there is nothing of it."""
    intents = {each["id"]: each["status"] for each in Control(shared.sandbox_url).objects("payment_intent")}
    return [intents.get(Payment.objects.get(attempt=attempt).stripe_id) for attempt in attempts]


class TestADriverWhoseBankAsks:
    def test_says_yes_and_charges(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "NORD-001", 1, power_w=22_000) as charger:
            to_checkout(phone, charger)
            phone.type_card(ASKED_BY_ITS_BANK)
            phone.wait_for("Your bank asks")
            [waiting] = attempts_at(charger)
            before = waiting.status
            phone.press("Complete authentication")
            phone.wait_for("Charging stops by itself")

        assert before == "checkout_open"
        attempts = attempts_at(charger)
        assert [each.status for each in attempts] == ["authorised"]
        assert holds_of(shared, attempts) == ["requires_capture"]
        assert list(audit.find_violations()) == []

    def test_says_no_is_told_so_and_pays_with_another_card(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "NORD-001", 2, power_w=22_000) as charger:
            to_checkout(phone, charger)
            phone.type_card(ASKED_BY_ITS_BANK)
            phone.wait_for("Your bank asks")
            phone.press("Fail authentication")
            phone.wait_for("unable to authenticate your payment method")
            refused = attempts_at(charger)
            sessions = ChargingSession.objects.filter(evse=refused[0].evse).count()
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")

        assert [each.status for each in refused] == ["checkout_open"]
        assert sessions == 0
        assert [each.status for each in attempts_at(charger)] == ["authorised"]
        assert list(audit.find_violations()) == []


class TestADriverWhoLeftThePageOpen:
    def test_is_told_that_it_has_expired_and_pays_on_a_new_one(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "RHEIN-001", 1, power_w=11_000) as charger:
            to_checkout(phone, charger)
            [left] = attempts_at(charger)
            expire_checkout(attempt_id=left.pk, at=timezone.now() + LEFT_OPEN)
            phone.type_card(GOOD)
            phone.wait_for("This page has expired")
            phone.follow("Back")
            said = phone.wait_for("are reserved on your card")
            phone.shoot("after-an-expired-page")
            phone.press("Pay and charge")
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")

        assert "Pay and charge" in said
        attempts = attempts_at(charger)
        assert [each.status for each in attempts] == ["checkout_expired", "authorised"]
        assert holds_of(shared, attempts) == [None, "requires_capture"]
        assert ChargingSession.objects.filter(evse=left.evse).count() == 1
        assert list(audit.find_violations()) == []


class TestADriverWithTwoTabs:
    def test_pays_once(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "RHEIN-001", 2, power_w=11_000) as charger:
            to_checkout(phone, charger)
            other = phone.tab()
            to_checkout(other, charger)
            assert other.address() == phone.address()
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")
            other.type_card(GOOD)
            other.wait_for("You are all done here")
            other.open(f"/c/{charger.code}/")
            said = other.wait_for("You have paid for a charge here.")
            other.shoot("paid-in-another-tab")
            other.press("To my charge")
            other.wait_for("Charging stops by itself")

        assert "Pay and charge" not in said
        attempts = attempts_at(charger)
        assert [each.status for each in attempts] == ["authorised"]
        assert holds_of(shared, attempts) == ["requires_capture"]
        assert list(audit.find_violations()) == []


class TestTwoDriversAtOneConnector:
    def test_the_first_who_pays_charges_and_the_other_gets_the_money_back_and_is_told(self, shared, new_phone):
        first, second = new_phone(), new_phone(language="de-DE")

        with living(shared, "RHEIN-002", 1, power_w=11_000) as charger:
            to_checkout(first, charger)
            second.open(f"/c/{charger.code}/")
            second.press("Bezahlen und laden")
            second.wait_for("Card number")
            first.type_card(GOOD)
            first.wait_for("Charging stops by itself")
            second.type_card(GOOD)
            second.wait_for("gerade vor Ihnen")
            second.shoot("somebody-was-faster")

        attempts = attempts_at(charger)
        assert [each.status for each in attempts] == ["authorised", "released"]
        assert holds_of(shared, attempts) == ["requires_capture", "canceled"]
        assert Decimal(0) == Payment.objects.get(attempt=attempts[1]).amount_received.amount
        assert ChargingSession.objects.filter(evse=attempts[0].evse).count() == 1
        assert list(audit.find_violations()) == []
