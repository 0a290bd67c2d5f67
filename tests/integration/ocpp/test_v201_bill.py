"""The same evening told by a 1.6 and by a 2.0.1 charger, over sockets: one amount."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.core.audit import find_violations
from apps.sessions import services as sessions
from apps.sessions.models import Cdr, ChargingSession
from apps.stations.services import set_station_key
from tests.factories import make_evse, make_site, make_station, make_token
from tests.integration.ocpp.conftest import Box, tell

IDLE_ELEMENTS = [
    {
        "price_components": [
            {"type": "ENERGY", "price": "0.49"},
            {"type": "TIME", "price": "1.20"},
            {"type": "PARKING_TIME", "price": "6.00"},
        ]
    }
]


@pytest.fixture
def site(transactional_db):
    return make_site(elements=IDLE_ELEMENTS)


@pytest.fixture
def boxes(site) -> dict[str, Box]:
    """A charger of each version at the same site."""
    second = make_station(location=site.location)
    make_evse(station=second)
    return {
        protocol: Box(station=station, key=set_station_key(station_id=station.pk))
        for protocol, station in (("1.6", site.station), ("2.0.1", second))
    }


class TestOneEvening:
    def test_costs_the_same_in_either_version(self, url, site, boxes):
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
        cards = {protocol: make_token(contract=site.contract).uid for protocol in boxes}

        async def story():
            for protocol, box in boxes.items():
                async with box.at(url, protocol=protocol, power_w=11_000) as charger:
                    await charger.boot()
                    await charger.status("Preparing", at=at)
                    assert await charger.authorize(cards[protocol]) == "Accepted"
                    started = await charger.start(cards[protocol], at=at, meter_wh=88_000)
                    await charger.status("Charging", at=at)
                    for quarter in range(1, 5):
                        reading = (at + timedelta(minutes=15 * quarter), 88_000 + 2_500 * quarter)
                        await charger.meter_values(started.transaction_id, [reading])
                    await charger.status("SuspendedEV", at=at + timedelta(hours=1))
                    await charger.stop(started.transaction_id, at=at + timedelta(hours=2), meter_wh=98_000)
                    await charger.unplug(at=at + timedelta(hours=2))

        tell(story)
        now = datetime.now(UTC)
        sessions.sweep_unsettled(at=now + timedelta(minutes=5))
        sessions.sweep_unrated(at=now + timedelta(minutes=5))
        old, new = (ChargingSession.objects.get(station=box.station) for box in boxes.values())
        assert (old.transaction_ref, new.transaction_ref is None) == (None, False)
        assert (old.status, new.status) == ("settled", "settled")
        first, second = Cdr.objects.get(session=old), Cdr.objects.get(session=new)
        assert first.document == second.document
        assert (first.net.amount, first.energy_milliwh) == (second.net.amount, second.energy_milliwh)
        # 10 kWh × 0.49 + 1 h charging × 1.20 + 1 h idling × 6.00
        assert first.net.amount == Decimal("12.10")
        assert list(find_violations()) == []
