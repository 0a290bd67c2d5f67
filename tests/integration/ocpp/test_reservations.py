"""A connector kept for a card, from the command down to the record, in both versions of OCPP."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from apps.core import clock
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, Reservation
from apps.sessions.selectors import open_reservations
from apps.stations.domain.calls import StationCall
from apps.stations.domain.operating import cancel_reservation_call, reserve_call
from apps.stations.models import StationCommand
from apps.stations.services import ask_station
from tests.integration.ocpp.conftest import in_database, tell, until
from tests.integration.ocpp.events import event, meter, sample, tell_events
from tests.integration.ocpp.telling import bill, start, stop

MINUTE = timedelta(minutes=1)


def ask(site, call: StationCall) -> StationCommand:
    return ask_station(station_id=site.station.pk, call=call, at=clock.now(), requested_by=None)


def ended(command: StationCommand) -> bool:
    command.refresh_from_db()
    return command.ended_at is not None


async def keep(charger, site, *, protocol: str, reservation_id: int = 17, answer: str = "Accepted") -> None:
    """Reserve connector 1 for the site's card for half an hour, and wait until the station has answered."""
    call = reserve_call(
        protocol,
        reservation_id=reservation_id,
        evse_number=1,
        token=site.token.uid,
        expires_at=clock.now() + 30 * MINUTE,
    )
    await answered(charger, site, call, answer)


async def answered(charger, site, call: StationCall, answer: str = "Accepted") -> None:
    async def reply(_):
        return {"status": answer}

    charger.replies[call[0]] = reply
    command = await in_database(lambda: ask(site, call))
    await asyncio.wait_for(charger.requests.get(), 5)
    await until(lambda: ended(command))


class TestAReservation:
    def test_of_one_six_is_used_by_the_start_that_names_it(self, url, site, site_box):
        at = datetime.now(UTC).replace(microsecond=0)

        async def story():
            async with site_box.at(url) as charger:
                await keep(charger, site, protocol="1.6")
                begun = await charger.call("StartTransaction", {**start(site.token.uid, at), "reservationId": 17})
                kept = await in_database(lambda: open_reservations(site.station.pk, at=at))
                await charger.call("StopTransaction", stop(begun["transactionId"], at, 1_000_000))
                return begun, kept

        begun, kept = tell(story)
        assert begun["idTagInfo"] == {"status": "Accepted"}
        assert kept == []
        session = ChargingSession.objects.get()
        assert Reservation.objects.get().used_by == session
        assert session.reserved_from is not None
        assert len(bill(at + 5 * MINUTE)) == 1

    def test_of_two_zero_one_is_used_by_the_event_that_names_it(self, url, site, site_box):
        at = datetime.now(UTC).replace(microsecond=0)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await keep(charger, site, protocol="2.0.1")
                values = [meter(at, sample(1_000_000, context="Transaction.Begin"))]
                return await tell_events(
                    charger, event("Started", at, token=site.token.uid, values=values, reservationId=17)
                )

        assert tell(story)[0]["idTokenInfo"]["status"] == "Accepted"
        assert Reservation.objects.get().used_by == ChargingSession.objects.get()

    def test_of_two_zero_one_expires_when_the_station_says_so(self, url, site, site_box):
        update = {"reservationId": 17, "reservationUpdateStatus": "Expired"}

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await keep(charger, site, protocol="2.0.1")
                return [await charger.call("ReservationStatusUpdate", update) for _ in range(2)]

        assert tell(story) == [{}, {}]
        session = ChargingSession.objects.get()
        assert (session.kind, session.contract, session.status) == ("reservation", site.contract, "settled")
        (record,) = bill(clock.now())
        assert (record.session, record.gross.amount) == (session, 0)

    @pytest.mark.parametrize("reservation_id", [99, -1, 2**31, 10**30])
    def test_that_nobody_made_expires_nothing(self, url, site, site_box, reservation_id):
        update = {"reservationId": reservation_id, "reservationUpdateStatus": "Expired"}

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await keep(charger, site, protocol="2.0.1")
                return await charger.call("ReservationStatusUpdate", update)

        assert tell(story) == {}
        assert Reservation.objects.get().status == "open"
        assert not ChargingSession.objects.exists()

    def test_that_the_station_cannot_keep_costs_nothing(self, url, site, site_box):
        update = {"reservationId": 17, "reservationUpdateStatus": "Removed"}

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await keep(charger, site, protocol="2.0.1")
                return await charger.call("ReservationStatusUpdate", update)

        assert tell(story) == {}
        assert Reservation.objects.get().status == "cancelled"

    @pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
    def test_is_given_up_when_the_station_agrees(self, url, site, site_box, protocol):
        async def story():
            async with site_box.at(url, protocol=protocol) as charger:
                await keep(charger, site, protocol=protocol)
                await answered(charger, site, cancel_reservation_call(reservation_id=17))

        tell(story)
        assert Reservation.objects.get().status == "cancelled"
        assert sessions.sweep_reservations(at=clock.now() + timedelta(days=1)) == 0

    def test_is_none_where_the_station_does_not_agree(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                await keep(charger, site, protocol="1.6", answer="Occupied")

        tell(story)
        assert not Reservation.objects.exists()
