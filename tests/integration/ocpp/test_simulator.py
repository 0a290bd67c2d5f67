"""The simulated charger by itself: told by the command line, and living in real time."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from apps.core import clock
from apps.ocpp.models import Direction, Frame
from apps.ocpp.simulator.charger import SimulatedCharger, UnsupportedProtocolError
from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.ocpp.simulator.profile import Profile, Spell
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, SignatureCheck
from apps.stations.models import ChargingStation, Connector
from apps.stations.services import add_meter_key, request_command
from tests.factories import make_evse, make_station, make_user
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


def simulate(url: str, box, *more: str) -> None:
    call_command("simulate_station", "--url", url, "--identity", box.station.identity, "--password", box.key, *more)


def told_energy() -> list[tuple[float, int]]:
    """Return the register of the only session: minutes since its start, Wh."""
    session = ChargingSession.objects.get()
    return [
        ((reading.at - session.started_at) / timedelta(minutes=1), reading.energy_milliwh // 1000)
        for reading in session.readings.order_by("at", "energy_milliwh")
    ]


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
            ({"--offline-after": "60"}, "--offline-after and --offline-for are given together"),
            ({"--profile": "/nowhere.csv"}, "/nowhere.csv: No such file"),
            ({"--lose-answers": "1"}, "'1' is no share"),
            ({"--stations": "x"}, "'x' is no whole number from 1 to 9999"),
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


@pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
class TestAToldSession:
    """One hour at 11 kW, sampled every quarter, whatever happens to the line."""

    WHOLE = [(15, 2_750), (30, 5_500), (45, 8_250), (60, 11_000)]

    def tell(self, url, site, site_box, protocol, *more) -> ChargingSession:
        hour = ("--protocol", protocol, "--token", site.token.uid, "--energy-wh", "11000", "--power-w", "11000")
        simulate(url, site_box, *hour, *more)
        session = ChargingSession.objects.get()
        assert (session.meter_stop_milliwh, session.review_reasons) == (11_000_000, [])
        return session

    def test_is_told_after_an_hour_without_network_as_if_it_had_been_live(self, url, site, site_box, protocol):
        session = self.tell(url, site, site_box, protocol, "--offline-after", "1000", "--offline-for", "2000")

        assert [told for told in told_energy() if told[0]] == self.WHOLE
        assert ChargingStation.objects.get(pk=site.station.pk).connection_no == 2
        first = Frame.objects.filter(direction=Direction.IN, connection_no=2).earliest("pk")
        # What was queued goes first: the sample of half an hour.
        assert f"{session.started_at + timedelta(minutes=30):%H:%M:%S}" in first.payload

    def test_that_ends_without_network_is_told_in_the_end(self, url, site, site_box, protocol):
        self.tell(url, site, site_box, protocol, "--offline-after", "0", "--offline-for", "99999")

        assert [told for told in told_energy() if told[0]] == self.WHOLE

    def test_repeats_what_was_not_answered_and_is_kept_once(self, url, site, site_box, monkeypatch, protocol):
        monkeypatch.setattr("apps.ocpp.simulator.told._REPEAT_S", 0)
        lost = iter([True, False] * 100)
        monkeypatch.setattr("random.SystemRandom.random", lambda _: 0.0 if next(lost) else 0.9)

        self.tell(url, site, site_box, protocol, "--lose-answers", "0.5")

        assert [told for told in told_energy() if told[0]] == self.WHOLE
        frames = Frame.objects.filter(direction=Direction.IN, action__in=["StopTransaction", "TransactionEvent"])
        texts = list(frames.filter(payload__contains="Local").values_list("payload", flat=True))
        assert len(texts) == 2
        assert texts[0] == texts[1]

    def test_is_signed_by_a_key_that_its_owner_can_type(self, url, site, site_box, capsys, protocol):
        begun = clock.now() - timedelta(hours=2)
        session = self.tell(url, site, site_box, protocol, "--signed")
        public_key = capsys.readouterr().out.split("public key is ")[1].split()[0]
        reported = site.station.meter_keys.get()
        assert (reported.public_key, reported.adopted_at) == (public_key, None)

        add_meter_key(station_id=site.station.pk, evse_id=None, public_key=public_key, by=make_user(), at=begun)
        later = clock.now() + timedelta(hours=2)
        sessions.settle_sessions(session_ids=[session.pk], at=later)
        sessions.rate_or_review(session_id=session.pk, at=later)

        assert [check.verdict for check in SignatureCheck.objects.all()] == ["verified", "verified"]

    def test_follows_a_profile_from_a_file(self, url, site, site_box, tmp_path, protocol):
        path = tmp_path / "night.csv"
        path.write_text("seconds,power_w\n0,11000\n1800,0\n2700,22000\n3600,0\n")

        session = self.tell(url, site, site_box, protocol, "--profile", str(path))

        assert [told for told in told_energy() if told[0]] == [(15, 2_750), (30, 5_500), (45, 5_500), (60, 11_000)]
        pause = session.started_at + timedelta(minutes=30), session.started_at + timedelta(minutes=45)
        states = session.states.filter(at__range=pause).order_by("at")
        assert [state.state for state in states] == ["idle", "charging"]


class TestManyStations:
    def test_tell_a_session_each_and_one_summary(self, url, site, tmp_path, capsys):
        for number in (1, 2, 3):
            make_evse(station=make_station(location=site.location, identity=f"LOAD-000{number}", key=f"key-{number}"))
        keys = tmp_path / "keys.csv"
        keys.write_text("station,key\nLOAD-0001,key-1\nLOAD-0002,key-2\nLOAD-0003,wrong\n")

        call_command(
            "simulate_station",
            *("--url", url, "--identity", "LOAD", "--stations", "3", "--keys", str(keys)),
            *("--token", site.token.uid, "--energy-wh", "5500"),
        )

        ended = ChargingSession.objects.filter(meter_stop_milliwh=5_500_000).order_by("station__identity")
        assert [session.station.identity for session in ended] == ["LOAD-0001", "LOAD-0002"]
        told = capsys.readouterr().out
        assert told.startswith("3 stations: ")
        assert "1 errors" in told
        assert told.endswith("; 1 × refused: HTTP 401 unknown station or wrong key\n")


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

    def test_charges_on_without_network_and_tells_all_of_it_afterwards(self, url, site, site_box, monkeypatch):
        monkeypatch.setattr("apps.ocpp.simulator.live._RECONNECT_S", 0.1)
        spell = Spell(after=timedelta(minutes=10), lasts=timedelta(minutes=40))

        async def story():
            charger = live_charger(site_box, url, clock=fast_clock(3_600), energy_wh=11_000, spell=spell)
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: remote(site, "RemoteStartTransaction", {"idTag": site.token.uid}))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists(), timeout_s=10)
            online.cancel()
            await charger.disconnect()

        tell(story)
        session = ChargingSession.objects.get()
        assert session.meter_stop_milliwh == 11_000_000
        second = session.readings.filter(frame_id__in=Frame.objects.filter(connection_no=2).values("pk"))
        away = session.started_at + spell.after, session.started_at + spell.after + spell.lasts
        assert second.filter(at__range=away).count() >= 4

    def test_stops_where_its_car_is_full_by_its_profile(self, url, site, site_box):
        profile = Profile(steps=((0, 11_000), (1800, 0)), ends_at=timedelta(seconds=1800))

        async def story():
            charger = live_charger(site_box, url, clock=fast_clock(3_600), profile=profile)
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: remote(site, "RemoteStartTransaction", {"idTag": site.token.uid}))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            online.cancel()
            await charger.disconnect()

        tell(story)
        assert ChargingSession.objects.get().meter_stop_milliwh == 5_500_000


class TestTheProtocol:
    def test_is_one_that_is_spoken(self):
        with pytest.raises(UnsupportedProtocolError, match="not spoken"):
            SimulatedCharger("ws://127.0.0.1/ocpp", "BOX", "key", protocol="2.1")
