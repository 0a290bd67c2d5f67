"""An owner's first day in the console: from the invitation by mail to the first session that somebody has paid for."""

import re
from decimal import Decimal

import pytest

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership, Organisation
from apps.core import audit
from apps.documents.models import Mail
from apps.payments.models import PaymentAttempt
from config.demo.seed import PLATFORM_OPERATOR
from config.demo.telling import wait_for
from config.demo.world import PASSWORD
from tests.journeys.browser import Phone
from tests.journeys.chargers import living
from tests.journeys.database import transactional_db
from tests.journeys.desk import Desk

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
COMPANY = "Sonnhof Laden GmbH"
OWNER = "ute@sonnhof.example"
SITE = {"Street": "Am Sonnhang 3", "Postcode": "79098", "City": "Freiburg"}
STATION = "SONN-001"


def invite(desk: Desk) -> None:
    """Let the platform's operator invite the owner of an organisation that has a name and nothing else."""
    desk.sign_in(PLATFORM_OPERATOR, PASSWORD)
    desk.go("People")
    desk.follow("Invite a person")
    desk.fill({"Organisation": COMPANY, "E-mail address": OWNER, "Role": f"Owner: {Role.OWNER.meaning}"})
    desk.press("Invite")
    desk.wait_for(f"A link is on its way to {OWNER}.")


def accept(desk: Desk) -> None:
    """Open the link in the mail and choose a password."""
    mail = wait_for("the mail", Mail.objects.filter(recipient=OWNER, sent_at__isnull=False).first)
    found = re.search(r"https?://[^/\s]+(/portal/invitations/\S+)", mail.body)
    assert found, mail.body
    desk.open(found[1])
    desk.fill({"Your name": "Ute Sonnhof", "Choose a password": "sunny side of the hill"})
    desk.press("Accept and sign in")
    desk.wait_for("0 of 11 done until the first paid session")


def step(desk: Desk, words: str, *, done: int) -> None:
    """Come back to the checklist, see how far it is, and take a step by its button."""
    desk.go("First steps")
    desk.wait_for(f"{done} of 11 done")
    desk.shoot(f"owner-{done:02}-steps")
    desk.follow(words)


def describe_the_company(desk: Desk) -> None:
    step(desk, "Open the company's data", done=0)
    desk.fill({**SITE, "Email": "rechnung@sonnhof.example", "Help number": "+49 761 123456"})
    desk.follow("Add another Tax registration")
    desk.fill_row(
        "Tax registrations", {"Country": "Germany", "VAT identifier": "DE136695976", "Valid from": "2026-01-01"}
    )
    desk.shoot("owner-company")
    desk.press("Save")
    desk.wait_for("was changed successfully")


def set_up_the_hardware(desk: Desk) -> str:
    """Make a site, a station and its connector; return the station's key, as the page shows it once."""
    step(desk, "Add a site", done=2)
    desk.fill({"Name": "Sonnhof car park", **SITE})
    desk.press("Save")
    desk.wait_for("was added successfully")
    step(desk, "Add a station", done=3)
    desk.fill({"Identity": STATION})
    desk.press("Save")
    desk.press("Make a new key")
    shown = desk.wait_for("Copy the key now")
    desk.shoot("owner-key")
    desk.follow("I have copied it")
    step(desk, "Add an EVSE", done=4)
    desk.fill_row("Connectors", {"Kind": "CCS 2", "Max power (W)": "50000"})
    desk.shoot("owner-evse")
    desk.press("Save")
    desk.wait_for("was added successfully")
    assert f"/ocpp/{STATION}" in shown
    [key] = re.findall(r"\b[0-9a-f]{40}\b", shown)
    return str(key)


def set_the_price(desk: Desk) -> None:
    step(desk, "Write a tariff", done=6)
    desk.fill({"Name": "At the charger"})
    desk.press("Save")
    desk.wait_for("Now say what At the charger costs.")
    desk.press("Add a row")
    desk.fill({"Energy, per kWh": "0.59"})
    desk.wait_for("at all times: 0.59 €/kWh, gross")
    desk.shoot("owner-tariff")
    desk.press("Save and publish…")
    desk.wait_for("Nothing to mend.")
    desk.press("Publish")
    desk.wait_for("is published")
    step(desk, "Say where it applies", done=7)
    desk.shoot("owner-applies")
    desk.press("Save")
    desk.wait_for("was added successfully")


def print_the_sticker(desk: Desk) -> None:
    step(desk, "Print stickers", done=8)
    desk.glance("Make the sheet")


def pay_and_charge(phone: Phone, sticker: str) -> Decimal:
    """Try the sticker with one's own phone; return what was charged."""
    phone.open(sticker)
    phone.wait_for("Sonnhof car park")
    phone.press("Pay and charge")
    phone.type_card("4242 4242 4242 4242")
    phone.wait_for("Charging stops by itself")
    # What Stripe's smallest amount is worth at least.
    wait_for("a kilowatt-hour", lambda: Decimal(phone.figure("Energy") or 0) > 1 or None)
    phone.press("Stop charging")
    phone.wait_for("Thank you")
    return Decimal(phone.figure("Charged"))


class TestAnOwnersFirstDay:
    def test_goes_by_the_checklist_from_an_invitation_to_the_first_paid_session(self, shared, new_desk, new_phone):
        owner = Organisation.objects.create(
            name=COMPANY, country="DE", time_zone="Europe/Berlin", currency="EUR", is_station_owner=True
        )
        desk = new_desk()

        invite(new_desk())
        accept(desk)
        describe_the_company(desk)
        key = set_up_the_hardware(desk)
        with living(shared, STATION, 1, key=key, power_w=50_000):
            step(desk, "Open the live board", done=6)
            board = desk.wait_for("online")
            desk.shoot("owner-live")
            set_the_price(desk)
            print_the_sticker(desk)
            step(desk, "Open a sticker's page", done=9)
            sticker = desk.address().removeprefix(shared.web_url)
            desk.open("/admin/")
            charged = pay_and_charge(new_phone(), sticker)
        attempt = wait_for("the capture", PaymentAttempt.objects.filter(status="captured").first)
        desk.go("First steps")
        steps = desk.wait_for("11 of 11 done")
        desk.shoot("owner-11-steps")
        desk.go("Home")
        home = desk.wait_for(f"€{attempt.receipt.net.amount:.2f}")
        desk.shoot("owner-home")

        assert f"{STATION}" in board
        assert "All of it is done: drivers can charge and pay." in steps
        assert attempt.receipt.seller == owner
        assert attempt.receipt.gross.amount == charged == attempt.payment.amount_received.amount
        assert f"{Decimal(attempt.receipt.lines.get().energy_milliwh) / 1_000_000:.3f} kWh" in home
        assert "First steps" not in home
        assert [each.role for each in Membership.objects.filter(organisation=owner)] == [Role.OWNER]
        assert list(audit.find_violations()) == []
