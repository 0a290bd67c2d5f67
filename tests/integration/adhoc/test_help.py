"""Help at the charger: whom to call on every page, and a cable that does not come out."""

from datetime import timedelta

import pytest

from apps.adhoc import services
from apps.payments.models import PaymentAttempt
from apps.stations.models import StationCommand
from apps.stations.services import finish_command, new_pay_code, revoke_pay_code, take_commands

from .conftest import MINUTE, NOW, Driver, phone, set_station, text_of
from .test_after_the_charge import attempt, charge, paid
from .test_progress_page import KWH, look

__all__ = ["attempt", "charge", "paid"]


def unlocks() -> list[StationCommand]:
    return list(StationCommand.objects.filter(action="UnlockConnector").order_by("pk"))


def press(attempt: PaymentAttempt):
    return phone().post(f"/s/{attempt.token}/unlock/")


def answer(site, *, accepted: bool) -> None:
    (command,) = take_commands(station_ids=[site.station.pk], at=NOW)
    finish_command(station_id=site.station.pk, message_id=command.message_id, accepted=accepted, answer=None, at=NOW)


class TestTheNumber:
    def test_is_the_sites_or_else_its_owners_on_every_page_also_of_a_sticker_that_was_replaced(
        self, driver, paid, site, pay_code
    ):
        site.owner.help_number = "+49 30 111 222"
        site.owner.save()
        old = new_pay_code(connector_id=site.evse.connectors.get().pk, at=NOW - MINUTE)
        revoke_pay_code(pay_code_id=old.pk, at=NOW)
        pages = [driver.address, *(f"/s/{paid.token}/{page}" for page in ("", "receipt/", "receipt/wrong/"))]
        pages += [f"/c/{old.code}/", f"/find/?code={old.code}"]

        owners = {page: 'href="tel:+4930111222"' in text_of(phone().get(page)) for page in pages}
        site.location.help_number = "+31 20 333 444"
        site.location.save()
        own = {page: 'href="tel:+3120333444"' in text_of(phone().get(page)) for page in pages}

        assert owners == dict.fromkeys(pages, True)
        assert own == dict.fromkeys(pages, True)
        assert "tel:" not in text_of(phone().get("/c/unknown/"))


class TestACableThatIsStuck:
    def test_is_unlocked_once_for_two_clicks_when_the_charge_has_ended(self, driver, paid, site):
        assert "Unlock the cable" in look(driver, paid)

        press(paid), press(paid)
        asked = look(driver, paid)
        answer(site, accepted=True)
        let_go = look(driver, paid)

        (command,) = unlocks()
        assert command.payload == {"connectorId": 1}
        assert "Wait a moment, do not pull." in asked
        assert 'hx-trigger="every' in asked
        assert "The charger has let go of the cable." in let_go
        assert 'hx-trigger="every' not in let_go

    def test_is_tried_three_times_at_most(self, driver, paid, site):
        for _ in range(3):
            press(paid)
            answer(site, accepted=False)
        spent = look(driver, paid)

        assert press(paid).status_code == 302
        assert len(unlocks()) == 3
        assert "The charger was asked three times." in spent
        assert "once more" not in spent

    @pytest.mark.parametrize("why", ["it still charges", "somebody else has paid since", "the station is away"])
    def test_is_not_unlocked_while(self, driver, attempt, charge, site, why):
        charge.begin().deliver(3 * KWH, at=NOW - 20 * MINUTE)
        if why != "it still charges":
            charge.end(10 * KWH, at=NOW).price()
        if why == "somebody else has paid since":
            set_station(site, status="Available")
            services.start_charging(attempt_id=Driver(client=phone(), address=driver.address).pay().pk, at=NOW)
        if why == "the station is away":
            set_station(site, seen_at=NOW - timedelta(hours=1))

        press(attempt)

        assert unlocks() == []
        assert "Unlock the cable" not in look(driver, attempt)
