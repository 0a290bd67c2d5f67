"""A driver calls: "my charge was wrong". Support finds it, sees what proves it and has the money given back."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.domain.roles import Role
from apps.accounts.models import Organisation
from apps.core import audit
from apps.core.words import money
from apps.payments.models import ChargeSearch, PaymentAttempt, Refund
from apps.sessions.models import ChargingSession
from config.demo.telling import wait_for
from config.demo.world import OWNERS
from tests.factories import make_member, make_user
from tests.journeys.chargers import living
from tests.journeys.database import transactional_db
from tests.journeys.desk import Desk
from tests.journeys.paying import Place, wait_for_capture

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
STATION = "NORD-002"
PASSWORD = "somebody calls again"
WHY = "The charger stopped by itself."


@pytest.fixture
def people(shared) -> dict[Role, str]:
    """Who helps drivers and who moves money at the station's owner: their mail addresses."""
    owner = Organisation.objects.get(name=OWNERS[0].name)
    members = {
        role: make_member(organisation=owner, role=role, user=make_user(password=PASSWORD, is_staff=True))
        for role in (Role.SUPPORT, Role.FINANCE)
    }
    return {role: member.user.email for role, member in members.items()}


@pytest.fixture
def charge(shared) -> PaymentAttempt:
    """What a driver has charged and paid for at the charger."""
    with living(shared, STATION, 1, power_w=50_000, energy_wh=2_000):
        attempt = Place(running=shared, identity=STATION).pay()
        wait_for_capture(attempt)
    return attempt


def find(desk: Desk, *, amount: Decimal, day: date) -> None:
    desk.go("Find a driver's charge")
    desk.fill(
        {
            "Last four digits of the card": "4242",
            "Amount taken, or reserved while it runs": f"{amount:.2f}",
            "Day of the charge": day.isoformat(),
        }
    )
    desk.press("Find it")


class TestSupport:
    def test_finds_a_drivers_charge_sees_its_proof_and_has_it_refunded(
        self, shared, new_desk, new_phone, people, charge
    ):
        session = ChargingSession.objects.get(grant=charge.grant)
        day = session.started_at.astimezone(ZoneInfo(session.time_zone)).date()
        gross, in_words = charge.receipt.gross.amount, money(charge.receipt.gross)
        support, finance, driver = new_desk(), new_desk(), new_phone()
        support.sign_in(people[Role.SUPPORT], PASSWORD)

        find(support, amount=gross + 1, day=day)
        misheard = support.wait_for("No charge fits")
        find(support, amount=gross, day=day)
        support.wait_for("1 charge fits")
        support.shoot("support-found")
        support.follow("Every step")
        proof = support.wait_for("7. The raw frames")
        frame = support.unfold("StartTransaction")
        support.shoot("support-session")
        support.follow("Credit or refund")
        support.fill({"Reason": WHY})
        support.shoot("support-refund")
        support.press(f"Ask for all of it: {in_words}")
        asked = support.wait_for(f"{in_words} are asked for.")
        support.shoot("support-asked")
        nothing = Refund.objects.count()
        finance.sign_in(people[Role.FINANCE], PASSWORD)
        finance.follow("1 refund to confirm")
        finance.open_row()
        finance.follow("Confirm")
        finance.wait_for(WHY)
        finance.press(f"Give {in_words} back")
        finance.wait_for(f"{in_words} go back.")
        wait_for("the refund", Refund.objects.filter(status="succeeded").first)
        driver.open(f"/s/{charge.token}/receipt/")
        driver.wait_for("Refunded")
        driver.shoot("support-receipt")

        assert "Check the amount to the cent" in misheard
        assert f"{session.meter_start_milliwh // 1_000_000}.000 kWh" in proof
        assert charge.receipt.number in proof
        assert "€60.00" in proof
        assert '"StartTransaction"' in frame
        assert "Confirm" not in asked.splitlines()
        assert nothing == 0
        assert Decimal(driver.figure("Refunded")) == gross
        assert ChargeSearch.objects.count() == 2
        assert list(audit.find_violations()) == []
