"""A driver who pays at a 2.0.1 station, whose transaction may begin with the cable, before anybody has paid."""

import pytest

from apps.adhoc import services
from apps.adhoc.selectors import Hindrance, find_offer
from apps.payments.models import PaymentAttempt
from apps.sessions.domain.commands import Phase, StartCommand
from apps.sessions.models import ChargingSession
from apps.sessions.services import follow_transactions, request_stop
from apps.stations.models import ChargingStation, StationCommand
from tests.factories import Site

from .conftest import MINUTE, NOW, set_station


@pytest.fixture
def site(site: Site) -> Site:
    ChargingStation.objects.update(protocol="2.0.1")
    set_station(site, status="Occupied")
    return site


def say(site: Site, phase: Phase, *, token: str = "", at=NOW) -> ChargingSession:
    """Let the station speak of the transaction that it has named."""
    command = StartCommand(
        station_id=site.station.pk,
        evse_number=1,
        id_token=token,
        meter_start_milliwh=1_000_000_000,
        started_at=at,
        received_at=at,
        frame_id=1,
        transaction_ref="4f1c-77",
        phase=phase,
    )
    (outcome,) = follow_transactions((command,))
    return ChargingSession.objects.get(pk=outcome.session_id)


class TestADriverAtAStationOfTwoNoughtOne:
    def test_who_has_plugged_in_before_may_pay_and_gets_the_transaction(self, site, driver, pay_code):
        waiting = say(site, Phase.STARTED)
        assert find_offer(pay_code.code, at=NOW).hindrance is None

        attempt: PaymentAttempt = driver.pay()
        services.start_charging(attempt_id=attempt.pk, at=NOW)

        command = StationCommand.objects.get()
        assert command.action == "RequestStartTransaction"
        token = command.payload["idToken"]["idToken"]
        assert command.payload == {
            "evseId": 1,
            "idToken": {"idToken": token, "type": "Central"},
            "remoteStartId": command.payload["remoteStartId"],
        }
        session = say(site, Phase.UPDATED, token=token, at=NOW + MINUTE)
        attempt.refresh_from_db()
        assert attempt.grant.used_by_session == session == waiting
        assert session.started_at == NOW + MINUTE
        assert find_offer(pay_code.code, at=NOW + MINUTE).hindrance is Hindrance.TAKEN

    def test_is_watched_and_gets_the_money_back_when_the_station_refuses(self, site, driver):
        attempt = driver.pay()
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        StationCommand.objects.update(status="rejected", sent_at=NOW, ended_at=NOW)

        services.watch_start(attempt_id=attempt.pk, at=NOW)

        attempt.refresh_from_db()
        assert attempt.release_reason == "rejected"

    def test_who_stops_stops_the_stations_own_transaction(self, site, driver):
        attempt = driver.pay()
        services.start_charging(attempt_id=attempt.pk, at=NOW)
        token = StationCommand.objects.get().payload["idToken"]["idToken"]
        session = say(site, Phase.STARTED, token=token)

        command = request_stop(session_id=session.pk, at=NOW)

        assert (command.action, command.payload) == ("RequestStopTransaction", {"transactionId": "4f1c-77"})
        assert request_stop(session_id=session.pk, at=NOW) is None
