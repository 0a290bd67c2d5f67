"""What the database refuses of customers, contracts, cards and where tariffs apply."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.contracts.models import Contract, CostCentre, Customer, IdToken, MembershipTier, TariffAssignment, Vehicle
from tests.factories import (
    NOON,
    Site,
    assign_tariff,
    make_contract,
    make_cost_centre,
    make_customer,
    make_group,
    make_site,
    make_tariff,
    make_tariff_version,
    make_tier,
    make_token,
    make_vehicle,
)
from tests.refusals import refused_by, run_sql

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


def place_of(site: Site, kind: str):
    if kind == "group":
        return make_group(seller=site.owner)
    return make_tier(seller=site.owner) if kind == "tier" else getattr(site, kind)


class TestContracts:
    def test_refuse_a_customer_number_twice(self, site):
        with refused_by("customer_number_unique_per_seller", Customer):
            make_customer(seller=site.owner, number=site.customer.number)

    @pytest.mark.parametrize(
        ("scheme", "address"), [("", "4000001000005"), ("0088", "")], ids=["no kind", "no address"]
    )
    def test_refuse_half_an_electronic_address(self, site, scheme, address):
        with refused_by("customer_electronic_address_has_a_scheme", Customer):
            make_customer(seller=site.owner, electronic_address_scheme=scheme, electronic_address=address)

    def test_refuse_a_format_that_nobody_writes(self, site):
        with refused_by("customer_invoice_format_is_known", Customer):
            make_customer(seller=site.owner, invoice_format="fax")

    def test_refuse_a_contract_number_twice(self, site):
        with refused_by("contract_number_unique_per_seller", Contract):
            make_contract(customer=site.customer, number=site.contract.number)

    def test_refuse_an_end_that_is_not_after_the_start(self, site):
        with refused_by("contract_ends_after_start", Contract):
            make_contract(customer=site.customer, valid_from=NOON, valid_to=NOON)

    def test_refuse_a_mistyped_year(self, site):
        with refused_by("contract_has_usual_years", Contract):
            make_contract(customer=site.customer, valid_from=NOON, valid_to=NOON.replace(year=9999))

    def test_refuse_a_plate_twice(self, site):
        with refused_by("vehicle_plate_unique_per_customer", Vehicle):
            make_vehicle(customer=site.customer, plate=site.vehicle.plate)


class TestTiers:
    def test_refuse_a_name_twice(self, site):
        tier = make_tier(seller=site.owner)

        with refused_by("tier_name_unique_per_seller", MembershipTier):
            make_tier(seller=site.owner, name=tier.name)

    @pytest.mark.parametrize("percent", ["0", "-1", "100.0001"])
    def test_refuse_a_discount_that_is_no_percentage(self, site, percent):
        with refused_by("tier_discount_is_a_percentage", MembershipTier):
            make_tier(seller=site.owner, discount_percent=Decimal(percent))

    @pytest.mark.parametrize("percent", [None, "0.0001", "100"])
    def test_allow_a_discount_or_none(self, site, percent):
        tier = make_tier(seller=site.owner, discount_percent=percent and Decimal(percent))

        assert MembershipTier.objects.get(pk=tier.pk).discount_percent == (percent and Decimal(percent))

    def test_refuse_an_end_that_is_not_after_the_start(self, site):
        with refused_by("tier_ends_after_start", MembershipTier):
            make_tier(seller=site.owner, valid_from=NOON, valid_to=NOON)

    @pytest.mark.parametrize("year", [1999, 2200, 9999])
    def test_refuse_a_mistyped_year(self, site, year):
        with refused_by("tier_has_usual_years", MembershipTier):
            make_tier(seller=site.owner, valid_from=NOON.replace(year=year))


class TestTokens:
    @pytest.mark.parametrize("status", ["active", "blocked"])
    def test_refuse_a_card_in_two_contracts_of_a_seller(self, site, status):
        other = make_contract(customer=site.customer)

        with refused_by("token_in_one_contract_of_a_seller", IdToken):
            make_token(contract=other, uid=f" {site.token.uid.lower()}", status=status)

    def test_allow_a_card_at_another_seller_and_after_it_was_retired(self, site):
        make_token(contract=make_contract(), uid=site.token.uid)
        IdToken.objects.filter(pk=site.token.pk).update(status=IdToken.Status.RETIRED)
        make_token(contract=make_contract(customer=site.customer), uid=site.token.uid)

        assert IdToken.objects.filter(uid=site.token.uid).count() == 3

    def test_refuse_small_letters_by_plain_sql(self, site):
        with refused_by("token_uid_is_upper_case", IdToken):
            run_sql("UPDATE contracts_idtoken SET uid = 'abc' WHERE id = %s", site.token.pk)


class TestAssignments:
    def test_refuse_an_end_that_is_not_after_the_start(self, site):
        with refused_by("assignment_ends_after_start", TariffAssignment):
            assign_tariff(tariff=site.tariff, evse=site.evse, valid_from=NOON, valid_to=NOON)

    @pytest.mark.parametrize(
        "places",
        [
            ("contract", "evse"),
            ("contract", "tier"),
            ("tier", "location"),
            ("evse", "station"),
            ("station", "location"),
            ("contract", "location"),
            ("location", "group"),
            ("contract", "tier", "group"),
        ],
    )
    def test_refuse_two_places_at_once(self, site, places):
        with refused_by("assignment_names_who_at_a_group_or_one_place", TariffAssignment):
            assign_tariff(tariff=site.tariff, **{place: place_of(site, place) for place in places})

    @pytest.mark.parametrize(
        "places",
        [
            ("contract", "group"),
            ("contract",),
            ("tier", "group"),
            ("tier",),
            ("evse",),
            ("station",),
            ("location",),
            ("group",),
            (),
        ],
        ids=" at ".join,
    )
    def test_refuse_two_tariffs_of_one_rank_for_one_moment(self, site, places):
        where = {place: place_of(site, place) for place in places}
        if places:
            assign_tariff(tariff=site.tariff, **where)
        other = make_tariff_version(owner=site.owner).tariff

        with refused_by("assignment_one_per_place_and_moment", TariffAssignment):
            assign_tariff(tariff=other, valid_from=NOON, valid_to=NOON + timedelta(microseconds=1), **where)

    def test_refuse_a_mistyped_year(self, site):
        with refused_by("assignment_has_usual_years", TariffAssignment):
            assign_tariff(tariff=site.tariff, evse=site.evse, valid_from=NOON.replace(year=1026))

    def test_refuse_the_tariff_of_another_seller(self, site):
        with refused_by("the assigned tariff is of another seller", TariffAssignment):
            TariffAssignment.objects.create(seller=site.owner, tariff=make_site().tariff, valid_from=NOON)

    @pytest.mark.parametrize("place", ["contract", "tier", "evse", "station", "location", "group"])
    def test_refuse_a_place_of_another_seller(self, site, place):
        elsewhere = make_site()

        with refused_by("a tariff is assigned to a place of another seller", TariffAssignment):
            TariffAssignment.objects.create(
                seller=site.owner, tariff=site.tariff, valid_from=NOON, **{place: place_of(elsewhere, place)}
            )

    def test_refuse_to_move_a_tariff_to_another_seller_by_plain_sql(self, site):
        assignment = assign_tariff(tariff=site.tariff, evse=site.evse)

        with refused_by("the assigned tariff is of another seller", TariffAssignment):
            run_sql(
                "UPDATE contracts_tariffassignment SET tariff_id = %s WHERE id = %s",
                make_site().tariff.pk,
                assignment.pk,
            )

    def test_allow_one_after_the_other(self, site):
        assign_tariff(tariff=site.tariff, evse=site.evse, valid_to=NOON)
        assign_tariff(tariff=make_tariff(owner=site.owner), evse=site.evse, valid_from=NOON)

        assert TariffAssignment.objects.filter(evse=site.evse).count() == 2


class TestCards:
    def test_refuse_a_vehicle_of_another_customer(self, site):
        with refused_by("a card names a vehicle, cost centre, contract or card of somebody else", IdToken):
            make_token(contract=site.contract, vehicle=make_vehicle(customer=make_customer(seller=site.owner)))

    def test_refuse_a_cost_centre_of_another_customer(self, site):
        with refused_by("a card names a vehicle, cost centre, contract or card of somebody else", IdToken):
            make_token(contract=site.contract, cost_centre=make_cost_centre(customer=make_customer(seller=site.owner)))

    def test_refuse_to_replace_another_sellers_card(self, site):
        with refused_by("a card names a vehicle, cost centre, contract or card of somebody else", IdToken):
            make_token(contract=site.contract, replaces=make_site().token)

    def test_refuse_to_replace_a_card_twice(self, site):
        make_token(contract=site.contract, replaces=site.token)

        with refused_by("contracts_idtoken_replaces_id", IdToken):
            make_token(contract=site.contract, replaces=site.token)

    def test_refuse_an_end_that_is_not_after_the_start(self, site):
        with refused_by("token_ends_after_start", IdToken):
            make_token(contract=site.contract, valid_from=NOON, valid_to=NOON)

    def test_refuse_a_mistyped_year(self, site):
        with refused_by("token_has_usual_years", IdToken):
            make_token(contract=site.contract, valid_to=NOON.replace(year=9999))

    def test_refuse_a_cost_centres_code_twice(self, site):
        centre = make_cost_centre(customer=site.customer)

        with refused_by("cost_centre_code_unique_per_customer", CostCentre):
            make_cost_centre(customer=site.customer, code=centre.code)
