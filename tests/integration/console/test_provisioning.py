"""Importing stations, and taking over what a station reports, in the console."""

import re
from urllib.parse import unquote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.stations.domain.plans import COLUMNS, read_plan
from apps.stations.models import ChargingStation, ConfigurationKey, Connector, Evse, PayCode
from apps.stations.services import hash_key
from apps.stations.services.provisioning import PlanRefused, carry_out_plan, check_plan
from tests.factories import NOON, make_evse, make_member, make_station, make_user
from tests.integration.tenants import CANARY, answer, signed_in

PAGE = "/admin/console/stations/import/"
PLAN = (
    "OURS Depot,NEW-1,1,1,type2,22000",
    "OURS Depot,NEW-1,2,1,ccs2,150000",
    "OURS Depot,=NEW-2,1,1,type2,11000",
)


def text_of(*lines: str) -> str:
    return "\n".join((",".join(COLUMNS), *lines))


def upload(client, *lines: str):
    return client.post(PAGE, {"file": SimpleUploadedFile("plan.csv", text_of(*lines).encode())})


def confirm(client, *lines: str):
    return client.post(PAGE, {"content": text_of(*lines), "confirm": "1"})


def counts() -> tuple[int, int, int]:
    return ChargingStation.objects.count(), Evse.objects.count(), Connector.objects.count()


class TestImportingStations:
    def test_shows_first_and_makes_nothing(self, ours, owner):
        before = counts()

        response = upload(owner, *PLAN)

        assert (len(response.context["connectors"]), response.context["new_stations"]) == (3, 2)
        assert counts() == before

    def test_makes_all_when_it_is_confirmed_with_a_key_for_each_new_station(self, ours, owner):
        response = confirm(owner, *PLAN)

        station = ChargingStation.objects.get(identity="NEW-1")
        keys = {new.identity: new.key for new in response.context["made"]}
        assert station.location == ours.site.location
        assert station.key_hash == hash_key(keys["NEW-1"])
        assert list(
            Connector.objects.filter(evse__station=station).values_list("evse__number", "kind", "max_power_w")
        ) == [(1, "type2", 22_000), (2, "ccs2", 150_000)]
        assert set(keys) == {"NEW-1", "=NEW-2"}

    def test_shows_the_keys_once_as_a_file_without_formulas(self, ours, owner):
        response = confirm(owner, *PLAN)

        (key, other) = [new.key for new in response.context["made"]]
        saved = unquote(re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', response.content.decode())[1])
        assert saved == (
            "location,station,key,address\r\n"
            f"OURS Depot,NEW-1,{key},ws://127.0.0.1:8000/ocpp/NEW-1\r\n"
            f"OURS Depot,'=NEW-2,{other},ws://127.0.0.1:8000/ocpp/%3DNEW-2\r\n"
        )
        assert "no-store" in response["Cache-Control"]
        assert key.encode() not in answer(confirm(owner, *PLAN))

    def test_makes_nothing_again_when_it_is_sent_twice(self, ours, owner):
        confirm(owner, *PLAN)
        before = counts()

        response = confirm(owner, *PLAN)

        assert response.context["made"] == ()
        assert counts() == before

    @pytest.mark.parametrize(
        ("line", "column", "sentence"),
        [
            ("Nowhere,NEW-3,1,1,type2,22000", "location", "You have no location of this name"),
            (f"{CANARY} Depot,NEW-3,1,1,type2,22000", "location", "You have no location of this name"),
            (f"OURS Depot,{CANARY}-CS-1,2,1,type2,22000", "station", "exists already"),
            ("OURS Depot,ours-cs-1,2,1,type2,22000", "station", "exists already"),
            ("OURS Depot,OURS-CS-1,1,1,type2,11000", "max_power_w", "is there with 22000"),
            ("OURS Depot,OURS-CS-1,1,1,chademo,22000", "kind", "is there with type2"),
            ("OURS Depot,NEW-3,1,1,type2,much", "max_power_w", "A whole number"),
        ],
    )
    def test_makes_nothing_at_all_when_one_line_is_wrong(self, ours, theirs, owner, line, column, sentence):
        before = counts()

        answers = [upload(owner, *PLAN, line), confirm(owner, *PLAN, line)]

        for response in answers:
            (problem,) = response.context["problems"]
            assert (problem.line, problem.column) == (5, column)
            assert sentence in problem.message
        assert counts() == before

    def test_adds_an_evse_to_a_station_that_is_there_and_leaves_its_key(self, ours, owner):
        station = ours.site.station

        confirm(owner, "OURS Depot,OURS-CS-1,2,1,ccs2,150000")

        assert sorted(station.evses.values_list("number", flat=True)) == [1, 2]
        assert ChargingStation.objects.get(pk=station.pk).key_hash == station.key_hash

    def test_is_for_owner_and_technician(self, ours):
        people = {
            role: signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)
            for role in (Role.TECHNICIAN, Role.FINANCE, Role.SUPPORT, Role.READ_ONLY)
        }

        looks = {role: client.get(PAGE).status_code for role, client in people.items()}

        assert looks == {Role.TECHNICIAN: 200, Role.FINANCE: 403, Role.SUPPORT: 403, Role.READ_ONLY: 403}
        assert confirm(people[Role.SUPPORT], *PLAN).status_code == 403
        assert not ChargingStation.objects.filter(identity="NEW-1").exists()

    def test_hands_out_a_file_to_fill_in(self, ours, owner):
        plan = read_plan(owner.get(reverse("console:import-template")).content)

        assert (len(plan.connectors), plan.problems) == (4, ())


class TestCarryOutPlan:
    def test_refuses_a_plan_that_ceased_to_fit(self, ours):
        plan = read_plan(text_of("OURS Depot,NEW-1,1,1,type2,22000").encode()).connectors
        checked = check_plan(owner_id=ours.owner.pk, connectors=plan)
        make_station(identity="NEW-1")
        before = counts()

        with pytest.raises(PlanRefused):
            carry_out_plan(owner_id=ours.owner.pk, connectors=plan)

        assert checked == ()
        assert counts() == before

    @pytest.mark.django_db(transaction=True)
    def test_makes_everything_once_by_two_at_once(self, ours, at_once):
        plan = read_plan(text_of(*PLAN).encode()).connectors

        made = at_once(*[lambda: carry_out_plan(owner_id=ours.owner.pk, connectors=plan)] * 2)

        assert sorted(len(stations) for stations in made) == [0, 2]
        assert Connector.objects.filter(evse__station__identity="NEW-1").count() == 2


class TestWhatAStationReports:
    @pytest.fixture
    def page(self, ours) -> str:
        ConfigurationKey.objects.create(
            station=ours.site.station, name="NumberOfConnectors", value="3", reported_at=NOON
        )
        return reverse("console:station-reported", args=[ours.site.station.pk])

    def test_is_offered_as_far_as_it_is_not_there(self, owner, page):
        missing = owner.get(page).context["missing"]

        assert [(one.evse, one.connector) for one in missing] == [(2, 1), (3, 1)]

    def test_is_made_as_the_owner_confirms_it(self, ours, owner, page):
        owner.post(page, {"kind_2_1": "ccs2", "power_2_1": "150000", "kind_3_1": "type2", "power_3_1": ""})

        found = Connector.objects.filter(evse__station=ours.site.station).order_by("evse__number")
        assert list(found.values_list("evse__number", "kind", "max_power_w")) == [
            (1, "type2", 22_000),
            (2, "ccs2", 150_000),
        ]

    def test_is_made_once_when_somebody_was_faster(self, ours, owner, page):
        make_evse(station=ours.site.station, number=2, max_power_w=7_400)

        owner.post(page, {"kind_2_1": "ccs2", "power_2_1": "150000", "kind_3_1": "type2", "power_3_1": "22000"})

        found = Connector.objects.filter(evse__station=ours.site.station).order_by("evse__number")
        assert list(found.values_list("evse__number", "max_power_w")) == [(1, 22_000), (2, 7_400), (3, 22_000)]

    def test_is_nobody_elses(self, ours, theirs, owner, page):
        reader = make_member(organisation=ours.owner, role=Role.SUPPORT, user=make_user(is_staff=True)).user
        foreign = reverse("console:station-reported", args=[theirs.site.station.pk])

        assert (owner.get(foreign).status_code, signed_in(reader).get(page).status_code) == (404, 403)


class TestTheStickersOfASite:
    def test_are_one_sheet_with_a_label_a_connector(self, ours, owner):
        make_evse(station=ours.site.station, number=2)
        make_evse(station=make_station(location=ours.site.location, identity="A" * 48))
        owner.post(reverse("admin:stations_location_stickers", args=[ours.site.location.pk]))

        response = owner.get(reverse("console:stickers", args=[ours.site.location.pk]))

        assert response["Content-Type"] == "application/pdf"
        assert response.content.startswith(b"%PDF-")
        codes = PayCode.objects.filter(connector__evse__station__location=ours.site.location)
        assert codes.count() == Connector.objects.filter(evse__station__location=ours.site.location).count() == 3
