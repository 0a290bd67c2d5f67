"""Hold first, grant second, remote start third; and the hold goes back where no charge begins."""

import secrets
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from apps.adhoc import services
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import create_attempt
from apps.sessions.domain.commands import AuthorisationStatus, StartCommand
from apps.sessions.domain.tokens import hash_token
from apps.sessions.models import ChargingSession, StartGrant
from apps.sessions.services import start_sessions
from apps.stations.models import Connector, PayCode, StationCommand
from apps.stations.services import finish_command, sweep_commands, take_commands
from tests.factories import Site, make_session, make_site

from .conftest import MINUTE, NOW, sell_under, set_station, settle

SECOND = timedelta(seconds=1)


def start_commands() -> list[StationCommand]:
    return list(StationCommand.objects.filter(action="RemoteStartTransaction").order_by("pk"))


def stop_commands() -> list[StationCommand]:
    return list(StationCommand.objects.filter(action="RemoteStopTransaction").order_by("pk"))


def plug_in(site: Site, *, at: datetime, evse_number: int = 1, told_at: datetime | None = None) -> AuthorisationStatus:
    """Let the station begin with the token it was last asked to start with."""
    token = str(start_commands()[-1].payload["idTag"])
    command = StartCommand(
        station_id=site.station.pk,
        evse_number=evse_number,
        id_token=token,
        meter_start_milliwh=1_000_000_000,
        started_at=told_at or at,
        received_at=at,
        frame_id=1,
    )
    (outcome,) = start_sessions((command,))
    return outcome.status


def answer_command(site: Site, *, accepted: bool, at: datetime) -> None:
    """Let the station answer what it was asked last."""
    (command,) = take_commands(station_ids=[site.station.pk], at=at)
    finish_command(station_id=site.station.pk, message_id=command.message_id, accepted=accepted, answer=None, at=at)


@pytest.fixture
def attempt(driver) -> PaymentAttempt:
    """A driver's attempt whose hold stands."""
    return driver.pay()


class TestStartCharging:
    def test_writes_the_grant_and_asks_the_station(self, attempt, site):
        services.start_charging(attempt_id=attempt.pk, at=NOW)

        (command,) = start_commands()
        grant = StartGrant.objects.get()
        attempt.refresh_from_db()
        token = command.payload["idTag"]
        assert command.payload == {"connectorId": 1, "idTag": token}
        assert (len(token), token.isalnum(), token.isupper()) == (20, True, True)
        assert (grant.token_hash, grant.evse, grant.contract) == (hash_token(token), site.evse, None)
        assert (grant.limit_amount, grant.waive_below) == (Decimal(60), Decimal("0.50"))
        assert grant.expires_at == NOW + 180 * SECOND
        assert attempt.grant == grant

    def test_again_changes_nothing(self, attempt):
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        services.start_charging(attempt_id=attempt.pk, at=NOW + SECOND)
        services.watch_starts(at=NOW + SECOND)

        assert len(start_commands()) == 1
        assert StartGrant.objects.count() == 1

    def test_of_an_attempt_that_is_not_paid_does_nothing(self, driver):
        driver.press(driver.look())
        attempt = PaymentAttempt.objects.get()

        services.start_charging(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert attempt.status == "checkout_open"
        assert not StartGrant.objects.exists()
        assert start_commands() == []

    def test_of_a_free_charge_has_no_ceiling(self, driver, site):
        sell_under(site, elements=[{"price_components": [{"type": "ENERGY", "price": "0.00"}]}])
        driver.press(driver.look())
        attempt = PaymentAttempt.objects.get()

        services.start_charging(attempt_id=attempt.pk, at=NOW)

        grant = StartGrant.objects.get()
        assert (grant.limit_amount, grant.waive_below) == (None, None)
        assert plug_in(site, at=NOW + SECOND) is AuthorisationStatus.ACCEPTED

    def test_that_the_bell_forgot_is_found_by_the_sweeper(self, attempt):
        watched = services.watch_starts(at=NOW)

        assert watched == 1
        assert len(start_commands()) == 1


class TestTwoDrivers:
    def test_the_first_whose_hold_stands_gets_the_connector(self, driver, another_driver):
        page, other_page = driver.look(), another_driver.look()
        first, second = driver.pay(), another_driver.press(other_page) and another_driver.pay()
        assert page != other_page

        # The later one's bell is heard first.
        services.start_charging(attempt_id=second.pk, at=NOW)
        services.start_charging(attempt_id=first.pk, at=NOW)

        first.refresh_from_db()
        second = settle(second)
        assert first.grant is not None
        assert (second.status, second.release_reason, second.grant) == ("released", "taken", None)
        assert len(start_commands()) == 1

    def test_the_second_is_told_so_on_the_page_of_their_own(self, driver, another_driver):
        other_page = another_driver.look()
        first = driver.pay()
        another_driver.press(other_page)
        second = another_driver.pay()
        services.start_charging(attempt_id=first.pk, at=NOW)
        services.start_charging(attempt_id=second.pk, at=NOW)

        page = another_driver.client.get(f"/s/{second.token}/").content.decode()

        assert "Somebody else has started at this connector just before you." in page
        assert "€60.00 is released" in page

    def test_with_a_card_that_charges_already_comes_too_late(self, attempt, site):
        make_session(site=site)

        services.start_charging(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert attempt.release_reason == "taken"
        assert start_commands() == []

    @pytest.mark.parametrize(("status", "reason"), [("Faulted", "unavailable"), ("Finishing", "taken")])
    def test_nor_does_one_start_where_nothing_can(self, attempt, site, status, reason):
        set_station(site, status=status)

        services.start_charging(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert (attempt.status, attempt.release_reason) == ("released", reason)
        assert not StartGrant.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def make_free_attempt(self, site: Site) -> PaymentAttempt:
        """Make an attempt without money, so that nothing but our own locks decides."""
        return create_attempt(
            evse_id=site.evse.pk,
            seller_id=site.owner.pk,
            tariff_version_id=site.version.pk,
            pay_code="0" * 22,
            hold_amount=Decimal(0),
            currency="EUR",
            language="en",
            page_key=secrets.token_hex(8),
            at=NOW,
        )

    @pytest.fixture
    def busy_site(self) -> Site:
        site = make_site(tax_included=True)
        Connector.objects.filter(evse=site.evse).update(status="Available")
        return site

    def test_two_drivers_at_one_connector_get_one_start(self, busy_site, at_once):
        attempts = [self.make_free_attempt(busy_site) for _ in range(4)]

        at_once(*(lambda pk=attempt.pk: services.start_charging(attempt_id=pk, at=NOW) for attempt in attempts))

        statuses = sorted(PaymentAttempt.objects.values_list("status", "release_reason"))
        assert statuses == [("authorised", ""), *[("released", "taken")] * 3]
        assert len(start_commands()) == StartGrant.objects.count() == 1

    def test_one_bell_heard_by_two_workers_gives_one_start(self, busy_site, at_once):
        attempt = self.make_free_attempt(busy_site)

        at_once(*[lambda: services.start_charging(attempt_id=attempt.pk, at=NOW)] * 4)

        assert len(start_commands()) == StartGrant.objects.count() == 1


class TestAStartThatFails:
    @pytest.fixture
    def asked(self, attempt) -> PaymentAttempt:
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        return attempt

    def test_by_refusal_releases_the_hold(self, asked, site):
        answer_command(site, accepted=False, at=NOW + SECOND)

        services.watch_starts(at=NOW + 2 * SECOND)

        asked.refresh_from_db()
        assert (asked.status, asked.release_reason) == ("released", "rejected")

    def test_by_silence_releases_the_hold(self, asked):
        sweep_commands(at=NOW + 2 * MINUTE)

        services.watch_starts(at=NOW + 2 * MINUTE)

        asked.refresh_from_db()
        assert (asked.status, asked.release_reason) == ("released", "no_answer")

    def test_because_no_car_comes_releases_the_hold_after_three_minutes(self, asked, site):
        answer_command(site, accepted=True, at=NOW + SECOND)

        services.watch_starts(at=NOW + 179 * SECOND)
        asked.refresh_from_db()
        before = asked.status
        services.watch_starts(at=NOW + 180 * SECOND)

        asked.refresh_from_db()
        assert before == "authorised"
        assert (asked.status, asked.release_reason) == ("released", "not_started")

    @pytest.mark.parametrize("told_at", [NOW + 182 * SECOND, NOW - 60 * SECOND], ids=["right clock", "slow clock"])
    def test_and_comes_late_all_the_same_is_refused_and_stopped(self, asked, site, told_at):
        answer_command(site, accepted=True, at=NOW + SECOND)
        services.watch_starts(at=NOW + 180 * SECOND)

        status = plug_in(site, at=NOW + 182 * SECOND, told_at=told_at)

        session = ChargingSession.objects.get()
        (stop,) = stop_commands()
        assert status is AuthorisationStatus.INVALID
        assert not session.is_billable
        assert stop.payload == {"transactionId": session.transaction_id}

    def test_is_not_given_up_once_the_car_charges(self, asked, site):
        answer_command(site, accepted=True, at=NOW + SECOND)
        plug_in(site, at=NOW + 10 * SECOND)

        services.watch_starts(at=NOW + 10 * MINUTE)

        asked.refresh_from_db()
        assert asked.status == "authorised"


class TestStopOrCancel:
    def test_stops_a_charge_once(self, attempt, site):
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        plug_in(site, at=NOW + SECOND)

        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW + MINUTE)
        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW + MINUTE)

        session = ChargingSession.objects.get()
        assert [command.payload for command in stop_commands()] == [{"transactionId": session.transaction_id}]

    def test_gives_the_hold_back_before_the_charge_begins(self, attempt, site):
        services.start_charging(attempt_id=attempt.pk, at=NOW)

        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW + SECOND)

        attempt.refresh_from_db()
        assert (attempt.status, attempt.release_reason) == ("released", "cancelled")
        assert plug_in(site, at=NOW + 2 * SECOND) is AuthorisationStatus.INVALID

    def test_closes_a_page_that_nobody_paid_on(self, driver):
        driver.press(driver.look())
        attempt = PaymentAttempt.objects.get()

        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert (attempt.status, attempt.release_reason) == ("released", "cancelled")

    def test_frees_the_connector_for_the_next_driver(self, attempt, another_driver):
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        taken = another_driver.look()
        services.stop_or_cancel(attempt_id=attempt.pk, at=NOW + SECOND)

        free = another_driver.look()

        assert PayCode.objects.count() == 1
        assert "This connector is in use." in taken
        assert "Pay and charge" in free
