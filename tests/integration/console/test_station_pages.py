"""What a station's pages show: how it stands, what it was asked, and nothing secret."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.core import clock
from apps.ocpp.models import Frame
from apps.stations.models import ChargingStation, ConfigurationKey, StationCommand
from apps.stations.services import Notice, ReportedKey, record_configuration, request_command, tell_stations
from tests.factories import make_session, make_vehicle
from tests.integration.console.station_acts import PAGES, act, commands
from tests.integration.tenants import answer


class TestASecret:
    SECRET = "hunter2-canary"

    def test_is_written_and_never_read_back(self, ours, owner):
        station = ours.site.station

        owner.post(act(station, "change-configuration"), {"name": "WifiPassword", "value": self.SECRET})

        command = StationCommand.objects.get(action="ChangeConfiguration")
        assert command.payload == {"key": "WifiPassword", "value": "•••"}
        assert command.wire_payload() == {"key": "WifiPassword", "value": self.SECRET}
        assert self.SECRET not in command.sealed
        for page in (*PAGES, "station-act"):
            args = [station.pk, "change-configuration"] if page == "station-act" else [station.pk]
            assert self.SECRET.encode() not in answer(owner.get(reverse(f"console:{page}", args=args)))

    def test_is_forgotten_when_its_command_ends(self, ours, owner):
        owner.post(act(ours.site.station, "change-configuration"), {"name": "WifiPassword", "value": self.SECRET})
        command = StationCommand.objects.get(action="ChangeConfiguration")

        command.set_ended(status="rejected", answer={"status": "Rejected"}, at=clock.now())

        assert (command.sealed, command.wire_payload()["value"]) == ("", "•••")

    def test_in_an_old_frame_is_masked_where_it_is_shown(self, ours, owner):
        station = ours.site.station
        Frame.objects.create(
            station=station,
            connection_no=1,
            direction="in",
            received_at=clock.now(),
            message_id="m",
            payload=f'[3,"m",{{"configurationKey":[{{"key":"AuthorizationKey","value":"{self.SECRET}"}}]}}]',
        )

        text = owner.get(reverse("console:station-frames", args=[station.pk])).content.decode()

        assert "AuthorizationKey" in text
        assert self.SECRET not in text


class TestAnyMessage:
    def action(self, ours, name: str) -> str:
        return reverse("console:station-action", args=[ours.site.station.pk, name])

    def test_is_sent_as_its_form_says(self, ours, owner):
        owner.post(self.action(ours, "GetDiagnostics"), {"location": "ftp://files.example/up", "retries": "3"})

        assert commands(ours.site.station) == [("GetDiagnostics", {"location": "ftp://files.example/up", "retries": 3})]

    def test_refuses_what_the_schema_does_not_allow_by_the_fields_path_and_writes_nothing(self, ours, owner):
        typed = {
            "connectorId": "one",
            "csChargingProfiles.chargingProfileId": "1",
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.limit": "11.15",
        }

        no_number = owner.post(self.action(ours, "SetChargingProfile"), typed)
        no_schema = owner.post(self.action(ours, "SetChargingProfile"), {**typed, "connectorId": "1"})

        assert [no_number.status_code, no_schema.status_code] == [422, 422]
        assert "connectorId: “one” is no whole number" in no_number.content.decode()
        errors = no_schema.context["errors"]
        assert "csChargingProfiles.stackLevel: is required" in errors
        period = "csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0"
        assert f"{period}.startPeriod: is required" in errors
        assert f"{period}.limit: 11.15 is not a multiple of 0.1" in errors
        assert 'value="11.15"' in no_schema.content.decode()
        assert commands(ours.site.station) == []

    def test_grows_a_list_by_one_and_writes_nothing(self, ours, owner):
        response = owner.post(self.action(ours, "GetConfiguration"), {"key.0": "A", "_more": "key"})

        owner.post(self.action(ours, "GetConfiguration"), {"key.0": "A", "key.1": "B"})

        assert 'name="key.1"' in response.content.decode()
        assert commands(ours.site.station) == [("GetConfiguration", {"key": ["A", "B"]})]

    def test_masks_the_password_in_an_address(self, ours, owner):
        owner.post(self.action(ours, "GetDiagnostics"), {"location": "ftp://box:s3cret@files.example/up"})

        command = StationCommand.objects.get(action="GetDiagnostics")
        assert command.payload == {"location": "ftp://box:•••@files.example/up"}
        assert command.wire_payload() == {"location": "ftp://box:s3cret@files.example/up"}

    @pytest.mark.parametrize("name", ["StartTransaction", "SetVariables", "Nonsense"])
    def test_is_only_what_we_may_send_in_the_stations_version(self, ours, owner, name):
        assert owner.get(self.action(ours, name)).status_code == 404

    @pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
    def test_has_a_form_for_every_action(self, ours, owner, protocol):
        ChargingStation.objects.filter(pk=ours.site.station.pk).update(protocol=protocol)
        listed = owner.get(reverse("console:station-actions", args=[ours.site.station.pk])).context["actions"]

        codes = {name: owner.get(self.action(ours, name)).status_code for name in listed}

        assert len(listed) > 20
        assert set(codes.values()) == {200}

    def test_neither_lowers_the_profile_nor_changes_the_key(self, ours, owner):
        station = ours.site.station
        record_configuration(
            station_id=station.pk, entries=[ReportedKey(name="SecurityProfile", value="2")], at=clock.now()
        )

        for key in ("SecurityProfile", "securityprofile", "AuthorizationKey"):
            owner.post(self.action(ours, "ChangeConfiguration"), {"key": key, "value": "1"})

        assert commands(station) == []


class TestAStationsPage:
    def test_has_a_button_for_each_act(self, ours, owner):
        text = owner.get(reverse("console:station", args=[ours.site.station.pk])).content.decode()

        for words in ("Start a session", "Restart the station", "Send the local list", "Any OCPP message"):
            assert words in text

    def test_says_how_each_command_stands(self, ours, owner):
        station, at = ours.site.station, clock.now()
        for status, sent, reply in (
            ("accepted", at, {"status": "Accepted"}),
            ("rejected", at, {"status": "NotSupported"}),
            ("timed_out", None, None),
            ("timed_out", at, None),
        ):
            command = request_command(
                station_id=station.pk,
                action="UnlockConnector",
                payload={"connectorId": 1},
                requested_at=at,
                deadline_at=at + timedelta(minutes=1),
            )
            StationCommand.objects.filter(pk=command.pk).update(status=status, sent_at=sent, ended_at=at, answer=reply)

        text = owner.get(reverse("console:station-live", args=[station.pk])).content.decode()

        for words in (
            "The station accepted it.",
            "The station does not support this.",
            "The station did not come online in time; it was never sent.",
            "No answer in time.",
            "Waits for the station to come online.",
        ):
            assert words in text

    def test_shows_what_its_display_was_told_and_no_notice_among_the_commands(self, ours, owner):
        station, at = ours.site.station, clock.now()
        ChargingStation.objects.filter(pk=station.pk).update(shows_cost=True)
        price = ("SetDisplayMessage", {"message": {"message": {"content": "<b>0.50</b> EUR/kWh"}}})
        cost = ("CostUpdated", {"totalCost": Decimal("4.20"), "transactionId": "T-1"})
        told = (("price", price), ("cost:1", cost), ("settings", ("GetConfiguration", {})))
        tell_stations([Notice(station_id=station.pk, topic=topic, stamp="a", call=call) for topic, call in told], at=at)

        page = owner.get(reverse("console:station", args=[station.pk])).content.decode()
        listed = owner.get(reverse("console:station-commands", args=[station.pk])).content.decode()
        admin = owner.get(reverse("admin:stations_stationcommand_changelist")).content.decode()

        assert "cost so far at EVSE 1: “4.20” · requested" in page
        assert "price while nobody charges: “&lt;b&gt;0.50&lt;/b&gt; EUR/kWh” · requested" in page
        for text in (page, listed, admin):
            assert "CostUpdated" not in text
            assert "GetConfiguration" not in text

    def test_lets_its_owner_decide_about_prices_on_the_display(self, ours, owner):
        text = owner.get(reverse("admin:stations_chargingstation_change", args=[ours.site.station.pk])).content.decode()

        assert 'name="price_display"' in text
        assert "as the station says it can" in text

    def test_is_online_for_90_seconds_after_it_was_last_heard_of(self, ours, owner):
        station, at = ours.site.station, clock.now()
        states = []
        for seen, closed in (
            (at - timedelta(seconds=80), None),
            (at - timedelta(seconds=95), None),
            (at - timedelta(seconds=5), at),
        ):
            ChargingStation.objects.filter(pk=station.pk).update(last_seen_at=seen, disconnected_at=closed)
            states.append(owner.get(reverse("console:station-live", args=[station.pk])).context["standing"].is_online)

        assert states == [True, False, False]

    def test_shows_what_the_running_session_costs_so_far(self, ours, owner):
        live = make_session(site=ours.site, meter_start_milliwh=0, vehicle=make_vehicle(customer=ours.site.customer))
        live.readings.create(at=live.started_at + timedelta(minutes=30), energy_milliwh=10_000_000, frame_id=1)

        text = owner.get(reverse("console:station-live", args=[ours.site.station.pk])).content.decode()

        assert "10.000 kWh" in text
        assert "€5.95" in text

    def test_escapes_what_a_station_says(self, ours, owner):
        station = ours.site.station
        Frame.objects.create(
            station=station,
            connection_no=1,
            direction="in",
            received_at=clock.now(),
            message_id="m",
            action="StatusNotification",
            payload='[2,"m","StatusNotification",{"info":"<script>alert(1)</script>"}]',
        )
        record_configuration(
            station_id=station.pk, entries=[ReportedKey(name="<b>x</b>", value="<i>y</i>")], at=clock.now()
        )

        pages = [owner.get(reverse(f"console:{page}", args=[station.pk])).content.decode() for page in PAGES]

        assert all(text not in page for page in pages for text in ("<script>alert", "<b>x</b>", "<i>y</i>"))

    def test_asks_the_database_a_bounded_number_of_times(self, ours, owner, django_assert_max_num_queries):
        with django_assert_max_num_queries(30):
            owner.get(reverse("console:station", args=[ours.site.station.pk]))

    def test_keeps_only_the_newest_word_of_a_setting(self, ours):
        station, at = ours.site.station, clock.now()
        for value, said_at in (("60", at), ("30", at - timedelta(minutes=1))):
            record_configuration(
                station_id=station.pk, entries=[ReportedKey(name="HeartbeatInterval", value=value)], at=said_at
            )

        assert ConfigurationKey.objects.get().value == "60"
