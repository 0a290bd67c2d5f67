"""Sites that are priced alike: which group holds a site when, what the database refuses, what a contract has there."""

from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.contracts.groups import groups_at, own_tariffs, sites_from
from apps.contracts.models import GroupedSite, SiteGroup, TariffAssignment
from apps.contracts.renewing import what_applied
from apps.contracts.services import find_tariff
from apps.sessions.models import Cdr
from apps.sessions.price_choice import why_this_tariff
from apps.sessions.services.rating import rate_settled
from tests.factories import (
    LONG_AGO,
    NOON,
    assign_tariff,
    make_evse,
    make_group,
    make_location,
    make_site,
    make_station,
    make_tariff,
    make_tariff_version,
    put_into,
)
from tests.integration.tenants import make_ended_session
from tests.refusals import refused_by, run_sql

DAY = timedelta(days=1)


@pytest.fixture
def site(db):
    return make_site()


def price_of(per_kwh: str) -> list[dict]:
    return [{"price_components": [{"type": "ENERGY", "price": per_kwh, "step_size": 1}]}]


class TestASite:
    def test_is_in_one_group_at_a_time_and_in_another_afterwards(self, site):
        depots, yards = make_group(name="Depots", seller=site.owner), make_group(name="Yards", seller=site.owner)
        put_into(depots, site.location, valid_from=NOON, valid_to=NOON + DAY)
        put_into(yards, site.location, valid_from=NOON + DAY)
        moments = (NOON - timedelta.resolution, NOON, NOON + DAY - timedelta.resolution, NOON + DAY)

        found = groups_at((site.location.pk, at) for at in moments)

        assert found == [None, depots, depots, yards]
        assert (sites_from(depots, NOON), sites_from(depots, NOON + DAY)) == ([site.location], [])

    def test_is_asked_for_in_one_query_however_many(self, site, django_assert_num_queries):
        make_group(site.location, make_location(owner=site.owner))

        with django_assert_num_queries(1):
            groups_at([(site.location.pk, NOON + n * DAY) for n in range(200)])

    @pytest.mark.parametrize("is_same", [True, False], ids=["the same group", "another group"])
    def test_is_refused_in_two_groups_for_one_moment(self, site, is_same):
        group = make_group(site.location)
        other = group if is_same else make_group(seller=site.owner)

        with refused_by("grouped_site_in_one_group_at_a_time", GroupedSite):
            put_into(other, site.location, valid_from=NOON, valid_to=NOON + timedelta.resolution)

    def test_is_refused_in_the_group_of_another_seller(self, site):
        stranger = make_group()

        with refused_by("a site group holds a location of another seller", GroupedSite):
            put_into(stranger, site.location)

    def test_leaves_after_it_came_in_a_usual_year(self, site):
        group = make_group(seller=site.owner)

        with refused_by("grouped_site_ends_after_start", GroupedSite):
            put_into(group, site.location, valid_from=NOON, valid_to=NOON)
        with refused_by("grouped_site_has_usual_years", GroupedSite):
            put_into(group, site.location, valid_from=NOON.replace(year=1026))

    def test_is_never_taken_out_of_its_past(self, site):
        group, now = make_group(site.location), timezone.now()
        row = GroupedSite.objects.get()
        elsewhere = make_location(owner=site.owner)

        for sql, says in (
            ("DELETE FROM contracts_groupedsite WHERE id = %s", "never taken out of its past"),
            (f"UPDATE contracts_groupedsite SET location_id = {elsewhere.pk} WHERE id = %s", "only leaves it"),
            ("UPDATE contracts_groupedsite SET valid_from = now() WHERE id = %s", "only leaves it"),
            ("UPDATE contracts_groupedsite SET valid_to = now() - interval '1 s' WHERE id = %s", "what lies ahead"),
        ):
            with refused_by(says, GroupedSite):
                run_sql(sql, row.pk)
        row.valid_to = now + DAY
        row.save()
        later = put_into(group, elsewhere, valid_from=now + DAY)
        later.delete()

        assert list(GroupedSite.objects.values_list("location", "valid_to")) == [(site.location.pk, now + DAY)]

    def test_that_left_stays_gone(self, site):
        put_into(make_group(seller=site.owner), site.location, valid_to=NOON)

        with refused_by("what lies ahead", GroupedSite):
            run_sql("UPDATE contracts_groupedsite SET valid_to = NULL")

    def test_is_refused_a_name_twice_for_its_group(self, site):
        make_group(seller=site.owner, name="Depots")

        with refused_by("group_name_unique_per_seller", SiteGroup):
            make_group(seller=site.owner, name="Depots")


@pytest.mark.django_db(transaction=True)
def test_two_people_put_a_site_into_two_groups_at_once_and_one_is_refused():
    location = make_location()
    groups = [make_group(seller=location.owner) for _ in range(2)]
    barrier, outcomes = Barrier(2), []

    def put(group):
        barrier.wait()
        try:
            put_into(group, location)
            outcomes.append("in")
        except IntegrityError as error:
            outcomes.append("refused" if "grouped_site_in_one_group_at_a_time" in str(error) else str(error))
        finally:
            connections.close_all()

    threads = [Thread(target=put, args=(group,)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["in", "refused"]
    assert GroupedSite.objects.count() == 1


class TestAPrice:
    def test_is_a_groups_while_the_site_is_in_it_and_never_changes_for_what_has_begun(self, site):
        night = make_tariff_version(owner=site.owner, elements=price_of("0.29"))
        group = make_group(name="Depots", seller=site.owner)
        assign_tariff(tariff=night.tariff, contract=site.contract, group=group)
        put_into(group, site.location, valid_from=NOON, valid_to=NOON + DAY)

        choices = [find_tariff(token=site.token, evse=site.evse, at=at) for at in (NOON - DAY, NOON, NOON + DAY)]

        assert [choice.version for choice in choices] == [site.version, night, site.version]
        assert choices[1].reasons[0] == (
            f"“{night.tariff}” is assigned to the contract {site.contract.number} at sites of “Depots”."
        )
        assert choices[2].reasons[1] == f"The location {site.location} is in no site group."

    def test_stays_when_the_site_leaves_the_group_before_the_session_is_rated(self, site):
        night = make_tariff_version(owner=site.owner, elements=price_of("0.29"))
        group = make_group(site.location, name="Depots")
        assign_tariff(tariff=night.tariff, contract=site.contract, group=group)
        session = make_ended_session(site)
        session.tariff_version = find_tariff(token=site.token, evse=site.evse, at=session.started_at).version
        session.save()

        GroupedSite.objects.update(valid_to=timezone.now() + timedelta.resolution * 10**6)
        rate_settled(session_id=session.pk, at=session.settled_at)

        record, why = Cdr.objects.get(session=session), why_this_tariff(session)
        # 10 kWh × 0.29
        assert (record.tariff_version, str(record.net.amount.normalize())) == (night, "2.9")
        assert (why.decided_by.tariff_id, why.group) == (night.tariff_id, group)

    def test_is_not_explained_by_what_was_assigned_afterwards(self, site):
        session = make_ended_session(site)
        before = why_this_tariff(session)
        assign_tariff(tariff=make_tariff_version(owner=site.owner).tariff, evse=site.evse)

        assert before.choice.version == site.version
        assert why_this_tariff(session) is None

    def test_at_the_sites_of_a_group_is_everybodys(self, site):
        depot = make_tariff_version(owner=site.owner)
        assign_tariff(tariff=depot.tariff, group=make_group(site.location))
        elsewhere = make_evse(station=make_station(location=make_location(owner=site.owner)))

        assert find_tariff(token=None, evse=site.evse, at=NOON).version == depot
        assert find_tariff(token=None, evse=elsewhere, at=NOON).version == site.version


class TestWhatAContractHas:
    def test_is_told_of_any_day_with_the_sites_of_that_day(self, site):
        everywhere, old, new = (make_tariff(owner=site.owner) for _ in range(3))
        other = make_location(owner=site.owner, name="A second site")
        group = make_group(name="Depots", seller=site.owner)
        put_into(group, site.location, valid_to=NOON)
        put_into(group, other, valid_from=NOON)
        assign_tariff(tariff=everywhere, contract=site.contract)
        assign_tariff(tariff=old, contract=site.contract, group=group, valid_to=NOON + DAY)
        assign_tariff(tariff=new, contract=site.contract, group=group, valid_from=NOON + DAY)
        assign_tariff(tariff=new, group=group)

        told = {
            day: [
                (own.assignment.tariff, own.assignment.group, own.sites)
                for own in what_applied(site.contract, date(2026, 6, day)).tariffs
            ]
            for day in (1, 3)
        }

        assert told == {
            1: [(everywhere, None, []), (old, group, [other, site.location])],
            3: [(everywhere, None, []), (new, group, [other])],
        }
        assert [own.assignment.tariff for own in own_tariffs(site.contract, LONG_AGO - DAY, LONG_AGO)] == []

    def test_is_asked_in_two_queries(self, site, django_assert_num_queries):
        for _ in range(3):
            group = make_group(make_location(owner=site.owner))
            assign_tariff(tariff=site.tariff, contract=site.contract, group=group)

        with django_assert_num_queries(2):
            own = own_tariffs(site.contract, NOON, NOON + DAY)

        assert [len(one.sites) for one in own] == [1, 1, 1]
        assert TariffAssignment.objects.count() == 4
