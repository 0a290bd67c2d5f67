"""A driver sees the price on the charger, told over a real socket to a charger of each version, frame by frame."""

import asyncio
import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core.audit import find_violations
from apps.ocpp.cost_notices import tell_costs
from apps.ocpp.models import EventKind, StationEvent
from apps.ocpp.tariff_notices import tell_tariffs
from apps.sessions import services as sessions
from apps.sessions.models import Cdr, ChargingSession, StateChange
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import ask_displays, request_command, set_station_key
from tests.factories import NOON, make_session, make_site
from tests.integration.ocpp.conftest import Box, in_database, tell, until
from tests.integration.ocpp.events import event, meter, sample

GROSS = {"tax_included": True, "elements": [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]}
PRICE = "0,50 EUR/kWh; inkl. USt."
MESSAGE = {"format": "ASCII", "language": "de", "content": PRICE}
COSTMSG = "org.openchargealliance.costmsg"
HOUR = timedelta(hours=1)


@pytest.fixture
def site(transactional_db):
    return make_site(**GROSS)


@pytest.fixture
def site_box(site) -> Box:
    return Box(station=site.station, key=set_station_key(station_id=site.station.pk))


async def heard(charger) -> tuple[str, dict]:
    """Return what the charger was asked next; its answer has been taken."""
    asked = await asyncio.wait_for(charger.requests.get(), 5)
    await until(lambda: not StationCommand.objects.filter(ended_at__isnull=True).exists())
    return asked


def transfer(message_id: str, data: str) -> tuple[str, dict]:
    return "DataTransfer", {"vendorId": COSTMSG, "messageId": message_id, "data": data}


def capable(site, **fields) -> None:
    shown = {"shows_cost": True, "shows_tariff": True, "shows_messages": True, **fields}
    ChargingStation.objects.filter(pk=site.station.pk).update(**shown)


class TestOneSix:
    def test_shows_the_price_the_cost_and_the_total(self, url, site, site_box, clock):
        card = site.token.uid

        async def story():
            async with site_box.at(url) as charger:
                await in_database(lambda: ask_displays(at=clock.at))
                asked, _ = await heard(charger)
                await in_database(lambda: tell_tariffs(at=clock.at))
                default = await heard(charger)
                offset = await heard(charger)
                await charger.authorize(card)
                own = await heard(charger)
                started = await charger.start(card, at=NOON, meter_wh=1_000_000)
                clock.at = NOON + HOUR
                await charger.meter_values(started.transaction_id, [(clock.at, 1_008_400)])
                await in_database(lambda: ChargingStation.objects.update(last_seen_at=clock.at))
                await in_database(lambda: tell_costs(at=clock.at))
                running = await heard(charger)
                clock.at = NOON + 2 * HOUR
                await charger.stop(started.transaction_id, at=clock.at, meter_wh=1_010_000)
                await in_database(lambda: ChargingStation.objects.update(last_seen_at=clock.at))
                await in_database(lambda: tell_costs(at=clock.at))
                final = await heard(charger)
                return started.transaction_id, (asked, default, offset, own, running, final), charger.display.shown

        number, frames, shown = tell(story)
        asked, default, offset, own, running, final = frames
        assert asked == "GetConfiguration"
        assert default == ("ChangeConfiguration", {"key": "DefaultPrice", "value": f'{{"priceText":"{PRICE}"}}'})
        assert offset == ("ChangeConfiguration", {"key": "TimeOffset", "value": "+02:00"})
        assert own == transfer("SetUserPrice", f'{{"idToken":"{card}","priceText":"{PRICE}"}}')
        assert running == transfer(
            "RunningCost",
            f'{{"transactionId":{number},"timestamp":"2026-06-01T13:00:00Z","meterValue":1008400,"cost":4.20,'
            '"state":"Charging","chargingPrice":{}}',
        )
        assert final == transfer(
            "FinalCost", f'{{"transactionId":{number},"cost":5.00,"priceText":"10.000 kWh: 5.00 EUR"}}'
        )
        assert shown == {"price": PRICE, "user": PRICE, "cost": "4.20", "final": "10.000 kWh: 5.00 EUR"}
        sessions.sweep_unsettled(at=NOON + 3 * HOUR)
        sessions.sweep_unrated(at=NOON + 3 * HOUR)
        assert Cdr.objects.get().gross.amount == Decimal("5.00")
        assert not StationEvent.objects.filter(kind=EventKind.UNSOLICITED).exists()
        assert list(find_violations()) == []

    def test_that_shows_no_prices_is_told_none(self, url, site, site_box, clock):
        async def story():
            async with site_box.at(url) as charger:
                await charger.authorize(site.token.uid)
                await charger.start(site.token.uid, at=NOON, meter_wh=0)
                return await in_database(lambda: (tell_costs(at=NOON), tell_tariffs(at=NOON)))

        assert tell(story) == (0, 0)
        assert not StationCommand.objects.exists()

    def test_ends_idling_by_its_word_that_the_cable_is_out(self, url, site, site_box, clock):
        async def story():
            async with site_box.at(url) as charger:
                started = await charger.start(site.token.uid, at=NOON, meter_wh=0)
                await charger.stop(started.transaction_id, at=NOON + HOUR, meter_wh=5_000)
                data = json.dumps({"transactionId": started.transaction_id, "timestamp": "2026-06-01T13:10:00Z"})
                said = {"vendorId": COSTMSG, "messageId": "ConnectorUnplugged", "data": data}
                return [await charger.call("DataTransfer", said) for _ in range(2)]

        assert tell(story) == [{"status": "Accepted"}] * 2
        change = StateChange.objects.get(state="gone")
        assert change.at == NOON + HOUR + timedelta(minutes=10)

    def test_says_nothing_of_another_stations_cable(self, url, site, box, clock):
        theirs = make_session(site=site)
        data = json.dumps({"transactionId": theirs.transaction_id, "timestamp": "2026-06-01T13:10:00Z"})

        async def story():
            async with box.at(url) as charger:
                said = {"vendorId": COSTMSG, "messageId": "ConnectorUnplugged", "data": data}
                return await charger.call("DataTransfer", said)

        tell(story)
        assert not StateChange.objects.exists()

    @pytest.mark.parametrize(
        ("payload", "status"),
        [
            ({"vendorId": "org.example", "messageId": "ConnectorUnplugged"}, "UnknownVendorId"),
            ({"vendorId": COSTMSG}, "UnknownMessageId"),
            ({"vendorId": COSTMSG, "messageId": "RunningCost", "data": "{}"}, "UnknownMessageId"),
            ({"vendorId": COSTMSG, "messageId": "ConnectorUnplugged"}, "Rejected"),
            ({"vendorId": COSTMSG, "messageId": "ConnectorUnplugged", "data": "[" * 500}, "Rejected"),
            ({"vendorId": COSTMSG, "messageId": "ConnectorUnplugged", "data": '{"transactionId": 17}'}, "Rejected"),
            ({"vendorId": COSTMSG, "messageId": "ConnectorUnplugged", "data": "17"}, "Rejected"),
        ],
    )
    def test_is_told_what_of_its_transfers_is_not_known(self, url, box, payload, status):
        async def story():
            async with box.at(url) as charger:
                return await charger.call("DataTransfer", payload)

        assert tell(story) == {"status": status}
        assert not StateChange.objects.exists()


class TestTwoZeroOne:
    def test_shows_the_price_the_cost_and_the_total(self, url, site, site_box, clock):
        card = site.token.uid

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await in_database(lambda: ask_displays(at=clock.at))
                asked, _ = await heard(charger)
                await in_database(lambda: tell_tariffs(at=clock.at))
                idle = await heard(charger)
                authorised = await charger.say(charger.dialect.authorize(card))
                began = await charger.call(
                    "TransactionEvent",
                    event(
                        "Started",
                        NOON,
                        token=card,
                        values=[meter(NOON, sample(1_000_000, context="Transaction.Begin"))],
                    ),
                )
                clock.at = NOON + HOUR
                await charger.call(
                    "TransactionEvent", event("Updated", clock.at, values=[meter(clock.at, sample(1_008_400))])
                )
                await in_database(lambda: ChargingStation.objects.update(last_seen_at=clock.at))
                await in_database(lambda: tell_costs(at=clock.at))
                running = await heard(charger)
                clock.at = NOON + 2 * HOUR
                over = event("Ended", clock.at, values=[meter(clock.at, sample(1_010_000, context="Transaction.End"))])
                ended = [await charger.call("TransactionEvent", over) for _ in range(2)]
                return asked, idle, authorised, began, running, ended, charger.display.shown

        asked, idle, authorised, began, running, ended, shown = tell(story)
        assert asked == "GetVariables"
        assert idle == (
            "SetDisplayMessage",
            {"message": {"id": 710_001, "priority": "NormalCycle", "state": "Idle", "message": MESSAGE}},
        )
        assert authorised == {"idTokenInfo": {"status": "Accepted", "personalMessage": MESSAGE}}
        assert began == {"idTokenInfo": {"status": "Accepted"}, "updatedPersonalMessage": MESSAGE}
        assert running == ("CostUpdated", {"totalCost": Decimal("4.20"), "transactionId": "T-1"})
        total = {"format": "ASCII", "language": "de", "content": "10.000 kWh: 5.00 EUR"}
        assert ended == [{"totalCost": Decimal("5.00"), "updatedPersonalMessage": total}] * 2
        assert shown == {"price": PRICE, "cost": "4.20"}
        at = NOON + 3 * HOUR
        sessions.sweep_unsettled(at=at)
        sessions.sweep_unrated(at=at)
        assert Cdr.objects.get().gross.amount == Decimal("5.00")
        assert list(find_violations()) == []

    def test_that_shows_no_prices_hears_none(self, url, site, site_box, clock):
        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                card = site.token.uid
                values = [meter(NOON, sample(0, context="Transaction.Begin"))]
                return [
                    await charger.say(charger.dialect.authorize(card)),
                    await charger.call("TransactionEvent", event("Started", NOON, token=card, values=values)),
                    await charger.call("TransactionEvent", event("Ended", NOON + HOUR, values=[])),
                ]

        accepted = {"idTokenInfo": {"status": "Accepted"}}
        assert tell(story) == [accepted, accepted, {}]

    def test_a_price_that_cannot_be_told_holds_no_transaction_up(self, url, site, site_box, clock, monkeypatch):
        capable(site)

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("apps.ocpp.price_answers._told", fail)

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                values = [meter(NOON, sample(0, context="Transaction.Begin"))]
                return await charger.call(
                    "TransactionEvent", event("Started", NOON, token=site.token.uid, values=values)
                )

        assert tell(story) == {"idTokenInfo": {"status": "Accepted"}}
        assert ChargingSession.objects.get().status == "live"


class TestASilentDisplay:
    def test_holds_a_stop_up_no_longer_than_its_own_time(self, url, site, site_box, clock, settings):
        settings.OCPP_NOTICE_TIMEOUT_S = 0.3
        capable(site)

        async def story():
            async with site_box.at(url) as charger:

                async def say_nothing(_):
                    return None

                charger.replies["DataTransfer"] = say_nothing
                started = await charger.start(site.token.uid, at=NOON, meter_wh=0)
                await in_database(lambda: (tell_costs(at=clock.at), tell_tariffs(at=clock.at)))
                told, _ = await asyncio.wait_for(charger.requests.get(), 5)
                stop = {"transactionId": started.transaction_id}
                asked_s = time.monotonic()
                await in_database(
                    lambda: request_command(
                        station_id=site.station.pk,
                        action="RemoteStopTransaction",
                        payload=stop,
                        requested_at=clock.at,
                        deadline_at=clock.at + timedelta(minutes=1),
                    )
                )
                next_asked = await asyncio.wait_for(charger.requests.get(), 5)
                return told, next_asked == ("RemoteStopTransaction", stop), time.monotonic() - asked_s

        told, is_stop, waited_s = tell(story)
        assert told == "DataTransfer"
        assert is_stop
        # Its own time, a second of the poll, and what a busy machine takes.
        assert waited_s < 3
