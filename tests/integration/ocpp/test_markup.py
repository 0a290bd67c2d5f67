"""Markup and formulas in every string that a station sends are shown as text on the console's pages."""

import asyncio
import csv
import json
from datetime import date, timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.analytics.services.trials import price_page, start_trial
from apps.ocpp.models import Direction, Frame, StationEvent
from apps.sessions.models import ChargingSession
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import request_command
from tests.factories import NOON, make_member
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.telling import bill, start, stop, values, wire
from tests.integration.tenants import answer, signed_in

# As long as the shortest field of OCPP 1.6 that is shown: CiString20.
TAG = "<script>x()</script>"
FORMULA = '=HYPERLINK("//x")'
MARKED = [TAG, "<img src=x onerror=x>"[:20], FORMULA, "'\"><b>{{7*7}}${7}"]


async def say_everything(line, clock, token: str) -> None:
    """Put the mark into every field of text that a station has."""
    for number, mark in enumerate(MARKED):
        at = NOON + number * timedelta(hours=2)
        clock.at = at
        boot = {
            "chargePointVendor": mark,
            "chargePointModel": mark,
            "chargePointSerialNumber": mark,
            "firmwareVersion": mark,
            "iccid": mark,
            "imsi": mark,
            "meterType": mark,
            "meterSerialNumber": mark,
        }
        await line.say(mark, "BootNotification", boot)
        status = {"connectorId": 1, "errorCode": "OtherError", "status": "Faulted", "info": mark}
        await line.say("s", "StatusNotification", {**status, "vendorId": mark, "vendorErrorCode": mark})
        security = {"type": mark, "timestamp": "2026-06-01T12:00:00Z", "techInfo": mark}
        await line.say("e", "SecurityEventNotification", security)
        await line.say("d", "DataTransfer", {"vendorId": mark, "messageId": mark, "data": mark})
        await line.say("a", "Authorize", {"idTag": mark})
        await line.say("u", mark, {})
        await line.ask(mark)
        sample = {"value": mark, "context": mark, "measurand": mark, "unit": mark, "phase": mark, "location": mark}
        for card in (mark, token):
            begun = await line.say("1", "StartTransaction", start(card, at, mark))
            transaction_id = begun[2]["transactionId"]
            await line.say("2", "MeterValues", values(transaction_id, (at, sample), (mark, {"value": mark})))
            await line.say("3", "StopTransaction", stop(transaction_id, mark, mark, idTag=card, reason=mark))
        await line.socket.send(json.dumps([4, "nobody-asked", mark, mark, {mark: mark}]))
        await line.socket.send(json.dumps([3, mark, {"status": mark}]))


async def answer_with_marks(line) -> None:
    """Answer what we ask with the mark in each place of the answer."""
    asked = json.loads(await asyncio.wait_for(line.socket.recv(), 10))
    key = {"key": TAG, "readonly": False, "value": TAG}
    answered = {"configurationKey": [key, {**key, "key": FORMULA, "value": FORMULA}], "unknownKey": [TAG]}
    await line.socket.send(json.dumps([3, asked[1], answered]))
    await line.say("h", "Heartbeat", {})


def pages(station: ChargingStation) -> list[str]:
    """Return the address of every page of the console that shows what a station said."""
    of_station = ("station", "station-live", "station-frames", "station-commands", "station-configuration")
    changelists = (ChargingStation, Frame, StationEvent, ChargingSession, StationCommand)
    rows = [
        station,
        *Frame.objects.filter(direction=Direction.IN)[:8],
        *StationEvent.objects.all()[:6],
        *ChargingSession.objects.all(),
    ]
    sessions = ChargingSession.objects.values_list("uid", flat=True)
    return [
        reverse("console:live"),
        reverse("console:reviews"),
        reverse("admin:index"),
        *[reverse(f"console:{name}", args=[station.pk]) for name in of_station],
        *[reverse(f"console:{name}", args=[uid]) for uid in sessions for name in ("session", "review")],
        *[reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist") for model in changelists],
        *[reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk]) for row in rows],
    ]


class TestMarkup:
    @pytest.fixture
    def station(self, url, site, site_box, clock) -> ChargingStation:
        """A station that has said nothing but marks."""
        request_command(
            station_id=site.station.pk,
            action="GetConfiguration",
            payload={},
            deadline_at=NOON + timedelta(hours=9),
            requested_at=NOON,
        )

        async def story():
            async with wire(url, site_box) as line:
                await answer_with_marks(line)
                await say_everything(line, clock, site.token.uid)
                await line.say("h", "Heartbeat", {})

        tell(story)
        assert bill(NOON + timedelta(days=4)) == []
        return site.station

    def test_is_shown_as_text_on_every_page(self, station, site):
        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        shown = 0

        for address in pages(station):
            response = client.get(address, follow=True)

            assert response.status_code == 200, address
            page = answer(response).decode()
            for mark in MARKED:
                assert "<" not in mark or mark not in page, (address, mark)
            assert "<script>x()" not in page, address
            assert "<img src=x" not in page, address
            shown += "&lt;script&gt;x()&lt;/script&gt;" in page
        assert shown > 10

    def test_is_in_no_table_to_download(self, station, site, url, site_box, clock):
        """The one export there is, of a trial on the station's own sessions, holds no word of a station."""
        clock.at = NOON + timedelta(days=10)

        async def story():
            async with wire(url, site_box) as line:
                begun = await line.say("1", "StartTransaction", start(site.token.uid, clock.at))
                ended_at = clock.at = clock.at + timedelta(hours=1)
                return await line.say("2", "StopTransaction", stop(begun[2]["transactionId"], ended_at))

        tell(story)
        assert len(bill(clock.at + timedelta(hours=1))) == 1
        trial = start_trial(
            tariff_version_id=site.version.pk, first_date=date(2026, 6, 1), last_date=date(2026, 6, 11), at=clock.at
        )
        while price_page(trial_id=trial.pk, at=clock.at):
            pass
        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)

        response = client.get(reverse("admin:analytics_tarifftrial_export", args=[trial.pk]))

        rows = list(csv.reader(response.content.decode().splitlines()))
        assert len(rows) > 2
        assert [mark for mark in MARKED if mark in response.content.decode()] == []
        assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t"))] == []
