"""What people ask of a station in the console, told to a charger at the other end of a real socket."""

import asyncio
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.ocpp.offline_cards import forget_cards
from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.sessions.models import ChargingSession
from apps.stations.models import (
    ChargingStation,
    ConfigurationKey,
    Connector,
    LocalListEntry,
    OfflineAuthorisation,
    StationCommand,
)
from apps.stations.services import sweep_commands
from tests.factories import make_member, make_token, make_user
from tests.integration.ocpp.conftest import in_database, tell, until
from tests.integration.tenants import signed_in

SECRET = "canary-0123456789-canary"
SETTINGS = {
    "configurationKey": [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "AuthorizationKey", "readonly": False, "value": SECRET},
        {"key": "VendorWifiPassword", "readonly": False, "value": SECRET},
        {"key": "DiagnosticsUrl", "readonly": False, "value": f"ftp://box:{SECRET}@files.example/"},
        {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,LocalAuthListManagement"},
    ],
    "unknownKey": ["Nonsense"],
}


@pytest.fixture
def desk(site):
    """The owner's browser."""
    return signed_in(make_member(organisation=site.owner, role=Role.OWNER, user=make_user(is_staff=True)).user)


def ask(desk, site, slug: str, **fields) -> StationCommand:
    """Fill in a form of the console and return the command it made."""
    response = desk.post(reverse("console:station-act", args=[site.station.pk, slug]), fields)
    assert response.status_code == 302, response.content.decode()
    return StationCommand.objects.latest("pk")


def page(desk, site, name: str = "station-live") -> str:
    return desk.get(reverse(f"console:{name}", args=[site.station.pk])).content.decode()


def ended(command: StationCommand) -> bool:
    command.refresh_from_db()
    return command.ended_at is not None


def replying(reply):
    async def answer(_):
        return reply

    return answer


def tables_that_hold(text: str) -> list[str]:
    """Search every column of every table, as text."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        found = []
        for name in names:
            cursor.execute(f'SELECT 1 FROM "{name}" AS t WHERE to_jsonb(t)::text LIKE %s LIMIT 1', [f"%{text}%"])
            found += [name] if cursor.fetchone() else []
    return found


async def told(charger, action: str, reply, request):
    """Let the charger answer ``reply``; make the request; return its payload and the command, ended."""
    charger.replies[action] = replying(reply)
    command = await in_database(request)
    asked = await asyncio.wait_for(charger.requests.get(), 5)
    await until(lambda: ended(command))
    assert asked[0] == action
    return asked[1], command


class TestReadingSettings:
    def test_keeps_a_row_a_key_and_its_secrets_nowhere(self, url, site, site_box, desk, caplog, capfd):
        async def story():
            async with site_box.at(url) as charger:
                return await told(charger, "GetConfiguration", SETTINGS, lambda: ask(desk, site, "read-configuration"))

        payload, command = tell(story)
        rows = {row.name: (row.value, row.is_secret, row.is_readonly) for row in ConfigurationKey.objects.all()}
        answer = Frame.objects.get(message_id=command.message_id, direction="in")
        shown = [page(desk, site, name) for name in ("station", "station-frames", "station-configuration")]
        assert payload == {}
        assert command.status == "accepted"
        assert rows == {
            "HeartbeatInterval": ("300", False, False),
            "AuthorizationKey": ("•••", True, False),
            "VendorWifiPassword": ("•••", True, False),
            "DiagnosticsUrl": ("ftp://box:•••@files.example/", False, False),
            "SupportedFeatureProfiles": ("Core,LocalAuthListManagement", False, True),
        }
        assert json.loads(answer.payload)[2]["configurationKey"][0] == SETTINGS["configurationKey"][0]
        assert answer.note == "secrets masked"
        assert tables_that_hold(SECRET) == []
        assert tables_that_hold("SupportedFeatureProfiles") != []
        assert SECRET not in caplog.text + "".join(capfd.readouterr()) + "".join(shown)
        assert "5 settings read. Unknown to the station: Nonsense." in shown[0]

    @pytest.mark.parametrize("text", ['[3,"%s",%s', '[3,"%s",%s]x'])
    def test_keeps_no_secret_of_an_answer_that_cannot_be_read(self, url, site, site_box, desk, text):
        async def story():
            async with site_box.at(url) as charger:
                charger.replies["GetConfiguration"] = replying(None)
                command = await in_database(lambda: ask(desk, site, "read-configuration"))
                await asyncio.wait_for(charger.requests.get(), 5)
                await in_database(command.refresh_from_db)
                await charger.send_text(text % (command.message_id, json.dumps(SETTINGS)))
                await charger.send_text((text % (command.message_id, json.dumps(SETTINGS))).encode())
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNREADABLE).count() == 2)

        tell(story)
        assert Frame.objects.filter(note__contains="secrets masked").count() == 2
        assert tables_that_hold(SECRET) == []

    def test_keeps_the_stations_own_key_nowhere_whatever_it_is_called(self, url, site, site_box, desk):
        said = {"configurationKey": [{"key": "BackOffice", "readonly": False, "value": f"x:{site_box.key}"}]}

        async def story():
            async with site_box.at(url) as charger:
                await told(charger, "GetConfiguration", said, lambda: ask(desk, site, "read-configuration"))

        tell(story)
        assert ConfigurationKey.objects.get().value == "x:•••"
        assert tables_that_hold(site_box.key) == []

    def test_takes_no_settings_from_an_answer_nobody_asked_for(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                await charger.send_text(f'[3,"never-sent",{json.dumps(SETTINGS)}]')
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNSOLICITED).exists())

        tell(story)
        assert not ConfigurationKey.objects.exists()
        assert tables_that_hold(SECRET) == []


class TestReadingVariables:
    PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}

    def test_keeps_a_row_a_variable_and_its_secrets_nowhere(self, url, site, site_box, desk):
        reply = {
            "getVariableResult": [
                {"attributeStatus": "Accepted", "attributeValue": SECRET, **self.PASSWORD},
                {"attributeStatus": "Accepted", "attributeValue": "300", **self.INTERVAL},
                {"attributeStatus": "UnknownVariable", "component": {"name": "X"}, "variable": {"name": "Y"}},
            ]
        }
        names = "SecurityCtrlr.BasicAuthPassword\nOCPPCommCtrlr.HeartbeatInterval\nX.Y"

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                return await told(
                    charger, "GetVariables", reply, lambda: ask(desk, site, "read-configuration", names=names)
                )

        payload, command = tell(story)
        assert payload["getVariableData"][:2] == [self.PASSWORD, self.INTERVAL]
        assert command.status == "accepted"
        assert dict(ConfigurationKey.objects.values_list("name", "value")) == {
            "SecurityCtrlr.BasicAuthPassword": "•••",
            "OCPPCommCtrlr.HeartbeatInterval": "300",
        }
        assert tables_that_hold(SECRET) == []
        assert "2 of 3 accepted. The station has no such variable." in page(desk, site)

    def test_of_a_whole_report_does_so_too(self, url, site, site_box):
        report = {
            "requestId": 1,
            "generatedAt": "2026-06-01T12:00:00Z",
            "seqNo": 0,
            "reportData": [
                {**self.PASSWORD, "variableAttribute": [{"value": SECRET, "mutability": "ReadWrite"}]},
                {**self.INTERVAL, "variableAttribute": [{"value": "300", "mutability": "ReadOnly"}]},
                {
                    "component": {"name": "Vendor", "evse": {"id": 1, "connectorId": 2}},
                    "variable": {"name": "Pair", "instance": "A"},
                    "variableAttribute": [{"value": "42", "mutability": "WriteOnly"}],
                },
            ],
        }

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                await charger.call("NotifyReport", report)

        tell(story)
        rows = ConfigurationKey.objects.values_list("name", "value", "is_secret", "is_readonly")
        assert {name: rest for name, *rest in rows} == {
            "SecurityCtrlr.BasicAuthPassword": ["•••", True, False],
            "OCPPCommCtrlr.HeartbeatInterval": ["300", False, True],
            "Vendor@1:2.Pair[A]": ["•••", True, False],
        }
        assert tables_that_hold(SECRET) == []


class TestChangingASecret:
    def test_reaches_the_station_as_typed_and_stays_nowhere(self, url, site, site_box, desk):
        async def story():
            async with site_box.at(url) as charger:
                return await told(
                    charger,
                    "ChangeConfiguration",
                    {"status": "RebootRequired"},
                    lambda: ask(desk, site, "change-configuration", name="WifiPassword", value=SECRET),
                )

        payload, command = tell(story)
        assert payload == {"key": "WifiPassword", "value": SECRET}
        assert (command.status, command.payload["value"], command.sealed) == ("accepted", "•••", "")
        assert ConfigurationKey.objects.get().value == "•••"
        assert tables_that_hold(SECRET) == []
        assert "it counts after the next restart" in page(desk, site)


class TestARestart:
    @pytest.mark.parametrize(
        ("kind", "reply", "payload", "status"),
        [
            ("soft", {"status": "Accepted"}, {"type": "Soft"}, "accepted"),
            ("hard", {"status": "Rejected"}, {"type": "Hard"}, "rejected"),
        ],
    )
    def test_ends_by_the_stations_word(self, url, site, site_box, desk, kind, reply, payload, status):
        async def story():
            async with site_box.at(url) as charger:
                return await told(charger, "Reset", reply, lambda: ask(desk, site, "reset", kind=kind))

        asked, command = tell(story)
        assert (asked, command.status) == (payload, status)


class TestACommandOnThePage:
    def test_goes_from_its_way_to_its_answer_whatever_comes_late_or_twice(self, url, site, site_box, desk, settings):
        settings.OCPP_COMMAND_TIMEOUT_S = 0.1
        texts = {}

        async def story():
            texts["offline"] = await in_database(lambda: (ask(desk, site, "clear-cache"), page(desk, site))[1])
            async with site_box.at(url) as charger:
                charger.replies["ClearCache"] = replying(None)
                await asyncio.wait_for(charger.requests.get(), 5)
                texts["sent"] = await in_database(lambda: page(desk, site))
                await in_database(lambda: sweep_commands(at=clock.now() + timedelta(hours=1)))
                texts["lost"] = await in_database(lambda: page(desk, site))
                command = await in_database(lambda: StationCommand.objects.get())
                for _ in range(2):
                    await charger.send_text(f'[3,"{command.message_id}",{{"status":"Accepted"}}]')
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNSOLICITED).count() == 2)
                texts["late"] = await in_database(lambda: page(desk, site))

        tell(story)
        assert "Waits for the station to come online." in texts["offline"]
        assert "Sent. Waits for the answer." in texts["sent"]
        assert "No answer in time." in texts["lost"]
        assert "No answer in time." in texts["late"]
        assert "The station accepted it." not in texts["late"]
        assert not OfflineAuthorisation.objects.exists()

    def test_that_the_station_does_not_know_ends_in_words(self, url, site, site_box, desk):
        async def story():
            async with site_box.at(url) as charger:
                charger.replies.pop("TriggerMessage", None)
                command = await in_database(lambda: ask(desk, site, "trigger", message="Heartbeat"))
                await until(lambda: ended(command))

        tell(story)
        assert "The station does not know this message." in page(desk, site)


class TestARemoteStart:
    def test_becomes_a_session_that_a_remote_stop_ends(self, url, site, site_box, desk):
        shown = {}

        async def story():
            charger = LiveCharger(url, site_box.station.identity, site_box.key, interval_s=0.1, clock=fast_clock(60))
            online = asyncio.create_task(charger.run())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            await in_database(lambda: ask(desk, site, "start", evse=site.evse.pk, card=site.token.uid[-4:]))
            session = await until(ChargingSession.objects.first)
            await until(lambda: session.readings.count() > 2)
            shown["live"] = await in_database(lambda: page(desk, site))
            await in_database(lambda: ask(desk, site, "stop", session=session.uid))
            await until(lambda: ChargingSession.objects.filter(ended_at__isnull=False).exists())
            await until(lambda: Connector.objects.get(evse=site.evse).status == "Available")
            online.cancel()
            await charger.disconnect()

        tell(story)
        session = ChargingSession.objects.get()
        assert (session.token, session.contract, session.stop_reason) == (site.token, site.contract, "Remote")
        assert session.is_billable
        assert session.grant.contract == site.contract
        assert "Cost so far" in shown["live"]
        assert {command.status for command in StationCommand.objects.all()} == {"accepted"}

    def test_of_a_card_blocked_in_between_is_refused_at_once(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                before = await charger.authorize(site.token.uid)
                site.token.status = "blocked"
                await in_database(site.token.save)
                return before, await charger.authorize(site.token.uid)

        assert tell(story) == ("Accepted", "Blocked")


class TestALocalListOf201:
    def test_names_cards_by_their_kind_and_empties_itself(self, url, site, site_box, desk):
        make_token(contract=site.contract, uid="04AABBCC")

        async def story():
            async with site_box.at(url, protocol="2.0.1") as charger:
                accepted = {"status": "Accepted"}
                full, _ = await told(charger, "SendLocalList", accepted, lambda: ask(desk, site, "send-list"))
                await in_database(lambda: site.contract.tokens.update(status="blocked"))
                await in_database(lambda: forget_cards(at=clock.now()))
                change = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: OfflineAuthorisation.objects.get().held_version == 2)
                return full, change[1]

        full, change = tell(story)
        kinds = {entry["idToken"]["idToken"]: entry["idToken"]["type"] for entry in full["localAuthorizationList"]}
        assert kinds == {"04AABBCC": "ISO14443", site.token.uid: "Central"}
        assert all("idTokenInfo" not in entry for entry in change["localAuthorizationList"])
        assert not LocalListEntry.objects.exists()


class TestABlockedCard:
    def test_leaves_the_local_lists_that_hold_it(self, url, site, site_box, desk):
        other = make_token(contract=site.contract, uid="OTHER1")

        async def story():
            async with site_box.at(url) as charger:
                full, _ = await told(
                    charger, "SendLocalList", {"status": "Accepted"}, lambda: ask(desk, site, "send-list")
                )
                await in_database(lambda: block(desk, site.token))
                held = await in_database(lambda: card_page(desk, site.token))
                await in_database(lambda: forget_cards(at=clock.now()))
                change = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: OfflineAuthorisation.objects.get().held_version == 2)
                again = await in_database(lambda: forget_cards(at=clock.now()))
                return full, held, change, again

        full, held, (action, change), again = tell(story)
        accepted = {"status": "Accepted"}
        assert full["listVersion"] == 1
        assert sorted(full["localAuthorizationList"], key=lambda entry: entry["idTag"]) == sorted(
            [
                {"idTag": other.uid, "idTagInfo": accepted},
                {"idTag": site.token.uid, "idTagInfo": accepted},
            ],
            key=lambda entry: entry["idTag"],
        )
        assert "local list" in held
        assert (action, change) == (
            "SendLocalList",
            {
                "listVersion": 2,
                "updateType": "Differential",
                "localAuthorizationList": [{"idTag": site.token.uid}],
            },
        )
        assert again == 0
        assert list(LocalListEntry.objects.values_list("uid", flat=True)) == [other.uid]
        assert "None that we know of." in card_page(desk, site.token)

    def test_is_forgotten_by_the_cache_of_where_it_charged(self, url, site, site_box, desk):
        async def story():
            async with site_box.at(url) as charger:
                charger.replies["ClearCache"] = replying({"status": "Accepted"})
                await charger.charge(site.token.uid, started_at=clock.now() - timedelta(hours=2), energy_wh=1_000)
                early = await in_database(lambda: forget_cards(at=clock.now()))
                await in_database(lambda: block(desk, site.token))
                held = await in_database(lambda: card_page(desk, site.token))
                asked = await in_database(lambda: (forget_cards(at=clock.now()), forget_cards(at=clock.now())))
                request = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: OfflineAuthorisation.objects.filter(cache_cleared_at__isnull=False).exists())
                return early, held, asked, request, await in_database(lambda: forget_cards(at=clock.now()))

        early, held, asked, request, late = tell(story)
        assert (early, asked, late) == (0, (1, 0), 0)
        assert "perhaps its cache" in held
        assert request == ("ClearCache", {})
        assert "None that we know of." in card_page(desk, site.token)

    def test_is_taken_out_again_after_the_station_was_away(self, site):
        at = clock.now()
        LocalListEntry.objects.create(station=site.station, uid=site.token.uid)
        site.token.status = "blocked"
        site.token.save()
        forget_cards(at=at)
        sweep_commands(at=at + timedelta(hours=2))

        while_away = forget_cards(at=at + timedelta(hours=3))
        ChargingStation.objects.update(last_seen_at=at + timedelta(hours=4), disconnected_at=None)
        back = forget_cards(at=at + timedelta(hours=4))

        assert (while_away, back) == (0, 1)

    def test_is_asked_of_a_station_once_by_bell_and_sweeper_together(self, site, at_once):
        LocalListEntry.objects.create(station=site.station, uid=site.token.uid)
        site.token.status = "blocked"
        site.token.save()
        at = clock.now()

        asked = at_once(*[lambda: forget_cards(at=at)] * 4)

        assert sorted(asked) == [0, 0, 0, 1]
        assert StationCommand.objects.count() == 1

    def test_makes_a_station_with_another_list_take_the_whole_of_it(self, site):
        at = clock.now()
        for uid in (site.token.uid, "KEPT"):
            LocalListEntry.objects.create(station=site.station, uid=uid)
        make_token(contract=site.contract, uid="KEPT")
        site.token.status = "blocked"
        site.token.save()
        forget_cards(at=at)
        StationCommand.objects.get().set_ended(status="rejected", answer={"status": "VersionMismatch"}, at=at)

        asked = forget_cards(at=at)

        command = StationCommand.objects.latest("pk")
        assert asked == 1
        assert command.payload["updateType"] == "Full"
        assert [entry["idTag"] for entry in command.payload["localAuthorizationList"]] == ["KEPT"]


def block(desk, token) -> None:
    """Block a card in the console, as its page does."""
    response = desk.post(reverse("admin:contracts_idtoken_block", args=[token.pk]))
    assert response.status_code == 302, response.content.decode()


def card_page(desk, token) -> str:
    return desk.get(reverse("console:card", args=[token.pk])).content.decode()


class TestALongList:
    def test_is_sent_in_messages_that_the_station_can_take(self, site, desk):
        ConfigurationKey.objects.create(
            station=site.station, name="SendLocalListMaxLength", value="2", reported_at=clock.now()
        )
        for number in range(4):
            make_token(contract=site.contract, uid=f"LONG{number}")

        ask(desk, site, "send-list")

        sent = StationCommand.objects.order_by("pk")
        assert [(c.payload["updateType"], c.payload["listVersion"]) for c in sent] == [
            ("Full", 1),
            ("Differential", 2),
            ("Differential", 3),
        ]
        assert [len(c.payload["localAuthorizationList"]) for c in sent] == [2, 2, 1]


class TestASocketThatCloses:
    def test_takes_its_station_offline_at_once(self, url, site, site_box):
        async def story():
            async with site_box.at(url):
                online = await in_database(
                    lambda: ChargingStation.objects.get(pk=site.station.pk).is_online(clock.now())
                )
            gone = await until(lambda: ChargingStation.objects.get(pk=site.station.pk).disconnected_at)
            return online, gone

        online, gone = tell(story)
        assert online is True
        assert not ChargingStation.objects.get(pk=site.station.pk).is_online(gone)

    def test_leaves_it_online_where_a_newer_one_is_open(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as older, site_box.at(url):
                await asyncio.wait_for(older.closed.wait(), 5)
                await until(lambda: StationEvent.objects.filter(kind=EventKind.SUPERSEDED).exists())
                return await in_database(lambda: ChargingStation.objects.get(pk=site.station.pk).is_online(clock.now()))

        assert tell(story) is True
