"""The simulated charger by itself: told by the command line, and living in real time."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from apps.core import clock
from apps.ocpp.simulator.charger import SimulatedCharger, UnsupportedProtocolError
from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.sessions.models import ChargingSession
from apps.stations.models import Connector
from apps.stations.services import request_command
from tests.integration.ocpp.conftest import PROJECT, in_database, tell, until


def remote(site, action: str, payload: dict[str, object]) -> None:
    at = clock.now()
    request_command(
        station_id=site.station.pk,
        action=action,
        payload=payload,
        requested_at=at,
        deadline_at=at + timedelta(minutes=1),
    )


def live_charger(site_box, url: str, **options) -> LiveCharger:
    return LiveCharger(url, site_box.station.identity, site_box.key, interval_s=0.1, **options)


class TestTheCommand:
    @pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
    def test_tells_one_session_and_leaves(self, url, site, site_box, capsys, protocol):
        call_command(
            "simulate_station",
            *("--protocol", protocol, "--url", url, "--identity", site.station.identity, "--password", site_box.key),
            *("--token", site.token.uid, "--energy-wh", "22000", "--power-w", "11000", "--meter-wh", "500"),
        )

        session = ChargingSession.objects.get()
        assert session.ended_at - session.started_at == timedelta(hours=2)
        assert session.meter_stop_milliwh - session.meter_start_milliwh == 22_000_000
        told = capsys.readouterr().out
        assert "→ [2," in told
        assert told.endswith(f"transaction {session.transaction_ref or session.transaction_id}: Accepted\n")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"--password": "wrong"}, "refused: HTTP 401"),
            ({"--protocol": "2.1"}, "OCPP 2.1 is not spoken; 1.6 and 2.0.1 are"),
            ({"--url": "ws://127.0.0.1:9/ocpp", "--token": "CARD"}, "no central system at ws://127.0.0.1:9/ocpp"),
        ],
    )
    def test_says_in_words_why_it_cannot(self, url, site_box, change, words):
        arguments = {"--url": url, "--identity": site_box.station.identity, "--password": site_box.key, **change}

        with pytest.raises(CommandError, match=words):
            call_command("simulate_station", *[part for pair in arguments.items() for part in pair])

    def test_needs_no_database_of_its_own(self):
        done = subprocess.run(
            [sys.executable, "manage.py", "simulate_station", "--help"], cwd=PROJECT, capture_output=True, text=True
        )

        assert "--speedup" in done.stdout


class TestALiveCharger:
    def test_starts_and_stops_when_told_to(self, url, site, site_box):
        async def story():
            charger = live_charger(site_box, url, clock=fast_clock(60))
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(
                lambda: remote(site, "RemoteStartTransaction", {"idTag": site.token.uid, "connectorId": 1})
            )
            session = await until(ChargingSession.objects.first)
            await until(lambda: session.readings.count() > 2)
            await in_database(lambda: remote(site, "RemoteStopTransaction", {"transactionId": session.transaction_id}))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            online.cancel()
            await charger.disconnect()

        tell(story)
        session = ChargingSession.objects.get()
        assert session.stop_reason == "Remote"
        assert session.meter_stop_milliwh > session.meter_start_milliwh == 0

    def test_is_full_at_last(self, url, site, site_box):
        async def story():
            charger = live_charger(site_box, url, clock=fast_clock(3_600), energy_wh=1_000)
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: remote(site, "RemoteStartTransaction", {"idTag": site.token.uid}))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            online.cancel()
            await charger.disconnect()

        tell(story)
        session = ChargingSession.objects.get()
        assert (session.stop_reason, session.meter_stop_milliwh) == ("EVDisconnected", 1_000_000)

    def test_tells_what_it_could_not_when_the_network_is_back(self, url, site, site_box, monkeypatch):
        monkeypatch.setattr("apps.ocpp.simulator.live._RECONNECT_S", 0.3)

        async def story():
            charger = live_charger(site_box, url)
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: remote(site, "RemoteStartTransaction", {"idTag": site.token.uid}))
            session = await until(ChargingSession.objects.first)
            await charger.drop()
            await charger.on_unlock({})
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            online.cancel()
            await charger.disconnect()
            return session

        tell(story)
        assert ChargingSession.objects.get().stop_reason == "UnlockCommand"


class TestTheProtocol:
    def test_is_one_that_is_spoken(self):
        with pytest.raises(UnsupportedProtocolError, match="not spoken"):
            SimulatedCharger("ws://127.0.0.1/ocpp", "BOX", "key", protocol="2.1")
