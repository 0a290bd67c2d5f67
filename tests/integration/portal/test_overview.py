"""The first page: what the month comes to beside the last, by what, and what waits for somebody."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse
from django.utils.formats import date_format

from apps.accounts.domain.roles import Role
from apps.contracts.cards import block_card
from apps.portal.spending import By, records_of, shares_of, spend_of
from apps.sessions.services.rating import rate_settled
from tests.factories import make_evse, make_member, make_neighbour, make_site, make_token, make_vehicle
from tests.integration.tenants import make_ended_session, signed_in

pytestmark = pytest.mark.django_db
MONTH = date(2026, 6, 1)


def charge(site, *, at: datetime) -> None:
    """Charge 10 kWh for 5.00 net, 5.95 gross, in the hour from ``at``, at a connector of its own."""
    evse = make_evse(station=site.station, number=site.station.evses.count() + 1)
    session = make_ended_session(replace(site, evse=evse), started_at=at)
    rate_settled(session_id=session.pk, at=session.settled_at)


@pytest.fixture
def two_months():
    """May: the 5th and the 20th; June: the 5th twice, one by a guest's card; and a neighbour of the same seller."""
    site = make_site()
    guest = replace(site, token=make_token(contract=site.contract, driver="A guest"), vehicle=None)
    for where, at in (
        (site, datetime(2026, 5, 5, 12, tzinfo=UTC)),
        (site, datetime(2026, 5, 20, 12, tzinfo=UTC)),
        (site, datetime(2026, 6, 5, 12, tzinfo=UTC)),
        (guest, datetime(2026, 6, 5, 14, tzinfo=UTC)),
        (make_neighbour(site), datetime(2026, 6, 5, 16, tzinfo=UTC)),
    ):
        charge(where, at=at)
    return site, make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN)


class TestSpending:
    def test_is_of_this_month_beside_the_last_until_the_same_day(self, two_months):
        _, member = two_months

        (early,) = spend_of(member, today=date(2026, 6, 10))
        (late,) = spend_of(member, today=date(2026, 6, 30))
        (none_before,) = spend_of(member, today=date(2026, 5, 31))

        assert (early.gross, early.energy_milliwh, early.sessions) == (Decimal("11.90"), 20_000_000, 2)
        assert (early.gross_before, early.gross_change, early.energy_change) == (Decimal("5.95"), 100, 100)
        assert (late.gross_before, late.gross_change) == (Decimal("11.90"), 0)
        assert (none_before.gross, none_before.gross_change) == (Decimal("11.90"), None)

    def test_counts_a_session_over_midnight_on_the_local_day_on_which_it_ended(self, two_months):
        site, member = two_months
        charge(site, at=datetime(2026, 6, 30, 21, 30, tzinfo=UTC))

        (june,), (july,) = (spend_of(member, today=day) for day in (date(2026, 6, 30), date(2026, 7, 1)))

        assert (june.sessions, july.sessions) == (2, 1)

    def test_never_adds_two_currencies(self, two_months):
        site, member = two_months
        abroad = make_site(currency="CHF")
        type(abroad.customer).objects.filter(pk=abroad.customer.pk).update(organisation=site.customer.organisation)
        charge(abroad, at=datetime(2026, 6, 6, 12, tzinfo=UTC))

        spends = {one.currency: one.gross for one in spend_of(member, today=date(2026, 6, 30))}
        shares = shares_of(records_of(member, first=MONTH, end=date(2026, 7, 1)), by=By.VEHICLE)

        assert spends.keys() == shares.keys() == {"CHF", "EUR"}
        assert spends["EUR"] == Decimal("11.90")

    def test_is_told_apart_by_vehicle_driver_cost_centre_and_place(self, two_months):
        site, member = two_months
        records = records_of(member, first=MONTH, end=date(2026, 7, 1))

        told = {by: [(one.label, one.key, one.percent) for one in shares_of(records, by=by)["EUR"]] for by in By}

        assert sorted(told[By.VEHICLE]) == [("", "-", 50), (site.vehicle.plate, str(site.vehicle.pk), 50)]
        assert sorted(told[By.DRIVER]) == [("", "-", 50), ("A guest", "A guest", 50)]
        assert told[By.COST_CENTRE] == [("", "-", 100)]
        place = site.location
        assert told[By.SITE] == [(f"{place.name} {place.city}", str(place.pk), 100)]

    def test_puts_the_many_small_ones_together(self, two_months):
        site, member = two_months
        for number in range(12):
            vehicle = make_vehicle(customer=site.customer)
            charge(replace(site, vehicle=vehicle), at=datetime(2026, 6, 7, number, tzinfo=UTC))

        shares = shares_of(records_of(member, first=MONTH, end=date(2026, 7, 1)), by=By.VEHICLE)["EUR"]

        assert len(shares) == 11
        assert (shares[-1].key, shares[-1].label, shares[-1].sessions) == (None, "4", 4)
        assert sum(one.sessions for one in shares) == 14


class TestTheFirstPage:
    def test_says_what_waits_and_leads_to_it(self, ours, theirs, django_assert_max_num_queries):
        block_card(token_id=ours.site.token.pk)
        type(ours.site.contract).objects.filter(pk=ours.site.contract.pk).update(valid_to="2026-08-10T22:00:00Z")
        browser = signed_in(ours.fleet.user)

        with time_machine.travel(datetime(2026, 7, 20, 12, tzinfo=UTC)), django_assert_max_num_queries(30):
            page = browser.get(reverse("portal:home"), {"by": "driver"})

        told = {alert.words: alert.address for alert in page.context["alerts"]}
        number, due = ours.invoice.number, ours.invoice.due_date
        assert told[f"Invoice {number} was due on {date_format(due)}."].endswith(f"/{ours.invoice.uid}/")
        assert told["1 card is blocked."] == "/portal/cards/?status=blocked"
        assert f"Contract {ours.site.contract.number} ends on {date_format(date(2026, 8, 11))}." in told
        assert not [words for words in told if "CANARY" in words]

    def test_opens_each_of_the_last_months_with_its_shares(self, two_months, django_assert_max_num_queries):
        _, member = two_months
        browser = signed_in(member.user)

        with time_machine.travel(datetime(2026, 6, 10, 12, tzinfo=UTC)), django_assert_max_num_queries(60):
            may, june = (
                browser.get(reverse("portal:home"), {"month": month, "by": "site"}).content.decode()
                for month in ("2026-05", "2031-01")
            )

        assert "first=2026-05-01&amp;last=2026-05-31" in may
        assert "first=2026-06-01&amp;last=2026-06-30" in june
        assert all('href="?month=2026-05&amp;by=site"' in page for page in (may, june))
        assert 'href="?month=2026-05&amp;by=driver#shares"' in may
        assert ["by the same day last month" in page for page in (may, june)] == [False, True]

    def test_offers_to_pay_to_whoever_may(self, ours):
        looker = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER).user
        address = reverse("portal:invoice-pay", args=[ours.invoice.uid])

        pages = [signed_in(one).get(reverse("portal:home")).content.decode() for one in (ours.fleet.user, looker)]

        assert [address in page for page in pages] == [True, False]

    def test_tells_a_customer_without_anything_what_comes_here(self):
        member = make_member(organisation=make_site().customer.organisation, role=Role.FLEET_ADMIN)

        page = signed_in(member.user).get(reverse("portal:home"), {"by": "nonsense"}).content.decode()

        assert "nothing charged yet" in page
        assert "As soon as a session has its price, it is counted here." in page
