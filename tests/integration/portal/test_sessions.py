"""Sessions as customers look for them: filtered, added up, by place, as a table."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.core import clock
from apps.sessions.domain.commands import EndCommand, MeterSample, ReadingsCommand
from apps.sessions.services import end_sessions, record_readings
from apps.sessions.services.rating import rate_settled
from tests.factories import (
    make_contract,
    make_cost_centre,
    make_evse,
    make_location,
    make_member,
    make_neighbour,
    make_session,
    make_site,
    make_station,
    make_token,
    make_vehicle,
)
from tests.integration.tenants import make_ended_session, signed_in

pytestmark = pytest.mark.django_db
SESSIONS = "portal:sessions"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def fleet():
    """Two sessions that differ in everything a filter asks for; 5.95 gross each. Returns the sites and the browser."""
    first = make_site()
    customer = first.customer
    location = make_location(owner=first.owner, name="=Depot")
    station = make_station(location=location)
    contract = make_contract(customer=customer)
    second = replace(
        first,
        location=location,
        station=station,
        evse=make_evse(station=station),
        contract=contract,
        vehicle=make_vehicle(customer=customer),
        token=make_token(contract=contract, driver="Ada Example", cost_centre=make_cost_centre(customer=customer)),
    )
    for site, at in (
        (first, datetime(2026, 5, 31, 21, 30, tzinfo=UTC)),
        (second, datetime(2026, 6, 15, 12, tzinfo=UTC)),
    ):
        session = make_ended_session(site, started_at=at)
        type(session).objects.filter(pk=session.pk).update(cost_centre=site.token.cost_centre)
        rate_settled(session_id=session.pk, at=session.settled_at)
    member = make_member(organisation=customer.organisation, role=Role.FLEET_USER)
    return first, second, signed_in(member.user)


def found(browser, **asked) -> list[str]:
    """The stations of the sessions found."""
    page = browser.get(reverse(SESSIONS), asked).context["page"]
    return [session.station.identity for session in page]


class TestTheFilter:
    def test_asks_for_everything_that_sessions_have(self, fleet):
        first, second, browser = fleet
        one, other = [first.station.identity], [second.station.identity]

        assert found(browser, first="") == [*other, *one]
        assert found(browser, vehicle=second.vehicle.pk) == other
        assert found(browser, driver="Ada Example") == other
        assert found(browser, driver="-") == one
        assert found(browser, card=str(first.token.public_uid)) == one
        assert found(browser, cost_centre=second.token.cost_centre.pk) == other
        assert found(browser, cost_centre="-") == one
        assert found(browser, contract=first.contract.pk) == one
        assert found(browser, site=second.location.pk) == other
        assert found(browser, vehicle=second.vehicle.pk, contract=first.contract.pk) == []

    def test_shows_the_last_31_days_until_other_days_are_asked_for(self, fleet, time_machine):
        first, second, browser = fleet
        time_machine.move_to(datetime(2026, 7, 15, 21, tzinfo=UTC))

        page = browser.get(reverse(SESSIONS))

        assert [session.station.identity for session in page.context["page"]] == [second.station.identity]
        assert page.context["query"] == "first=2026-06-15"
        assert '<a href="?first=2026-06-15" aria-current="true">Last 31 days</a>' in page.content.decode()
        time_machine.move_to(datetime(2026, 7, 15, 22, tzinfo=UTC))
        nothing = browser.get(reverse(SESSIONS))
        assert "No session is like that" in nothing.content.decode()
        assert [name for _, name in nothing.context["form"].fields["site"].choices] == ["All"]
        assert found(browser, site=first.location.pk) == [first.station.identity]

    def test_keeps_a_place_that_was_chosen_when_other_days_are(self, fleet):
        first, _, browser = fleet

        page = browser.get(reverse(SESSIONS), {"site": first.location.pk, "first": "2026-06-10"})

        assert not page.context["form"].errors
        assert list(page.context["page"]) == []

    def test_takes_the_local_day_on_which_a_session_ended(self, fleet):
        first, second, browser = fleet

        assert found(browser, first="2026-06-01", last="2026-06-14") == [first.station.identity]
        assert found(browser, last="2026-05-31") == []
        assert found(browser, first="2026-06-15", last="2026-06-15") == [second.station.identity]

    def test_finds_nothing_by_what_is_nobodys_or_unreadable_and_says_so(self, fleet):
        _, _, browser = fleet
        theirs = make_neighbour(fleet[0])

        for asked in (
            {"vehicle": theirs.vehicle.pk},
            {"card": str(theirs.token.public_uid)},
            {"contract": theirs.contract.pk},
            {"site": make_location(owner=theirs.owner).pk},
            {"site": "9" * 30},
            {"first": "yesterday"},
            {"first": "2026-06-02", "last": "2026-06-01"},
        ):
            page = browser.get(reverse(SESSIONS), asked)
            assert list(page.context["page"]) == []
            assert "cannot be read, so nothing is shown" in page.content.decode()

    def test_says_what_is_found_comes_to(self, fleet):
        _, second, browser = fleet

        (whole,) = browser.get(reverse(SESSIONS), {"first": ""}).context["sums"]
        (part,) = browser.get(reverse(SESSIONS), {"vehicle": second.vehicle.pk}).context["sums"]

        assert (whole.sessions, whole.gross, whole.net) == (2, Decimal("11.90"), Decimal("10.00"))
        assert (part.sessions, part.gross, part.energy_milliwh) == (1, Decimal("5.95"), 10_000_000)

    def test_works_without_a_script_and_swaps_what_is_found_with_one(self, fleet):
        _, _, browser = fleet

        page = browser.get(reverse(SESSIONS)).content.decode()

        assert '<button type="submit">Show</button>' in page
        assert 'hx-target="#found"' in page
        assert 'id="found"' in page


class TestPlaces:
    def test_add_up_what_was_charged_at_each(self, fleet):
        first, second, browser = fleet

        places = browser.get(reverse("portal:places"), {"first": ""}).context["page"]

        assert {place.location: [one.gross for one in place.sums] for place in places} == {
            first.location: [Decimal("5.95")],
            second.location: [Decimal("5.95")],
        }


class TestTheTable:
    def test_has_a_line_a_session_of_the_same_filter_and_no_formula(self, fleet):
        _, second, browser = fleet

        answer = browser.get(reverse("portal:sessions-sheet"), {"vehicle": second.vehicle.pk})

        header, line = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
        told = dict(zip(header, line, strict=True))
        assert told["started"] == "2026-06-15T14:00:00+02:00"
        assert (told["place"], told["vehicle"], told["driver"]) == ("'=Depot", second.vehicle.plate, "Ada Example")
        assert (told["energy_kwh"], told["net"], told["tax"], told["gross"]) == ("10", "5", "0.95", "5.95")
        assert second.token.uid not in answer.content.decode()

    def test_is_refused_where_the_filter_cannot_be_read(self, fleet):
        _, _, browser = fleet

        answer = browser.get(reverse("portal:sessions-sheet"), {"first": "x"}, follow=True)

        assert "cannot be read, so nothing is shown" in answer.content.decode()


class TestARunningCharge:
    def test_says_how_much_and_for_how_much_so_far_in_lists_and_on_its_page_to_its_customer_alone(self, fleet):
        site, _, browser = fleet
        at = clock.now()
        running = make_session(site=site, started_at=at - 30 * MINUTE, start_received_at=at - 30 * MINUTE)
        for minutes, energy_milliwh in ((15, 5_000_000), (0, 10_000_000)):
            deliver(site, running, energy_milliwh=energy_milliwh, at=at - minutes * MINUTE)
        row = reverse("portal:session-row", args=[running.uid])
        stranger = signed_in(make_member(organisation=make_site().customer.organisation, role=Role.FLEET_USER).user)

        pages = [page_of(browser, address) for address in (reverse(SESSIONS), reverse("portal:home"), row)]
        page = page_of(browser, reverse("portal:session", args=[running.uid]))

        assert all("10.000 kWh" in each and "€5.95" in each and "20.0 kW" in each for each in (*pages, page))
        assert all(f'hx-get="{row}"' in each for each in pages)
        assert "Cost so far" in page
        assert 'hx-select="#facts"' in page
        assert stranger.get(row).status_code == 404
        end(site, running, energy_milliwh=10_000_000, at=at)
        assert "hx-get" not in page_of(browser, row)


def page_of(browser, address: str) -> str:
    return browser.get(address).content.decode()


def deliver(site, session, *, energy_milliwh: int, at: datetime) -> None:
    sample = MeterSample(at=at, energy_milliwh=session.meter_start_milliwh + energy_milliwh)
    command = ReadingsCommand(
        station_id=site.station.pk,
        evse_number=site.evse.number,
        transaction_id=session.transaction_id,
        samples=(sample,),
        received_at=at,
        frame_id=2,
    )
    record_readings((command,))


def end(site, session, *, energy_milliwh: int, at: datetime) -> None:
    command = EndCommand(
        station_id=site.station.pk,
        transaction_id=session.transaction_id,
        id_token=None,
        meter_stop_milliwh=session.meter_start_milliwh + energy_milliwh,
        ended_at=at,
        reason="Local",
        samples=(),
        received_at=at,
        frame_id=3,
    )
    end_sessions((command,))
