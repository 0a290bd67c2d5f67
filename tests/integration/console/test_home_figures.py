"""Home's figures: those of the period on the owner's clock, each leading to its sessions, as a file, nobody else's."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.analytics.models import StationDay
from apps.analytics.services.figures import sweep_figures
from tests.factories import Site, make_evse, make_member, make_owner, make_site, make_user
from tests.integration.analytics.world import beside, make_record
from tests.integration.tenants import signed_in

# A Thursday, 14:20 in Berlin.
NOW = datetime(2026, 10, 15, 12, 20, tzinfo=UTC)
HOME = reverse("admin:index")


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def site(db) -> Site:
    site = make_site()
    other = beside(site, currency="CHF")
    make_record(site, kwh=10, started_at=NOW - timedelta(hours=3))
    make_record(site, kwh=20, started_at=NOW - timedelta(days=1))
    make_record(site, kwh=6, started_at=NOW - timedelta(days=7, hours=4))
    make_record(other, kwh=4, started_at=NOW - timedelta(days=2), contract=None, token=None, vehicle=None)
    make_evse(station=site.station, number=9)
    StationDay.objects.create(
        station=site.station,
        local_date=date(2026, 10, 14),
        watched_ms=1000,
        available_ms=905,
        offline_ms=95,
        faulted_ms=0,
    )
    sweep_figures()
    return site


def client_of(owner) -> Client:
    return signed_in(make_member(organisation=owner, role=Role.OWNER, user=make_user(is_staff=True)).user)


@pytest.fixture
def owner(site) -> Client:
    return client_of(site.owner)


def hours_of(day: str, performance):
    (hours,) = [cells for name, cells in performance.heat.rows if name == day]
    return hours


class TestHomesFigures:
    def test_compare_today_with_the_same_hours_of_last_week_and_last_year(self, owner):
        performance = owner.get(HOME).context["performance"]

        assert [(row.label, row.values) for row in performance.compared()] == [
            ("Energy", ("10.000 kWh", "6.000 kWh", "0.000 kWh")),
            ("Sessions begun", ("1", "1", "0")),
            ("Revenue, net", ("€5.00", "€3.00", "€0.00")),
            # An hour of three connectors' fourteen.
            ("Utilisation", ("2.3 %", "2.3 %", "0 %")),
        ]

    def test_sum_up_a_period_currency_by_currency_and_lead_to_its_sessions(
        self, site, owner, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(30):
            response = owner.get(HOME, {"period": "7_days"})

        performance = response.context["performance"]
        assert (performance.total.sessions, performance.revenue) == (3, "CHF2.00 + €15.00")
        assert [row.figures.sessions for row in performance.sites] == [2, 1]
        assert [row.name for row in performance.customers] == [site.customer.name, "Drivers without a contract"]
        best, least = performance.connectors()
        assert [row.figures.energy_milliwh // 10**6 for row in best] == [30, 4]
        assert [row.name for row in least] == [f"{site.station} / 9"]
        assert [row["available"] for row in performance.uptime()] == [pytest.approx(90.5)]
        for rows, count in ((performance.sites, 2), (performance.tariffs, 2), (performance.customers, 2), (best, 2)):
            listed = owner.get(rows[0].url)
            assert listed.status_code == 200
            assert listed.context["cl"].result_count == count
        assert [(cell.hour, cell.text) for cell in hours_of("Thu", performance) if cell.shade] == [
            (11, "22.2"),
            (12, "11.1"),
        ]
        for address in (performance.sessions_url, *(url for _name, url in performance.compared_days())):
            assert owner.get(address).status_code == 200

    def test_shade_the_hours_of_the_week_by_what_is_asked_for(self, owner):
        def shown(**asked: str) -> dict[str, list[tuple[int, str]]]:
            performance = owner.get(HOME, {"period": "7_days", **asked}).context["performance"]
            return {
                day: [(cell.hour, cell.words) for cell in hours_of(day, performance) if cell.shade]
                for day in ("Tue", "Wed", "Thu")
            }

        # Each session has 40 minutes in one hour and 20 in the next.
        assert shown(heat="energy")["Wed"] == [(14, "13.333 kWh"), (15, "6.667 kWh")]
        assert shown(heat="net-CHF") == {"Tue": [(14, "CHF1.33"), (15, "CHF0.67")], "Wed": [], "Thu": []}
        assert shown(heat="net-EUR")["Wed"] == [(14, "€6.66"), (15, "€3.34")]
        assert shown(heat="net-XYZ") == shown()

    def test_show_today_hour_by_hour_and_how_much_of_its_time_each_is_used(self, site, owner):
        performance = owner.get(HOME, {"period": "7_days"}).context["performance"]

        (energy,) = [performance.today_by_hour()]
        assert [bar.value for bar in energy.bars if bar.value != "0.000 kWh"] == ["6.667 kWh", "3.333 kWh"]
        assert len(energy.bars) == 24
        best, least = performance.connectors()
        assert least[0].utilised == "0 %"
        assert best[0].utilised != "0 %"
        assert all(row.utilised for row in performance.sites)

    def test_are_sent_as_a_file_whose_cells_compute_nothing(self, site, owner):
        site.location.name = "=HYPERLINK(1)"
        site.location.save()

        files = {
            what: owner.get(reverse("console:figures", args=[what]), {"period": "7_days"}).content.decode().splitlines()
            for what in ("day", "site", "tariff", "customer", "connector", "uptime", "heat")
        }

        assert files["site"][1] == "'=HYPERLINK(1),2,30.000,2.00,EUR,15.000000"
        assert [len(rows) for rows in files.values()] == [8, 3, 3, 3, 3, 2, 7]
        assert files["day"][-1].startswith("2026-10-15,1,10.000,")
        assert files["uptime"][1] == f"{site.station},90.5,9.5,0"
        assert owner.get(reverse("console:figures", args=["hour"])).status_code == 404

    def test_are_nobody_elses(self, site):
        stranger = make_owner()
        client = client_of(stranger)

        assert client.get(HOME, {"period": "7_days"}).context["performance"].total.sessions == 0
        assert len(client.get(reverse("console:figures", args=["site"])).content.decode().splitlines()) == 1
        fleet = make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN, user=make_user())
        assert signed_in(fleet.user).get(reverse("console:figures", args=["site"])).status_code == 302

    def test_teach_whoever_has_none_yet(self, db):
        page = client_of(make_owner()).get(HOME).content.decode()

        assert "First steps" in page
        assert reverse("admin:stations_location_add") in page
