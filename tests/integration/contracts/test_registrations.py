"""A tariff applies only where its seller is registered for tax."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.accounts.models import TaxRegistration
from apps.contracts.models import TariffAssignment
from apps.contracts.registrations import NotRegistered, check_registered, why_not_published
from apps.tariffs.services.publishing import PublishRefused, publish_version
from tests.factories import (
    NOON,
    assign_tariff,
    make_draft,
    make_evse,
    make_group,
    make_location,
    make_member,
    make_site,
    make_station,
    make_tariff,
    make_user,
)
from tests.integration.tenants import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


@pytest.fixture
def vienna(site):
    return make_location(owner=site.owner, name="Depot Wien", country="AT", time_zone="Europe/Vienna")


class TestCheckRegistered:
    def test_lets_a_tariff_apply_where_the_seller_is_registered(self, site, vienna):
        check_registered(seller=site.owner, locations=[site.location], at=NOON)

        TaxRegistration.objects.create(
            organisation=site.owner, country="AT", vat_id="ATU12345675", valid_from=date(2026, 1, 1)
        )
        check_registered(seller=site.owner, locations=None, at=NOON)

    @pytest.mark.parametrize("everywhere", [True, False])
    def test_names_country_day_location_and_what_to_do(self, site, vienna, everywhere):
        with pytest.raises(NotRegistered) as refusal:
            check_registered(seller=site.owner, locations=None if everywhere else [vienna], at=NOON)

        assert str(refusal.value) == (
            f"{site.owner} has no tax registration in Austria (AT) on 2026-06-01, where “Depot Wien” stands. "
            "Add it to the company's tax registrations first."
        )

    def test_counts_the_day_at_the_site(self, site, vienna):
        TaxRegistration.objects.create(
            organisation=site.owner, country="AT", vat_id="ATU12345675", valid_from=date(2026, 6, 2)
        )
        midnight_in_vienna = NOON + timedelta(hours=10)

        check_registered(seller=site.owner, locations=[vienna], at=midnight_in_vienna)
        with pytest.raises(NotRegistered, match="on 2026-06-01"):
            check_registered(seller=site.owner, locations=[vienna], at=midnight_in_vienna - timedelta(seconds=1))


class TestWhyNotPublished:
    def test_follows_a_tariff_to_where_it_is_assigned_then_or_later(self, site, vienna):
        station = make_station(location=vienna)
        TariffAssignment.objects.all().delete()
        assign_tariff(tariff=site.tariff, evse=make_evse(station=station), valid_to=NOON)

        before = why_not_published(site.tariff, NOON)
        assign_tariff(tariff=site.tariff, station=station, valid_from=NOON + timedelta(days=1))

        assert before == ""
        assert "Austria (AT) on 2026-06-02" in why_not_published(site.tariff, NOON)

    def test_refuses_the_publication(self, site, vienna):
        draft = make_draft(tariff=make_tariff(owner=site.owner))
        assign_tariff(tariff=draft.tariff, location=vienna)

        with pytest.raises(PublishRefused, match=r"no tax registration in Austria \(AT\) on 2026-06-01"):
            publish_version(
                version_id=draft.pk,
                expected_edit_no=draft.edit_no,
                valid_from=None,
                by=make_user(),
                at=NOON,
                accept_warnings=True,
            )

        draft.refresh_from_db()
        assert draft.is_draft


class TestAssigningInTheConsole:
    @pytest.mark.parametrize("place", ["location", "station", "evse", "group", None])
    def test_is_refused_where_the_seller_is_not_registered(self, site, vienna, place):
        station = make_station(location=vienna)
        group = make_group(site.location, vienna)
        places = {"location": vienna, "station": station, "evse": make_evse(station=station), "group": group}
        TariffAssignment.objects.all().delete()
        form = {"tariff": site.tariff.pk, "valid_from_0": "2026-01-01", "valid_from_1": "00:00"}

        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        where = {place: places[place].pk} if place else {}
        response = client.post(reverse("admin:contracts_tariffassignment_add"), form | where)

        assert "has no tax registration in Austria (AT)" in response.content.decode()
        assert not TariffAssignment.objects.exists()

    def test_is_done_where_the_seller_is_registered(self, site, vienna):
        form = {
            "tariff": site.tariff.pk,
            "location": site.location.pk,
            "valid_from_0": "2026-01-01",
            "valid_from_1": "00:00",
        }

        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        response = client.post(reverse("admin:contracts_tariffassignment_add"), form)

        assert response.status_code == 302
        assert TariffAssignment.objects.filter(location=site.location, tariff=site.tariff).exists()
