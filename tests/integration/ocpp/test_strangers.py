"""Who is refused at the door: a bounded list for the platform, no row anywhere, and the way to become a station."""

import asyncio
import time

import pytest
from django.core.cache import cache
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.ocpp import consumers, strangers
from apps.ocpp.models import Frame, StationEvent
from apps.ocpp.strangers import Strangers, find_stranger, strangers_lately
from apps.ocpp.visitors import Visitor
from apps.stations.models import ChargingStation
from apps.stations.services import hash_key
from tests.factories import make_location, make_member, make_user
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.test_door import basic, knock
from tests.integration.tenants import signed_in


@pytest.fixture(autouse=True)
def _nobody_yet(monkeypatch):
    monkeypatch.setattr(consumers, "strangers", Strangers())
    monkeypatch.setattr(strangers, "PAUSE_S", 0.01)
    cache.delete(strangers._KEY)


def visitor(identity: str) -> Visitor:
    return Visitor(
        identity=identity, address="10.0.0.1", is_encrypted=False, certificate=None, key=b"k", subprotocols=("ocpp1.6",)
    )


def wait_for(count: int) -> list[strangers.Stranger]:
    deadline = time.monotonic() + 5
    while len(met := strangers_lately()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return met


class TestAStranger:
    def test_is_remembered_with_address_protocols_and_tries_and_has_no_row(self, url, box):
        for _ in range(3):
            knock(f"{url}/NEW-1", basic("NEW-1:guess"), ["ocpp2.0.1", "ocpp1.6"])
        deadline = time.monotonic() + 5
        while (met := find_stranger("NEW-1")) is None or met.tries < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert (met.address, met.protocols, met.tries) == ("127.0.0.1", "ocpp2.0.1, ocpp1.6", 3)
        assert met.first_at < met.last_at <= clock.now()
        assert ChargingStation.objects.count() == 1
        assert not Frame.objects.exists()
        assert not StationEvent.objects.exists()

    def test_is_not_remembered_by_a_name_that_no_station_could_have(self, url, box):
        for path in ("..", "BOX%00", "BOX%0A1", "%D0%A1%D0%A0-1", "X" * 49, "<b>"):
            assert knock(f"{url}/{path}", basic("x:y")) == 401
        knock(f"{url}/NEW-2", basic("NEW-2:guess"))

        assert [met.identity for met in wait_for(1)] == ["NEW-2"]

    def test_with_many_names_drives_out_nobody_who_tries_again(self, monkeypatch):
        monkeypatch.setattr(strangers, "MAX_KEPT", 20)
        met = Strangers()

        async def story():
            for _ in range(5):
                await met.meet(visitor("REAL-1"), at=clock.now())
            await asyncio.gather(*(met.meet(visitor(f"GUESS-{n}"), at=clock.now()) for n in range(500)))

        tell(story)

        kept = {stranger.identity for stranger in strangers_lately()}
        assert len(kept) == 20
        assert "REAL-1" in kept

    def test_hears_the_same_while_the_cache_is_away(self, url, box, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise ConnectionError("no cache")

        monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.get", refuse)

        assert [knock(f"{url}/NEW-3", basic("NEW-3:guess")) for _ in range(2)] == [401, 401]


@pytest.fixture
def location(db):
    return make_location()


@pytest.fixture
def technician(location):
    user = make_user(is_staff=True)
    return signed_in(make_member(organisation=location.owner, role=Role.TECHNICIAN, user=user).user)


class TestTheList:
    PAGE = "console:strangers"

    def test_shows_the_platform_who_was_refused(self, db):
        tell(lambda: Strangers().meet(visitor("NEW-9"), at=clock.now()))
        platform = signed_in(make_user(is_staff=True, is_superuser=True))

        page = platform.get(reverse(self.PAGE)).content.decode()

        assert "NEW-9" in page
        assert "10.0.0.1" in page

    def test_is_shown_to_no_owner(self, technician):
        assert technician.get(reverse(self.PAGE)).status_code == 403


class TestAdopting:
    def test_makes_a_station_of_a_stranger_and_shows_its_key_once(self, technician, location):
        tell(lambda: Strangers().meet(visitor("NEW-9"), at=clock.now()))

        response = technician.post(reverse("console:adopt"), {"identity": "NEW-9", "location": location.pk})

        station = ChargingStation.objects.get(identity="NEW-9")
        assert station.location == location
        assert station.key_hash == hash_key(response.context["key"])
        assert "tried to connect" in response.content.decode()
        assert "no-store" in response["Cache-Control"]

    def test_refuses_anothers_location_and_a_taken_identity(self, technician, location):
        foreign = make_location()
        ChargingStation.objects.create(location=foreign, identity="THEIRS")

        for data in ({"identity": "NEW-9", "location": foreign.pk}, {"identity": "theirs", "location": location.pk}):
            assert technician.post(reverse("console:adopt"), data).status_code == 200

        assert ChargingStation.objects.count() == 1

    def test_is_not_for_support(self, location):
        user = make_user(is_staff=True)
        support = signed_in(make_member(organisation=location.owner, role=Role.SUPPORT, user=user).user)

        assert support.post(reverse("console:adopt"), {"identity": "N", "location": location.pk}).status_code == 403


class TestTheStationsPage:
    def test_renews_a_key_and_says_how_it_stands(self, technician, location):
        station = ChargingStation.objects.create(location=location, identity="BOX-9", key_hash=hash_key("k"))
        page = reverse("admin:stations_chargingstation_change", args=[station.pk])
        renew = reverse("admin:stations_chargingstation_renew_key", args=[station.pk])

        first = technician.post(renew)
        again = technician.post(renew)

        station.refresh_from_db()
        assert (first.status_code, first.url) == (302, page)
        assert "A new key is on its way already" in again.content.decode()
        assert "a new one is on its way" in technician.get(page).content.decode()
        assert station.new_key_hash not in technician.get(page).content.decode()

    def test_asks_for_a_serial_number_with_profile_3(self, technician, location):
        station = ChargingStation.objects.create(location=location, identity="BOX-9")
        page = reverse("admin:stations_chargingstation_change", args=[station.pk])
        form = {
            "location": location.pk,
            "registration": "Accepted",
            "security_profile": 3,
            "price_display": "off",
            "evses-TOTAL_FORMS": 0,
            "evses-INITIAL_FORMS": 0,
        }

        refused = technician.post(page, form)
        taken = technician.post(page, form | {"certificate_serial": "SN-1"})

        station.refresh_from_db()
        assert "Name the serial number that stands in its certificate." in refused.content.decode()
        assert (taken.status_code, station.security_profile) == (302, 3)
        assert station.price_display == "off"
