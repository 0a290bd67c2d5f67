"""The live board: how stations stand now, whose, and what its socket says to whom."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections
from django.urls import reverse
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from apps.accounts.domain.roles import Role
from apps.accounts.models import Membership
from apps.console.consumers import stations_to_tell
from apps.core import clock
from apps.ocpp.pool import stop_pool
from apps.sessions.models import ChargingSession, MeterReading
from apps.stations.domain.status import ConnectorStatus
from apps.stations.models import ChargingStation, Connector
from apps.stations.services import ConnectorStatusUpdate, finish_command, record_connector_statuses, take_commands
from config.asgi import application
from tests.factories import (
    Site,
    make_evse,
    make_location,
    make_member,
    make_session,
    make_site,
    make_station,
    make_user,
)
from tests.integration.ocpp.conftest import process, serving
from tests.integration.tenants import CANARY, answer, signed_in
from tests.journeys.browser import Browser

WH = 1_000
PAGE = "console:live"


def start_charging(site: Site) -> ChargingSession:
    """Make a live session that has drawn 2 kWh in the last ten minutes: 12 kW."""
    now = clock.now()
    session = make_session(site=site, started_at=now - timedelta(minutes=10), meter_start_milliwh=0)
    for minutes, energy in ((10, 0), (5, 1_000 * WH), (0, 2_000 * WH)):
        MeterReading.objects.create(
            session=session,
            at=now - timedelta(minutes=minutes),
            energy_milliwh=energy,
            context="Sample.Periodic",
            frame_id=1,
        )
    return session


class TestTheBoard:
    def test_shows_state_power_energy_and_cost_and_never_anothers_station(self, ours, theirs, owner):
        session = start_charging(ours.site)
        start_charging(theirs.site)
        ChargingStation.objects.update(last_seen_at=clock.now(), disconnected_at=None)

        page = owner.get(reverse(PAGE))
        (row,) = page.context["board"].rows
        (running,) = [place.running for place in row.places if place.running]
        told = page.content.decode()

        assert (row.station, row.is_online, running.session) == (ours.site.station, True, session)
        assert (running.energy_milliwh, running.power_w) == (2_000 * WH, 12_000)
        assert all(words in told for words in ("12.0 kW", "2.000 kWh", "10 min"))
        assert running.gross is not None
        assert CANARY.encode() not in answer(page)

    def test_is_narrowed_by_words_site_and_state(self, ours, owner):
        other = make_station(location=make_location(owner=ours.owner), identity="OTHER")
        site = ours.site.location.pk
        page = reverse(PAGE)

        def found(**query) -> set[str]:
            return {row.station.identity for row in owner.get(page, query).context["board"].rows}

        assert other.identity in found()
        assert found(q="ours-cs") == found(site=site) == {ours.site.station.identity}
        assert found(site=other.location_id, q="ours-cs") == set()
        assert found(state="charging") == set()
        assert "No station is like that" in owner.get(page, {"q": "nowhere"}).content.decode()

    def test_asks_as_often_for_a_page_of_charging_stations_as_for_one(self, ours, owner, django_assert_max_num_queries):
        for number in range(12):
            station = make_station(location=ours.site.location, identity=f"MORE-{number}")
            start_charging(replace(ours.site, station=station, evse=make_evse(station=station)))
        owner.get(reverse(PAGE))

        with django_assert_max_num_queries(20):
            page = owner.get(reverse(PAGE))

        assert sum(1 for row in page.context["board"].rows for place in row.places if place.running) == 12

    def test_tells_the_outcome_of_a_command_where_it_was_asked(self, ours, owner):
        station, session = ours.site.station, start_charging(ours.site)
        form = reverse("console:station-act", args=[station.pk, "stop"]) + f"?session={session.uid}&board=q%3Dours"

        asked = owner.post(form, {"session": str(session.uid)})
        waiting = owner.get(reverse(PAGE)).context["board"].rows[0].command
        (command,) = take_commands(station_ids=[station.pk], at=clock.now())
        answered = {"message_id": command.message_id, "accepted": True, "answer": {"status": "Accepted"}}
        finish_command(station_id=station.pk, at=clock.now(), **answered)
        ended = owner.get(reverse(PAGE)).context["board"].rows[0].command

        assert asked.headers["Location"] == f"{reverse(PAGE)}?q=ours#station-{station.pk}"
        assert (waiting.command.status, ended.command.status) == ("requested", "accepted")
        assert ended.words == "The station accepted it."

    def test_offers_each_role_what_it_may_ask(self, ours):
        def offered(role: Role) -> set[str]:
            desk = signed_in(make_member(organisation=ours.owner, role=role, user=make_user(is_staff=True)).user)
            told = desk.get(reverse(PAGE)).content.decode()
            return {slug for slug in ("start", "reset") if f"/ask/{slug}/" in told}

        roles = (Role.TECHNICIAN, Role.SUPPORT, Role.READ_ONLY)

        assert {role: offered(role) for role in roles} == {
            Role.TECHNICIAN: {"start", "reset"},
            Role.SUPPORT: {"start"},
            Role.READ_ONLY: set(),
        }


@pytest.fixture
def site_url(transactional_db) -> Iterator[str]:
    """The whole site on a real socket."""
    with serving(application) as url:
        yield url.replace("ws://", "http://").removesuffix("/ocpp")
    stop_pool()


@pytest.fixture
def two_owners(transactional_db) -> tuple[Site, Site]:
    return make_site(), make_site()


@pytest.fixture
def member(two_owners) -> Membership:
    return make_member(organisation=two_owners[0].owner, role=Role.READ_ONLY, user=make_user(is_staff=True))


def report(station: ChargingStation, status: ConnectorStatus) -> None:
    at = clock.now()
    update = ConnectorStatusUpdate(station_id=station.pk, evse_number=1, status=status, at=at, received_at=at)
    record_connector_statuses((update,))


class TestItsSocket:
    def test_rings_for_the_organisations_own_stations_alone(self, site_url, two_owners, member):
        ours, theirs = two_owners
        own = socket_of(site_url, member)

        async def story():
            async with connect(**own) as socket:
                await asyncio.to_thread(in_a_thread, report, theirs.station, ConnectorStatus.FAULTED)
                await asyncio.to_thread(in_a_thread, report, ours.station, ConnectorStatus.CHARGING)
                return [told async for told in rings_until(socket, ours.station.pk)]

        rings = asyncio.run(asyncio.wait_for(story(), 20))

        assert {pk for told in rings for pk in told} == {ours.station.pk}
        assert Connector.objects.get(evse__station=theirs.station).status == "Faulted"

    def test_closes_when_its_holder_may_look_no_more(self, site_url, two_owners, member):
        own = socket_of(site_url, member)

        async def story():
            async with connect(**own) as socket:
                await asyncio.to_thread(in_a_thread, member.delete)
                await asyncio.to_thread(in_a_thread, report, two_owners[0].station, ConnectorStatus.CHARGING)
                with suppress(ConnectionClosed):
                    async for _ in socket:
                        pass
                return socket.close_code

        assert asyncio.run(asyncio.wait_for(story(), 20)) == 4003

    def test_tells_staff_nothing_who_still_owe_a_second_factor(self, two_owners, member, settings):
        key, ids = signed_in(member.user).cookies["sessionid"].value, [site.station.pk for site in two_owners]
        told = stations_to_tell(session_key=key, ids=ids)
        settings.SECOND_FACTOR_REQUIRED = True

        assert told == [two_owners[0].station.pk]
        assert stations_to_tell(session_key=key, ids=ids) is None

    def test_opens_to_no_stranger_no_customer_and_no_other_sites_page(self, site_url, two_owners, member):
        fleet = make_member(organisation=two_owners[0].customer.organisation, role=Role.FLEET_ADMIN, user=make_user())
        own = socket_of(site_url, member)
        refused = [
            {**own, "additional_headers": {}},
            {**own, "additional_headers": {"Cookie": "sessionid=nobody"}},
            {**own, "origin": None},
            {**own, "origin": "https://elsewhere.example"},
            {**own, "origin": site_url.replace("http://", "http://x.")},
            socket_of(site_url, fleet),
        ]

        async def knock(options: dict) -> int:
            with pytest.raises(InvalidStatus) as answered:
                await connect(**options)
            return answered.value.response.status_code

        async def story() -> set[int]:
            return {await knock(options) for options in refused}

        assert asyncio.run(asyncio.wait_for(story(), 20)) == {403}


def in_a_thread(work, *arguments) -> None:
    """Change something from beside an event loop, where Django allows no query."""
    try:
        work(*arguments)
    finally:
        connections.close_all()


def socket_of(site_url: str, member: Membership) -> dict:
    """Return how a member's browser opens the board's socket."""
    cookie = signed_in(member.user).cookies["sessionid"].value
    return {
        "uri": site_url.replace("http", "ws", 1) + reverse(PAGE) + "socket/",
        "origin": site_url,
        "additional_headers": {"Cookie": f"sessionid={cookie}"},
    }


async def rings_until(socket, station_id: int):
    """Yield what the socket says until it names the station."""
    while True:
        told = json.loads(await socket.recv())["stations"]
        yield told
        if station_id in told:
            return


@pytest.mark.browser
class TestInABrowser:
    def test_changes_appear_by_themselves_and_the_page_says_when_it_is_not_live(self, two_owners, member):
        ours, theirs = two_owners
        cookie = {"name": "sessionid", "value": signed_in(member.user).cookies["sessionid"].value}
        with process() as (url, server), Browser() as browser:
            site = url.replace("ws://", "http://").removesuffix("/ocpp")
            page = browser.do(lambda: open_board(browser, site, cookie))
            report(theirs.station, ConnectorStatus.FAULTED)
            report(ours.station, ConnectorStatus.CHARGING)
            card = f"#station-{ours.station.pk}"
            browser.do(lambda: page.wait_for_selector(f"{card} :text('Charging')", timeout=10_000))
            told = browser.do(lambda: page.locator("main, #main, body").first.inner_text())
            live = browser.do(lambda: page.locator(".wl-live-state").inner_text())
            server.kill()
            browser.do(lambda: page.wait_for_selector(".wl-live-state:text('Not live')", timeout=20_000))

        assert live.startswith("Live. As of")
        assert (ours.station.identity in told, theirs.station.identity in told) == (True, False)
        assert "Faulted" not in told


def open_board(browser: Browser, site: str, cookie: dict):
    """Open the board in a signed-in browser and wait until its socket stands."""
    context = browser.context()
    context.add_cookies([{**cookie, "url": site}])
    page = context.new_page()
    page.goto(site + reverse(PAGE))
    page.wait_for_selector(".wl-live-state[data-tone=good]", timeout=20_000)
    return page
