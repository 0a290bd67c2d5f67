"""What is asked of 2.0.1 stations, and how a transaction finds the request that it follows."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from apps.core import clock
from apps.core.audit import find_violations
from apps.ocpp.simulator.dialects import RemoteStart
from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession
from apps.stations.models import ChargingStation, Connector, StationCommand
from apps.stations.services import request_command, request_start
from tests.factories import make_grant
from tests.integration.ocpp.conftest import in_database, tell, until
from tests.integration.ocpp.events import event, meter, sample, tell_events

PAID = "PAIDTOKEN00000000001"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def ask_to_start(site, *, token: str) -> StationCommand:
    now = clock.now()
    return request_start(
        station_id=site.station.pk,
        evse_number=site.evse.number,
        token=token,
        requested_at=now,
        deadline_at=now + MINUTE,
    )


def pay(site):
    now = clock.now()
    return make_grant(site=site, token=PAID, evse=site.evse, granted_at=now - MINUTE, expires_at=now + 3 * MINUTE)


def begin(at: datetime):
    return [meter(at, sample(1_000, context="Transaction.Begin"))]


def ended(command: StationCommand) -> bool:
    command.refresh_from_db()
    return command.ended_at is not None


class TestARequestToStart:
    def test_is_written_in_the_stations_own_version(self, url, site, site_box):
        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                command = await in_database(lambda: ask_to_start(site, token=site.token.uid))
                asked = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: ended(command))
                return command, asked

        command, (action, payload) = tell(story)
        assert action == "RequestStartTransaction"
        assert 0 < payload.pop("remoteStartId") < 2**31
        assert payload == {"evseId": 1, "idToken": {"idToken": site.token.uid, "type": "Central"}}
        assert command.status == "accepted"

    def test_of_a_station_that_has_gone_back_to_one_six_is_written_so(self, site, site_box):
        ChargingStation.objects.update(protocol="1.6")

        command = ask_to_start(site, token="T1")

        assert (command.action, command.payload) == ("RemoteStartTransaction", {"connectorId": 1, "idTag": "T1"})

    def test_binds_a_start_that_names_no_token_to_who_paid(self, url, site, site_box, at):
        grant = pay(site)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await in_database(lambda: ask_to_start(site, token=PAID))
                _, asked = await asyncio.wait_for(charger.requests.get(), 5)
                info = {"remoteStartId": asked["remoteStartId"]}
                return await tell_events(
                    charger, event("Started", at, evse=None, trigger="RemoteStart", info=info, values=begin(at))
                )

        assert tell(story) == [{}]
        grant.refresh_from_db()
        session = ChargingSession.objects.get()
        assert grant.used_by_session == session
        assert (session.authorisation, session.tariff_version, session.review_reasons) == ("Accepted", site.version, [])

    def test_binds_the_transaction_that_the_cable_had_begun(self, url, site, site_box, at):
        grant = pay(site)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await tell_events(charger, event("Started", at, trigger="CablePluggedIn", values=begin(at)))
                await in_database(lambda: ask_to_start(site, token=PAID))
                _, asked = await asyncio.wait_for(charger.requests.get(), 5)
                info = {"remoteStartId": asked["remoteStartId"], "chargingState": "Charging"}
                await tell_events(charger, event("Updated", at + MINUTE, trigger="RemoteStart", info=info))

        tell(story)
        grant.refresh_from_db()
        session = ChargingSession.objects.get()
        assert grant.used_by_session == session
        assert (session.begun_at, session.started_at, session.status) == (at, at + MINUTE, "live")

    def test_is_no_one_elses_though_the_number_is_guessed(self, url, site, site_box, make_box, at):
        pay(site)
        stranger = make_box("STRANGER")

        async def story():
            async with site_box.at(url, protocol="2.0.1"), stranger.at(url, protocol="2.0.1") as other:
                command = await in_database(lambda: ask_to_start(site, token=PAID))
                info = {"remoteStartId": command.payload["remoteStartId"]}
                await tell_events(other, event("Started", at, trigger="RemoteStart", info=info, values=begin(at)))

        tell(story)
        session = ChargingSession.objects.get()
        assert (session.station, session.id_token, session.authorisation) == (stranger.station, "", "Invalid")

    def test_may_be_authorised_by_the_station_before_it_answers(self, url, site, site_box, at):
        pay(site)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                heard = []

                async def authorise_first(payload):
                    heard.append(await charger.call("Authorize", {"idToken": payload["idToken"]}))
                    return {"status": "Accepted"}

                charger.replies["RequestStartTransaction"] = authorise_first
                command = await in_database(lambda: ask_to_start(site, token=PAID))
                await until(lambda: ended(command))
                return command, heard

        command, heard = tell(story)
        assert heard == [{"idTokenInfo": {"status": "Accepted"}}]
        assert command.status == "accepted"


class TestARequestToStop:
    def test_names_the_transaction_as_its_station_does_and_is_asked_once(self, url, site, site_box, at):
        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                started = await charger.start(site.token.uid, at=at, meter_wh=1_000)
                session = await in_database(ChargingSession.objects.get)
                first = await in_database(lambda: sessions.request_stop(session_id=session.pk, at=clock.now()))
                again = await in_database(lambda: sessions.request_stop(session_id=session.pk, at=clock.now()))
                asked = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: ended(first))
                return started, first, again, asked

        started, first, again, asked = tell(story)
        assert asked == ("RequestStopTransaction", {"transactionId": started.transaction_id})
        assert (first.status, again) == ("accepted", None)

    def test_comes_by_itself_before_the_limit_is_passed(self, url, site, site_box, at):
        grant = pay(site)
        type(grant).objects.update(limit_amount=5)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                started = await charger.start(
                    PAID, at=at, meter_wh=1_000, remote=RemoteStart(token=PAID, connector=1, number=1)
                )
                await charger.meter_values(started.transaction_id, [(at + 30 * MINUTE, 9_000)])
                asked = await asyncio.wait_for(charger.requests.get(), 5)
                return started, asked

        started, asked = tell(story)
        assert asked == ("RequestStopTransaction", {"transactionId": started.transaction_id})


MESSAGE = {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "0.49 EUR/kWh"}}
HEATER = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


class TestEveryOtherCommand:
    @pytest.mark.parametrize(
        ("action", "payload", "reply", "status"),
        [
            ("UnlockConnector", {"evseId": 1, "connectorId": 1}, {"status": "Unlocked"}, "accepted"),
            ("Reset", {"type": "OnIdle"}, {"status": "Scheduled"}, "accepted"),
            ("Reset", {"type": "Immediate"}, {"status": "Rejected"}, "rejected"),
            ("ChangeAvailability", {"operationalStatus": "Inoperative"}, {"status": "Accepted"}, "accepted"),
            ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, {"status": "Accepted"}, "accepted"),
            ("TriggerMessage", {"requestedMessage": "StatusNotification"}, {"status": "Accepted"}, "accepted"),
            ("ClearCache", {}, {"status": "Accepted"}, "accepted"),
            ("CostUpdated", {"totalCost": 1, "transactionId": "T-1"}, {}, "accepted"),
            ("SetDisplayMessage", {"message": MESSAGE}, {"status": "Accepted"}, "accepted"),
            ("CancelReservation", {"reservationId": 7}, {"status": "Rejected"}, "rejected"),
            ("RemoteStopTransaction", {"transactionId": 7}, {}, "rejected"),
            ("Reset", {"type": "Hard"}, {}, "rejected"),
        ],
    )
    def test_reaches_the_station_and_ends_by_its_answer(self, url, box, action, payload, reply, status):
        async def story():
            async with box.at(url, protocol="2.0.1") as charger:

                async def answer(_):
                    return reply

                charger.replies[action] = answer
                now = clock.now()
                command = await in_database(
                    lambda: request_command(
                        station_id=box.station.pk,
                        action=action,
                        payload=payload,
                        requested_at=now,
                        deadline_at=now + MINUTE,
                    )
                )
                await until(lambda: ended(command))
                return command

        assert tell(story).status == status


class TestALiveCharger:
    def test_of_two_nought_one_starts_and_stops_when_told_to(self, url, site, site_box):
        pay(site)

        async def story():
            charger = LiveCharger(
                *(url, site_box.station.identity, site_box.key),
                protocol="2.0.1",
                interval_s=0.1,
                meter_wh=5_000,
                clock=fast_clock(60),
            )
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: ask_to_start(site, token=PAID))
            session = await until(ChargingSession.objects.first)
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Charging")
            await until(lambda: session.readings.count() > 2)
            await in_database(lambda: sessions.request_stop(session_id=session.pk, at=clock.now()))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            online.cancel()
            await charger.disconnect()

        tell(story)
        sessions.sweep_unsettled(at=clock.now() + timedelta(hours=1))
        session = ChargingSession.objects.get()
        assert (session.stop_reason, session.status, session.review_reasons) == ("Remote", "settled", [])
        assert session.meter_stop_milliwh > session.meter_start_milliwh == 5_000_000
        assert list(find_violations()) == []
