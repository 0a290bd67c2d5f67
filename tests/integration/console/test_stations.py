"""Stations in the console: how one stands, what people ask of it, and who may."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import IdToken
from apps.core import clock
from apps.stations.models import ChargingStation, StationCommand
from apps.stations.services import ReportedKey, record_configuration
from tests.factories import make_session, make_token
from tests.integration.console.station_acts import ACTS, PAGES, act, colleague, commands
from tests.integration.tenants import CANARY, answer, signed_in


class TestEveryPageOfAStation:
    @pytest.mark.parametrize("page", PAGES)
    def test_opens_to_its_owner_and_to_nobody_else(self, ours, theirs, owner, page):
        own = owner.get(reverse(f"console:{page}", args=[ours.site.station.pk]))
        foreign = owner.get(reverse(f"console:{page}", args=[theirs.site.station.pk]))

        assert (own.status_code, foreign.status_code) == (200, 404)
        assert CANARY.encode() not in answer(own)

    @pytest.mark.parametrize("slug", ACTS)
    def test_asks_nothing_of_another_tenants_station(self, ours, theirs, owner, slug):
        station = theirs.site.station

        answers = [owner.get(act(station, slug)).status_code, owner.post(act(station, slug)).status_code]

        assert answers == [404, 404]
        assert commands(station) == []

    @pytest.mark.parametrize("protocol", ["1.6", "2.0.1"])
    @pytest.mark.parametrize("slug", ACTS)
    def test_has_a_form_for_each_act_in_either_version(self, ours, owner, protocol, slug):
        ChargingStation.objects.filter(pk=ours.site.station.pk).update(protocol=protocol)

        response = owner.get(act(ours.site.station, slug))

        assert response.status_code == 200
        assert commands(ours.site.station) == []

    def test_is_found_by_site_street_and_make_and_never_anothers(self, ours, theirs, owner):
        page = reverse("console:live")

        found = {
            text: [str(row.station) for row in owner.get(page, {"q": text}).context["board"].rows]
            for text in ("ours depot", "Street 1", "OURS Vendor", "berlin ours-cs", CANARY, "nothing like it")
        }

        ours_alone = [str(ours.site.station)]
        assert found == {
            "ours depot": ours_alone,
            "Street 1": ours_alone,
            "OURS Vendor": ours_alone,
            "berlin ours-cs": ours_alone,
            CANARY: [],
            "nothing like it": [],
        }

    def test_is_closed_to_customers_and_the_signed_out(self, ours):
        page = reverse("console:live")

        assert [client.get(page).status_code for client in (Client(), signed_in(ours.fleet.user))] == [302, 302]


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "allowed"),
        [
            (Role.TECHNICIAN, set(ACTS)),
            (Role.OWNER, set(ACTS)),
            (Role.SUPPORT, {"start", "stop", "unlock", "reserve", "cancel-reservation"}),
            (Role.FINANCE, set()),
            (Role.READ_ONLY, set()),
        ],
    )
    def test_decide_who_may_ask_what(self, ours, role, allowed):
        client, station = colleague(ours, role), ours.site.station

        looked = client.get(reverse("console:station", args=[station.pk]))
        answers = {slug: client.get(act(station, slug)).status_code for slug in ACTS}
        tried = {slug: client.post(act(station, slug), {"evse": "x"}).status_code for slug in set(ACTS) - allowed}

        assert looked.status_code == 200
        assert {slug for slug, code in answers.items() if code == 200} == allowed
        assert {slug for slug, code in answers.items() if code == 403} == set(ACTS) - allowed
        assert set(tried.values()) <= {403}
        assert commands(station) == []

    @pytest.mark.parametrize(
        ("role", "code"), [(Role.TECHNICIAN, 200), (Role.OWNER, 200), (Role.SUPPORT, 403), (Role.FINANCE, 403)]
    )
    def test_open_the_form_of_any_message_to_technicians(self, ours, role, code):
        station = ours.site.station
        pages = [
            reverse("console:station-actions", args=[station.pk]),
            reverse("console:station-action", args=[station.pk, "GetDiagnostics"]),
        ]

        assert [colleague(ours, role).get(page).status_code for page in pages] == [code, code]


class TestStarting:
    def test_takes_the_card_by_its_last_digits(self, ours, owner):
        owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": "scard"})

        assert commands(ours.site.station) == [("RemoteStartTransaction", {"connectorId": 1, "idTag": "OURSCARD"})]

    def test_lets_one_choose_where_several_cards_end_so(self, ours, owner):
        make_token(contract=ours.site.contract, uid="2SCARD")
        fields = {"evse": ours.site.evse.pk, "card": "SCARD"}

        asked = owner.post(act(ours.site.station, "start"), fields)
        before = commands(ours.site.station)
        owner.post(act(ours.site.station, "start"), {**fields, "token": IdToken.objects.get(uid="2SCARD").pk})

        assert "Several cards end so" in asked.content.decode()
        assert all(
            f'<option value="{card.pk}"' in asked.content.decode()
            for card in IdToken.objects.filter(uid__endswith="SCARD")
        )
        assert before == []
        assert commands(ours.site.station) == [("RemoteStartTransaction", {"connectorId": 1, "idTag": "2SCARD"})]

    @pytest.mark.parametrize("card", ["", "nobody", CANARY + "CARD"])
    def test_asks_for_nothing_without_a_card_of_ones_own(self, ours, theirs, owner, card):
        refused = owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": card})

        assert refused.status_code == 422
        assert commands(ours.site.station) == []

    def test_never_takes_another_tenants_card_or_evse(self, ours, theirs, owner):
        page = act(ours.site.station, "start")

        owner.post(page, {"evse": ours.site.evse.pk, "token": theirs.site.token.pk})
        owner.post(page, {"evse": theirs.site.evse.pk, "card": "SCARD"})

        assert commands(ours.site.station) == commands(theirs.site.station) == []

    def test_refuses_a_blocked_card(self, ours, owner):
        IdToken.objects.filter(pk=ours.site.token.pk).update(status="blocked")

        owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": "SCARD"})
        owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "token": ours.site.token.pk})

        assert commands(ours.site.station) == []

    def test_refuses_a_card_that_is_too_long_for_the_station(self, ours, owner):
        make_token(contract=ours.site.contract, uid="X" * 36)

        refused = owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": "X" * 36})

        assert "has 36 characters; the station takes 20" in refused.content.decode()
        assert commands(ours.site.station) == []

    def test_is_asked_once_however_often_the_button_is_hit(self, ours, owner):
        for _ in range(3):
            owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": "SCARD"})

        assert len(commands(ours.site.station)) == 1

    def test_speaks_the_stations_version(self, ours, owner):
        ChargingStation.objects.filter(pk=ours.site.station.pk).update(protocol="2.0.1")

        for _ in range(2):
            owner.post(act(ours.site.station, "start"), {"evse": ours.site.evse.pk, "card": "SCARD"})

        ((action, payload),) = commands(ours.site.station)
        assert (action, payload["evseId"], payload["idToken"]["idToken"]) == ("RequestStartTransaction", 1, "OURSCARD")


class TestStopping:
    def test_asks_for_the_stop_of_a_live_session(self, ours, owner):
        live = make_session(site=ours.site)

        owner.post(act(ours.site.station, "stop"), {"session": live.uid})

        assert commands(ours.site.station) == [("RemoteStopTransaction", {"transactionId": live.transaction_id})]

    def test_stops_no_session_that_is_over_or_anothers(self, ours, theirs, owner):
        live = make_session(site=theirs.site)

        answers = [
            owner.post(act(ours.site.station, "stop"), {"session": uid}).status_code
            for uid in (live.uid, ours.session.uid, "x", "")
        ]

        assert answers == [422] * 4
        assert commands(ours.site.station) == commands(theirs.site.station) == []


class TestAsking:
    @pytest.mark.parametrize(
        ("protocol", "slug", "fields", "asked"),
        [
            ("1.6", "unlock", {"evse": "own"}, ("UnlockConnector", {"connectorId": 1})),
            ("2.0.1", "unlock", {"evse": "own"}, ("UnlockConnector", {"evseId": 1, "connectorId": 1})),
            ("1.6", "reset", {"kind": "hard"}, ("Reset", {"type": "Hard"})),
            ("2.0.1", "reset", {"kind": "soft"}, ("Reset", {"type": "OnIdle"})),
            (
                "1.6",
                "availability",
                {"wanted": "Inoperative"},
                ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
            ),
            (
                "1.6",
                "availability",
                {"wanted": "Operative", "evse": "own"},
                ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
            ),
            (
                "2.0.1",
                "availability",
                {"wanted": "Inoperative", "evse": "own"},
                ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}}),
            ),
            ("1.6", "trigger", {"message": "Heartbeat"}, ("TriggerMessage", {"requestedMessage": "Heartbeat"})),
            (
                "2.0.1",
                "trigger",
                {"message": "TransactionEvent", "evse": "own"},
                ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
            ),
            ("1.6", "clear-cache", {}, ("ClearCache", {})),
            ("1.6", "read-configuration", {}, ("GetConfiguration", {})),
            (
                "1.6",
                "read-configuration",
                {"names": "HeartbeatInterval\n\n ConnectionTimeOut "},
                ("GetConfiguration", {"key": ["HeartbeatInterval", "ConnectionTimeOut"]}),
            ),
            (
                "2.0.1",
                "read-configuration",
                {"names": "AuthCtrlr.Enabled"},
                (
                    "GetVariables",
                    {"getVariableData": [{"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}]},
                ),
            ),
            (
                "1.6",
                "change-configuration",
                {"name": "HeartbeatInterval", "value": "60"},
                ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
            ),
            (
                "2.0.1",
                "change-configuration",
                {"name": "OCPPCommCtrlr.HeartbeatInterval", "value": "60"},
                (
                    "SetVariables",
                    {
                        "setVariableData": [
                            {
                                "component": {"name": "OCPPCommCtrlr"},
                                "variable": {"name": "HeartbeatInterval"},
                                "attributeValue": "60",
                            }
                        ]
                    },
                ),
            ),
            (
                "1.6",
                "send-list",
                {},
                (
                    "SendLocalList",
                    {
                        "listVersion": 1,
                        "updateType": "Full",
                        "localAuthorizationList": [{"idTag": "OURSCARD", "idTagInfo": {"status": "Accepted"}}],
                    },
                ),
            ),
        ],
    )
    def test_is_written_in_the_stations_version(self, ours, owner, protocol, slug, fields, asked):
        station = ours.site.station
        ChargingStation.objects.filter(pk=station.pk).update(protocol=protocol)
        fields = {name: ours.site.evse.pk if value == "own" else value for name, value in fields.items()}

        response = owner.post(act(station, slug), fields)

        assert response.status_code == 302
        assert commands(station) == [asked]
        command = StationCommand.objects.get(requested_by=ours.operator.user)
        assert command.deadline_at > command.requested_at

    def test_reserves_for_a_card_and_gives_it_up_again(self, ours, owner):
        station = ours.site.station
        owner.post(act(station, "reserve"), {"evse": ours.site.evse.pk, "card": "SCARD", "minutes": "20"})
        reserve = StationCommand.objects.get(action="ReserveNow")
        reserve.set_ended(status="accepted", answer={"status": "Accepted"}, at=clock.now())

        page = owner.get(reverse("console:station", args=[station.pk])).content.decode()
        owner.post(act(station, "cancel-reservation"), {"reservation": reserve.payload["reservationId"]})

        assert reserve.payload["idTag"] == "OURSCARD"
        assert "EVSE 1 until" in page
        assert commands(station)[-1] == ("CancelReservation", {"reservationId": reserve.payload["reservationId"]})

    def test_warns_of_a_live_session_before_a_restart_and_wants_to_be_sure(self, ours, owner):
        make_session(site=ours.site)
        page = act(ours.site.station, "reset")

        shown = owner.get(page).content.decode()
        unsure = owner.post(page, {"kind": "hard"})
        before = commands(ours.site.station)
        owner.post(page, {"kind": "hard", "sure": "on"})

        assert "A session is running at this station." in shown
        assert unsure.status_code == 422
        assert before == []
        assert commands(ours.site.station) == [("Reset", {"type": "Hard"})]

    @pytest.mark.parametrize(
        ("protocol", "name"), [("1.6", "AuthorizationKey"), ("2.0.1", "SecurityCtrlr.BasicAuthPassword")]
    )
    def test_never_changes_by_hand_what_the_station_signs_in_with(self, ours, owner, protocol, name):
        ChargingStation.objects.filter(pk=ours.site.station.pk).update(protocol=protocol)

        refused = owner.post(act(ours.site.station, "change-configuration"), {"name": name, "value": "x" * 20})

        assert "The station signs in with this one" in refused.content.decode()
        assert commands(ours.site.station) == []

    @pytest.mark.parametrize(
        ("protocol", "name"), [("1.6", "SecurityProfile"), ("2.0.1", "SecurityCtrlr.SecurityProfile")]
    )
    def test_never_lowers_the_security_profile(self, ours, owner, protocol, name):
        station = ours.site.station
        ChargingStation.objects.filter(pk=station.pk).update(protocol=protocol)
        record_configuration(station_id=station.pk, entries=[ReportedKey(name=name, value="2")], at=clock.now())

        lower = owner.post(act(station, "change-configuration"), {"name": name, "value": "1"})
        before = commands(station)
        owner.post(act(station, "change-configuration"), {"name": name, "value": "3"})

        assert "never lowered over OCPP" in lower.content.decode()
        assert before == []
        assert len(commands(station)) == 1
