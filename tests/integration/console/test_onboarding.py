"""The first steps in the console: told from the owner's own rows, each with the form where it is done."""

from itertools import pairwise

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.console.domain.onboarding import Slug
from apps.core import clock
from apps.stations.models import ChargingStation
from apps.stations.services import add_missing_pay_codes
from tests.factories import (
    assign_tariff,
    make_evse,
    make_location,
    make_member,
    make_owner,
    make_station,
    make_tariff_version,
    make_user,
)
from tests.integration.tenants import CANARY, answer, signed_in

PAGE = "console:onboarding"


@pytest.fixture
def newcomer(db):
    """The owner of an organisation that has nothing yet but its legal data and a tax registration."""
    return make_member(organisation=make_owner(), role=Role.OWNER, user=make_user(is_staff=True))


def checklist(desk):
    return desk.get(reverse(PAGE)).context["checklist"]


def is_done(desk) -> set[Slug]:
    return {one.step.slug for one in checklist(desk).steps if one.step.is_done}


class TestFirstSteps:
    def test_are_done_one_after_the_other_as_the_facts_come_true(self, newcomer):
        owner, desk = newcomer.organisation, signed_in(newcomer.user)
        seen = [is_done(desk)]

        location = make_location(owner=owner)
        seen.append(is_done(desk))
        station = make_station(location=location)
        seen.append(is_done(desk))
        make_evse(station=station)
        ChargingStation.objects.filter(pk=station.pk).update(last_seen_at=clock.now())
        seen.append(is_done(desk))
        assign_tariff(tariff=make_tariff_version(owner=owner).tariff)
        add_missing_pay_codes(location_id=location.pk, at=clock.now())
        seen.append(is_done(desk))

        news = [after - before for before, after in pairwise(seen)]
        assert seen[0] == {Slug.LEGAL, Slug.TAX}
        assert news == [
            {Slug.SITE},
            {Slug.STATION},
            {Slug.CONNECTORS, Slug.ONLINE},
            {Slug.TARIFF, Slug.ASSIGNED, Slug.STICKERS},
        ]

    def test_lead_to_forms_that_know_what_can_be_known_and_every_one_opens(self, newcomer):
        desk, location = signed_in(newcomer.user), make_location(owner=newcomer.organisation)
        steps = {one.step.slug: one for one in checklist(desk).steps}

        form = desk.get(steps[Slug.STATION].url)

        assert f'<option value="{location.pk}" selected>' in form.content.decode()
        assert {slug: desk.get(one.url).status_code for slug, one in steps.items()} == dict.fromkeys(Slug, 200)

    def test_stand_on_the_home_page_until_somebody_has_paid(self, newcomer):
        desk = signed_in(newcomer.user)

        home = desk.get(reverse("admin:index"))

        assert home.context["checklist"].next.step.slug == Slug.SITE
        assert reverse(PAGE) in home.content.decode()

    def test_are_the_organisations_own(self, ours, theirs, owner, platform, django_assert_max_num_queries):
        with django_assert_max_num_queries(25):
            page = owner.get(reverse(PAGE))

        assert CANARY.encode() not in answer(page)
        assert Slug.STATION in is_done(owner)
        assert checklist(platform) is None
        assert signed_in(ours.fleet.user).get(reverse(PAGE)).status_code == 302
