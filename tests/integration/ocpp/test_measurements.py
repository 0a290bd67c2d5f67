"""Power on the wire becomes a fact of the session where its tariff asks for it."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.ocpp.models import Frame
from apps.ocpp.simulator.charger import wire_time
from apps.sessions.models import Measurement, MeterReading
from tests.factories import Site, make_site
from tests.integration.ocpp.conftest import tell

ELEMENTS = [
    {"price_components": [{"type": "ENERGY", "price": "0.80"}], "restrictions": {"min_power": "10"}},
    {"price_components": [{"type": "ENERGY", "price": "0.40"}]},
]


@pytest.fixture
def site(transactional_db) -> Site:
    return make_site(elements=ELEMENTS)


class TestMeterValues:
    def test_leave_the_power_of_all_phases_beside_the_register(self, url, site, site_box):
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)
        at = began + timedelta(minutes=1)
        phases = [
            {"value": "3.68", "unit": "kW", "measurand": "Power.Active.Import", "phase": phase}
            for phase in ("L1", "L2", "L3")
        ]

        async def story():
            async with site_box.at(url) as charger:
                start = await charger.start(site.token.uid, at=began, meter_wh=1_000)
                values = [{"timestamp": wire_time(at), "sampledValue": [{"value": "1180"}, *phases]}]
                payload = {"connectorId": 1, "transactionId": start.transaction_id, "meterValue": values}
                for _ in range(2):
                    await charger.call("MeterValues", payload)

        tell(story)
        measured = Measurement.objects.get()
        assert (measured.at, measured.kind, measured.value_milli) == (at, "power", 11_040_000)
        assert MeterReading.objects.get(at=at).energy_milliwh == 1_180_000
        assert Frame.objects.get(pk=measured.frame_id).action == "MeterValues"
