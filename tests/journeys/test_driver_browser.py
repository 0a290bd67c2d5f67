"""A driver pays with a phone in the hand: a real browser, a real socket, hosted Checkout, worker and engine."""

import re
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.adhoc.services import watch_start
from apps.core import audit
from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.invoices.selectors import document_key
from apps.ocpp.simulator.charger import SimulatedCharger, Started
from apps.payments.models import Payment, PaymentAttempt
from apps.payments.sandbox import Control
from apps.sessions.models import ChargingSession
from apps.stations.models import StationCommand
from config.demo.telling import wait_for
from tests.journeys.browser import Phone
from tests.journeys.chargers import BesideTheTest, living
from tests.journeys.database import transactional_db

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
GOOD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
_IS_OFFLINE = re.compile("ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|htmx:(sendError|afterRequest|timeout)")
"""What a browser without a network writes down."""
START_TIMEOUT = timedelta(seconds=181)


def attempts_at(charger: BesideTheTest) -> Any:
    return PaymentAttempt.objects.filter(pay_code=charger.code)


def starts_of(identity: str, connector: int) -> Any:
    return StationCommand.objects.filter(
        station__identity=identity, action="RemoteStartTransaction", payload__connectorId=connector
    )


def intent_of(shared, attempt: PaymentAttempt) -> dict[str, Any]:
    """Return what Stripe has of an attempt's hold."""
    [intent] = [
        each
        for each in Control(shared.sandbox_url).objects("payment_intent")
        if each["id"] == Payment.objects.get(attempt=attempt).stripe_id
    ]
    return intent


async def accept_and_wait(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer as a charger does that waits for a car."""
    return {"status": "Accepted"}


async def reject(payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Rejected"}


async def start_late(charger: SimulatedCharger) -> Started:
    """Begin what was asked for long ago, and end it as a charger does that is told no."""
    _, asked = await charger.requests.get()
    at = timezone.now()
    started = await charger.start(asked["idTag"], at=at, meter_wh=88_000, connector=asked["connectorId"])
    await charger.stop(started.transaction_id, at=at, meter_wh=88_000, reason="DeAuthorized")
    return started


def ten_seconds_without_network(phone: Phone) -> tuple[str, str]:
    """Drive into a garage and out again while charging; return what the page says inside, and with new figures."""
    phone.lose_network()
    lost_at = time.monotonic()
    offline = wait_for("the note", lambda: said if "No connection." in (said := phone.text()) else None)
    time.sleep(max(0.0, 10 - (time.monotonic() - lost_at)))
    energy = phone.figure("Energy")
    phone.press("Stop charging")
    offline = phone.wait_for("Not stopped: no connection.")
    phone.shoot("3-offline")
    phone.find_network()
    phone.wait_for_figure("Energy", other_than=energy)
    new = [complaint for complaint in phone.complaints if not _IS_OFFLINE.search(complaint)]
    phone.complaints[:] = new
    again = wait_for("the note to go", lambda: said if "No connection." not in (said := phone.text()) else None)
    return offline, again


class TestADriver:
    def test_sees_the_price_pays_watches_stops_and_keeps_the_receipt(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "NORD-002", 1, power_w=50_000) as charger:
            phone.open(f"/c/{charger.code}/")
            price = phone.wait_for("€60.00 are reserved on your card")
            phone.shoot("1-price")
            phone.press("Pay and charge")
            phone.shoot("2-checkout")
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")
            phone.mark()
            energy = phone.wait_for_figure("Energy", other_than="0.000")
            cost = phone.figure("Cost so far")
            phone.shoot("3-charging")
            more_energy = phone.wait_for_figure("Energy", other_than=energy)
            more_cost = phone.figure("Cost so far")
            offline, again = ten_seconds_without_network(phone)
            assert phone.is_marked(), "the page was reloaded although it may run scripts"
            phone.press("Stop charging")
            phone.wait_for("Thank you")
            phone.shoot("4-thanks")
            charged, released = phone.figure("Charged"), phone.figure("Released")
            phone.press("Receipt and how the price comes about")
            attempt = wait_for("the capture", attempts_at(charger).filter(status="captured").first)
            key = document_key(attempt.receipt)
            document = wait_for("the receipt's file", Document.objects.filter(key=key).first)
            phone.open(f"/s/{attempt.token}/receipt/")
            receipt = phone.wait_for(attempt.receipt.number)
            phone.shoot("5-receipt")
            file = phone.save("Save the receipt (PDF)")

        assert "Depot Altona" in price
        assert re.search(r"0\.(49|59) €/kWh", price)
        assert Decimal(more_energy) > Decimal(energy) > 0
        assert Decimal(more_cost) > Decimal(cost) > 0
        assert re.search(r"You see how it stood at \d\d:\d\d:\d\d\.", offline)
        assert "Not stopped: no connection. Try again, or stop at the car." in offline
        assert "No connection." not in again
        assert Decimal(charged) == attempt.receipt.gross.amount == attempt.payment.amount_received.amount
        assert Decimal(charged) + Decimal(released) == attempt.hold_amount.amount
        assert re.search(r"€0\.(49|59) / kWh", receipt)
        assert file == bytes(document.content)
        assert file.startswith(b"%PDF")
        assert intent_of(shared, attempt)["amount_received"] == attempt.receipt.gross.amount * 100
        assert list(audit.find_violations()) == []

    def test_whose_card_is_declined_is_told_so_and_pays_with_another(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "NORD-001", 1, power_w=22_000) as charger:
            phone.open(f"/c/{charger.code}/")
            phone.press("Pay and charge")
            phone.type_card(DECLINED)
            said = phone.wait_for("declined")
            phone.shoot("declined")
            attempt = attempts_at(charger).get()
            assert attempt.status == "checkout_open"
            assert attempt.grant is None
            assert not starts_of("NORD-001", 1).exists()
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")

        assert "Your card was declined." in said
        assert attempts_at(charger).get().status == "authorised"
        assert ChargingSession.objects.filter(evse=attempt.evse).count() == 1
        assert list(audit.find_violations()) == []

    def test_who_hits_the_button_again_and_again_pays_once(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "NORD-001", 2, power_w=22_000) as charger:
            phone.open(f"/c/{charger.code}/")
            phone.press("Pay and charge", times=2)
            phone.wait_for("Card number")
            first = phone.address()
            phone.go_back()
            phone.press("Pay and charge")
            phone.wait_for("Card number")
            assert phone.address() == first
            phone.type_card(GOOD)
            phone.wait_for("Charging stops by itself")

        attempt = attempts_at(charger).get()
        control = Control(shared.sandbox_url)
        # Of two clicks at once Chromium sends one form or two; the one after coming back is sent for certain.
        assert phone.posts.count(f"{shared.web_url}/c/{charger.code}/") >= 2
        pages = [page["id"] for page in control.objects("checkout.session") if charger.code in page["cancel_url"]]
        assert pages == [attempt.checkout_session_id]
        assert Payment.objects.filter(attempt__evse=attempt.evse).count() == 1
        assert intent_of(shared, attempt)["status"] == "requires_capture"
        assert ChargingSession.objects.filter(evse=attempt.evse).count() == 1
        assert list(audit.find_violations()) == []

    def test_whose_charger_refuses_to_start_gets_the_money_back_and_is_told_why(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "RHEIN-001", 1) as charger:
            charger.charger.replies["RemoteStartTransaction"] = reject
            phone.open(f"/c/{charger.code}/")
            phone.press("Pay and charge")
            phone.type_card(GOOD)
            phone.wait_for("The charger is starting")
            attempt = attempts_at(charger).get()
            wait_for("the refusal", starts_of("RHEIN-001", 1).filter(status="rejected").first)
            watch_start(attempt_id=attempt.pk, at=timezone.now())
            said = phone.wait_for("Nothing was charged")
            phone.shoot("refused-by-the-charger")

        assert "The charger has refused to start." in said
        assert "The reservation of €60.00 is released." in said
        assert attempts_at(charger).get().status == "released"
        assert intent_of(shared, attempt)["status"] == "canceled"
        assert intent_of(shared, attempt)["amount_received"] == 0
        assert not Invoice.objects.filter(lines__cdr__session__evse=attempt.evse).exists()
        assert list(audit.find_violations()) == []

    def test_who_plugs_in_too_late_gets_the_money_back_and_no_current(self, shared, new_phone):
        phone = new_phone()

        with living(shared, "RHEIN-001", 2) as charger:
            charger.charger.replies["RemoteStartTransaction"] = accept_and_wait
            phone.open(f"/c/{charger.code}/")
            phone.press("Pay and charge")
            phone.type_card(GOOD)
            # Not only "Plug in the car", which the page of a start that is still to be granted says too.
            phone.wait_for("The charger is ready and waits until")
            phone.shoot("plug-in")
            attempt = attempts_at(charger).select_related("grant").get()
            watch_start(attempt_id=attempt.pk, at=timezone.now() + START_TIMEOUT)
            said = phone.wait_for("Nothing was charged")
            phone.shoot("not-started")
            late = charger.do(start_late(charger.charger))

        assert "No car was plugged in within three minutes." in said
        assert late.status == "Invalid"
        assert attempts_at(charger).get().status == "released"
        assert intent_of(shared, attempt)["status"] == "canceled"
        assert intent_of(shared, attempt)["amount_received"] == 0
        assert not Invoice.objects.filter(lines__cdr__session__evse=attempt.evse).exists()
        assert list(audit.find_violations()) == []

    def test_without_javascript_gets_from_the_price_to_the_receipt_in_german(self, shared, new_phone):
        phone = new_phone(language="de-DE", scripts=False)

        with living(shared, "RHEIN-002", 1, power_w=11_000, energy_wh=1_200) as charger:
            phone.open(f"/c/{charger.code}/")
            language, price = phone.language(), phone.wait_for("werden auf Ihrer Karte reserviert")
            phone.press("Bezahlen und laden")
            phone.type_card(GOOD)
            phone.wait_for("Es lädt")
            phone.shoot("german-charging")
            phone.wait_for("Vielen Dank")
            charged = phone.figure("Abgebucht")
            phone.press("Quittung und wie der Preis zustande kommt")
            receipt = phone.wait_for("REC-")
            phone.shoot("german-receipt")

        attempt = wait_for("the capture", attempts_at(charger).filter(status="captured").first)
        assert language == "de"
        assert "Messeparkhaus" in price
        assert "1,200 kWh" in receipt
        assert Decimal(charged.replace(",", ".")) == attempt.receipt.gross.amount
        assert attempt.language == "de"
        assert list(audit.find_violations()) == []
