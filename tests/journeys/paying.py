"""A driver who pays at a charger with a browser that runs no script, and what must hold afterwards."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, TypeVar

from django.db import connections

from apps.core import audit
from apps.ocpp.simulator.charger import SimulatedCharger, Started
from apps.payments.models import PaymentAttempt
from apps.payments.sandbox import Control, complete_checkout
from apps.sessions.models import Cdr, ChargingSession
from apps.stations.models import PayCode, StationCommand
from config.demo.seed import station_key
from config.demo.telling import GOOD_CARD, wait_for
from config.demo.visitor import Visitor
from config.installation import Installation

METER_WH = 88_000
# In eight minutes as much as every connector can deliver, and more than the least that Stripe charges.
ENERGY_WH = 1_200
LASTS = timedelta(minutes=8)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A connector of the running installation; each of its stations has one EVSE per connector number."""

    running: Installation
    identity: str
    connector: int = 1

    def pay(self, *, comes_back: bool = True) -> PaymentAttempt:
        """Scan, pay by hosted Checkout and, unless the phone has died, come back from there."""
        code = PayCode.objects.get(
            connector__evse__station__identity=self.identity, connector__evse__number=self.connector
        ).code
        driver = Visitor(self.running.web_url)
        shown = re.search(r'name="shown" value="([^"]*)"', driver.get(f"/c/{code}/").text)
        assert shown, "the page offers nothing to pay"
        checkout = driver.post(f"/c/{code}/", {"shown": unescape(shown[1])})
        back = complete_checkout(checkout.headers["Location"], GOOD_CARD)
        if comes_back:
            driver.get(back)
        attempt: PaymentAttempt = PaymentAttempt.objects.get(pay_code=code)
        return attempt

    def charger(self) -> SimulatedCharger:
        return SimulatedCharger(self.running.ocpp_url, self.identity, station_key(self.identity))

    async def plug_in(self, charger: SimulatedCharger) -> None:
        await charger.connect()
        await charger.boot()
        await charger.status("Available", connector=self.connector)
        await charger.status("Preparing", connector=self.connector)

    async def start(self, charger: SimulatedCharger) -> Started:
        """Begin what the charger is asked for."""
        action, asked = await charger.requests.get()
        assert action == "RemoteStartTransaction"
        return await charger.start(
            asked["idTag"], at=datetime.now(UTC), meter_wh=METER_WH, connector=asked["connectorId"]
        )

    async def finish(self, charger: SimulatedCharger, transaction_id: int) -> None:
        """End with 1.2 kWh, in eight minutes by the charger's clock, and unplug."""
        at = datetime.now(UTC) + LASTS
        await charger.stop(transaction_id, at=at, meter_wh=METER_WH + ENERGY_WH)
        await charger.unplug(connector=self.connector, at=at + timedelta(seconds=1))
        await charger.disconnect()


async def beside_the_charger(work: Callable[[], Result]) -> Result:
    """Do something that takes its time, with rows of its own, while the charger goes on listening."""

    def done() -> Result:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(done)


def wait_for_capture(attempt: PaymentAttempt) -> None:
    wait_for("the capture", PaymentAttempt.objects.filter(pk=attempt.pk, status="captured").first)
    attempt.refresh_from_db()


def assert_started_and_captured_once(running: Installation, attempt: PaymentAttempt) -> None:
    """Assert one start command, session, charge record and capture, of exactly the receipt's amount."""
    starts = StationCommand.objects.filter(
        action="RemoteStartTransaction", station=attempt.evse.station, payload__connectorId=attempt.evse.number
    )
    assert starts.count() == 1
    session = ChargingSession.objects.get(evse=attempt.evse)
    assert session.grant == attempt.grant
    assert Cdr.objects.get(session=session).energy_milliwh == ENERGY_WH * 1000
    assert attempt.receipt.gross == attempt.payment.amount_received
    assert captures_of(running, attempt) == [attempt.receipt.gross.amount * 100]
    assert Control(running.sandbox_url).rejected() == []
    assert list(audit.find_violations()) == []


def captures_of(running: Installation, attempt: PaymentAttempt) -> list[Any]:
    """Return what Stripe has taken of the attempt's hold, in cents, per charge."""
    charges = Control(running.sandbox_url).objects("charge")
    intent = attempt.payment.stripe_id
    return [
        charge["amount_captured"] for charge in charges if charge["payment_intent"] == intent and charge["captured"]
    ]
