from datetime import timedelta
from decimal import Decimal

import pytest

from apps.contracts.domain.reasons import Outcome
from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import IdToken, Suspension
from apps.contracts.selectors import TokenQuery, find_token, find_tokens
from apps.contracts.services import TariffQuery, explain_tariff, find_tariff, find_tariffs
from apps.core.audit import find_violations
from apps.stations.models import Evse
from tests.factories import (
    LONG_AGO,
    NOON,
    assign_tariff,
    make_contract,
    make_cost_centre,
    make_draft,
    make_evse,
    make_group,
    make_location,
    make_owner,
    make_site,
    make_station,
    make_tariff_version,
    make_tier,
    make_token,
    make_vehicle,
)
from tests.refusals import run_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


def loaded(evse: Evse) -> Evse:
    return Evse.objects.select_related("station__location").get(pk=evse.pk)


class TestFindTariff:
    def test_goes_from_the_contract_down_to_the_default(self, site):
        tier = make_tier(seller=site.owner)
        site.contract.tier = tier
        site.contract.save()
        group = make_group(site.location, name="Depots")
        places = [
            {"group": group},
            {"location": site.location},
            {"station": site.station},
            {"evse": site.evse},
            {"tier": tier},
            {"tier": tier, "group": group},
            {"contract": site.contract},
            {"contract": site.contract, "group": group},
        ]
        chosen = [find_tariff(token=site.token, evse=site.evse, at=NOON)]
        for place in places:
            version = make_tariff_version(owner=site.owner)
            assign_tariff(tariff=version.tariff, **place)
            choice = find_tariff(token=site.token, evse=site.evse, at=NOON)
            assert choice.version == version
            chosen.append(choice)

        assert [choice.reasons[0].partition("” is ")[2] for choice in chosen] == [
            "the owner's default.",
            "assigned to the site group “Depots”.",
            f"assigned to the location {site.location}.",
            f"assigned to the station {site.station}.",
            f"assigned to the EVSE {site.evse}.",
            f"assigned to the membership tier “{tier}”.",
            f"assigned to the membership tier “{tier}” at sites of “Depots”.",
            f"assigned to the contract {site.contract.number}.",
            f"assigned to the contract {site.contract.number} at sites of “Depots”.",
        ]

    def test_says_what_was_passed_over(self, site):
        choice = find_tariff(token=site.token, evse=site.evse, at=NOON)

        assert choice.reasons == (
            f"“{site.tariff}” is the owner's default.",
            f"The location {site.location} is in no site group.",
            f"The contract {site.contract.number} has no tariff of its own at that time.",
            f"The contract {site.contract.number} is in no membership tier.",
            f"The EVSE {site.evse} has no tariff of its own at that time.",
            f"The station {site.station} has no tariff of its own at that time.",
            f"The location {site.location} has no tariff of its own at that time.",
        )

    def test_gives_nobody_the_contracts_tariff_of_another(self, site):
        special = make_tariff_version(owner=site.owner)
        assign_tariff(tariff=special.tariff, contract=site.contract)
        other = make_token(contract=make_contract(customer=site.customer))

        choices = find_tariffs([TariffQuery(token, site.evse, NOON) for token in (site.token, other, None)])

        assert [choice.version for choice in choices] == [special, site.version, site.version]

    def test_takes_the_version_that_is_valid_at_the_start(self, site):
        site.version.valid_to = NOON
        site.version.save()
        following = make_tariff_version(tariff=site.tariff, valid_from=NOON)

        before = find_tariff(token=None, evse=site.evse, at=NOON - timedelta(microseconds=1))
        after = find_tariff(token=None, evse=site.evse, at=NOON)

        assert (before.version, after.version) == (site.version, following)

    def test_does_not_fall_through_to_a_price_nobody_agreed_on(self, site):
        ended = make_tariff_version(owner=site.owner, valid_to=NOON - timedelta(days=1))
        assign_tariff(tariff=ended.tariff, contract=site.contract)

        choice = find_tariff(token=site.token, evse=site.evse, at=NOON)

        assert choice.version is None
        assert choice.discount_percent is None
        assert choice.reasons == (
            f"“{ended.tariff}” is assigned to the contract {site.contract.number}, but has no published version in "
            "force at that time. Nothing below it is asked.",
            f"The location {site.location} is in no site group.",
        )

    def test_takes_no_draft(self, site):
        draft = make_draft(owner=site.owner)
        assign_tariff(tariff=draft.tariff, contract=site.contract)

        choice = find_tariff(token=site.token, evse=site.evse, at=NOON)

        assert choice.version is None
        assert "has no published version in force" in choice.reasons[0]

    def test_says_that_no_tariff_is_assigned(self):
        evse = make_evse()

        choice = find_tariff(token=None, evse=evse, at=NOON)

        assert choice.version is None
        assert choice.reasons == (f"No tariff is assigned to {evse} at 2026-06-01 12:00 UTC.",)

    def test_never_takes_another_sellers_default(self, site):
        evse = make_evse()

        assert find_tariff(token=None, evse=evse, at=NOON).version is None

    def test_answers_many_in_three_queries(self, site, django_assert_num_queries):
        special = make_tariff_version(owner=site.owner)
        evses = [loaded(site.evse)]
        for _ in range(3):
            location = make_location(owner=site.owner)
            assign_tariff(tariff=special.tariff, contract=site.contract, group=make_group(location))
            evses.append(loaded(make_evse(station=make_station(location=location))))

        with django_assert_num_queries(3):
            choices = find_tariffs([TariffQuery(site.token, evse, NOON) for evse in evses * 25])

        assert [choice.version for choice in choices[:4]] == [site.version, special, special, special]


class TestMembershipTier:
    @pytest.fixture
    def tier(self, site):
        tier = make_tier(seller=site.owner, name="Gold", discount_percent=Decimal("12.5"))
        site.contract.tier = tier
        site.contract.save()
        return tier

    def test_takes_its_discount_off_whatever_tariff_applies(self, site, tier):
        choice = find_tariff(token=site.token, evse=site.evse, at=NOON)

        assert choice.version == site.version
        assert choice.discount_percent == Decimal("12.5")
        assert choice.reasons[-1] == "The membership tier “Gold” takes 12.5 % off."

    def test_counts_only_while_it_is_in_force(self, site, tier):
        tier.valid_to = NOON
        tier.save()
        special = make_tariff_version(owner=site.owner)
        assign_tariff(tariff=special.tariff, tier=tier)

        before = find_tariff(token=site.token, evse=site.evse, at=NOON - timedelta(microseconds=1))
        after = find_tariff(token=site.token, evse=site.evse, at=NOON)

        assert (before.version, before.discount_percent) == (special, Decimal("12.5"))
        assert (after.version, after.discount_percent) == (site.version, None)
        assert "The membership tier “Gold” is not in force at that time." in after.reasons

    def test_gives_no_discount_to_others(self, site, tier):
        other = make_token(contract=make_contract(customer=site.customer))

        choices = find_tariffs([TariffQuery(token, site.evse, NOON) for token in (other, None)])

        assert [choice.discount_percent for choice in choices] == [None, None]

    def test_counts_for_nothing_at_another_sellers_station(self, site, tier):
        elsewhere = make_site()

        choice = find_tariff(token=site.token, evse=elsewhere.evse, at=NOON)

        assert (choice.version, choice.discount_percent) == (elsewhere.version, None)
        assert "Nobody is known to the seller here, so no contract counts." in choice.reasons

    def test_comes_with_the_token(self, site, tier, django_assert_num_queries):
        finding = find_token(seller_id=site.owner.pk, uid=site.token.uid, at=NOON)

        evse = loaded(site.evse)
        with django_assert_num_queries(3):
            choice = find_tariff(token=finding.token, evse=evse, at=NOON)

        assert choice.discount_percent == Decimal("12.5")


class TestExplainTariff:
    def test_gives_every_ranks_answer_and_the_span_of_what_decided(self, site):
        explanation = explain_tariff(token=site.token, evse=site.evse, at=NOON)

        assert [step.outcome for step in explanation.steps] == [
            Outcome.ABSENT,
            Outcome.NONE,
            Outcome.ABSENT,
            Outcome.ABSENT,
            Outcome.NONE,
            Outcome.NONE,
            Outcome.NONE,
            Outcome.ABSENT,
            Outcome.APPLIES,
        ]
        assert (explanation.decided_by.tariff_id, explanation.decided_by.valid_from) == (site.tariff.pk, LONG_AGO)
        assert explanation.choice == find_tariff(token=site.token, evse=site.evse, at=NOON)


class TestFindToken:
    @pytest.mark.parametrize("uid", ["card-77", " CARD-77 "])
    def test_finds_a_card_however_the_station_writes_it(self, site, uid):
        token = make_token(contract=site.contract, uid="card-77")

        finding = find_token(seller_id=site.owner.pk, uid=uid, at=NOON)

        assert (finding.token, finding.verdict) == (token, TokenVerdict.VALID)

    def test_does_not_know_cards_of_other_sellers_retired_ones_or_none(self, site):
        retired = make_token(contract=site.contract, status=IdToken.Status.RETIRED)

        findings = find_tokens(
            [
                TokenQuery(make_owner().pk, site.token.uid, NOON),
                TokenQuery(site.owner.pk, retired.uid, NOON),
                TokenQuery(site.owner.pk, " ", NOON),
            ]
        )

        assert [finding.verdict for finding in findings] == [TokenVerdict.UNKNOWN] * 3


class TestAudit:
    def test_finds_nothing_in_a_whole_site(self, site):
        assert not list(find_violations())

    def test_finds_contracts_that_are_suspended_without_a_reason_or_not_with_one(self, site):
        other = make_contract(customer=site.customer)
        Suspension.objects.create(contract=other, cause="manual", reason="x", since=NOON)
        run_sql("UPDATE contracts_contract SET status = 'suspended' WHERE id = %s", site.contract.pk)

        found = {(violation.invariant, violation.subject, violation.problem) for violation in find_violations()}

        assert found == {
            ("I17", f"contract {site.contract.pk}", "is suspended and no suspension of it stands"),
            ("I17", f"contract {other.pk}", "has a suspension that stands and is active"),
        }

    def test_finds_rows_that_cross_sellers(self, site):
        stranger = make_site()
        vehicle = make_vehicle(customer=stranger.customer)
        assignment = assign_tariff(tariff=site.tariff, location=site.location, valid_from=LONG_AGO)
        run_sql("UPDATE contracts_contract SET seller_id = %s WHERE id = %s", stranger.owner.pk, site.contract.pk)
        centre = make_cost_centre(customer=stranger.customer)
        run_sql("SET LOCAL session_replication_role = replica")  # the triggers refuse it
        run_sql(
            "UPDATE contracts_idtoken SET vehicle_id = %s, cost_centre_id = %s WHERE id = %s",
            vehicle.pk,
            centre.pk,
            site.token.pk,
        )
        run_sql(
            "UPDATE contracts_tariffassignment SET location_id = %s WHERE id = %s",
            stranger.location.pk,
            assignment.pk,
        )
        run_sql("SET LOCAL session_replication_role = DEFAULT")
        run_sql("UPDATE tariffs_tariff SET owner_id = %s WHERE id = %s", stranger.owner.pk, stranger.tariff.pk)

        found = {(violation.invariant, violation.subject, violation.problem) for violation in find_violations()}

        assert found == {
            ("I13", f"contract {site.contract.pk}", "its customer belongs to another seller"),
            ("I13", f"id token {site.token.pk}", "its contract belongs to another seller"),
            ("I13", f"id token {site.token.pk}", "its vehicle belongs to another customer"),
            ("I13", f"id token {site.token.pk}", "its cost centre belongs to another customer"),
            (
                "I13",
                f"tariff assignment {assignment.pk}",
                "it is assigned to a contract or a place of another seller",
            ),
        }

    def test_finds_tiers_of_another_seller(self, site):
        tier = make_tier()
        assignment = assign_tariff(tariff=site.tariff, tier=make_tier(seller=site.owner))
        run_sql("UPDATE contracts_contract SET tier_id = %s WHERE id = %s", tier.pk, site.contract.pk)
        run_sql("SET LOCAL session_replication_role = replica")  # the trigger refuses it
        run_sql("UPDATE contracts_tariffassignment SET tier_id = %s WHERE id = %s", tier.pk, assignment.pk)
        run_sql("SET LOCAL session_replication_role = DEFAULT")

        found = {(violation.invariant, violation.subject, violation.problem) for violation in find_violations()}

        assert found == {
            ("I13", f"contract {site.contract.pk}", "its membership tier belongs to another seller"),
            ("I13", f"tariff assignment {assignment.pk}", "it is assigned to a membership tier of another seller"),
        }

    def test_finds_site_groups_of_another_seller(self, site):
        stranger, group = make_group(), make_group(site.location)
        assignment = assign_tariff(tariff=site.tariff, group=group)
        run_sql("SET LOCAL session_replication_role = replica")  # the triggers refuse it
        run_sql("UPDATE contracts_tariffassignment SET group_id = %s WHERE id = %s", stranger.pk, assignment.pk)
        run_sql("UPDATE contracts_groupedsite SET group_id = %s WHERE group_id = %s", stranger.pk, group.pk)
        run_sql("SET LOCAL session_replication_role = DEFAULT")

        found = {(violation.invariant, violation.subject, violation.problem) for violation in find_violations()}

        assert found == {
            ("I13", f"tariff assignment {assignment.pk}", "it is assigned to a site group of another seller"),
            ("I13", f"site group {stranger.pk}", "it holds a location of another seller"),
        }
