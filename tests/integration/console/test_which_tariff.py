"""The page that says which tariff applies to a card at a connector at a moment, and why."""

from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from tests.factories import (
    assign_tariff,
    make_contract,
    make_customer,
    make_evse,
    make_member,
    make_owner,
    make_tariff_version,
    make_token,
)
from tests.integration.tenants import CANARY, answer, signed_in

PAGE = reverse("console:which-tariff")
AT = "2026-06-01T14:00"  # noon UTC on the owner's clock


def text_of(response) -> str:
    return unescape(response.content.decode())


class TestTheAnswer:
    def test_gives_every_step_the_price_in_words_and_a_typical_session(self, ours, owner):
        query = {"token": ours.site.token.pk, "evse": ours.site.evse.pk, "at": AT}

        text = text_of(owner.get(PAGE, query))

        assert "“OURS Tariff” is the owner's default." in text
        for missing in ("contract OURS-V1", "membership tier “OURS Tier”", "EVSE OURS-CS-1 / 1", "station OURS-CS-1"):
            assert f"The {missing} has no tariff of its own at that time." in text
        assert "1 Jun 2026, 14:00:00 CEST" in text
        assert "It may charge." in text
        assert "20.000 kWh in 1 h 00 min" in text
        assert "€11.90" in text  # 20 kWh × 0.50 € net, 19 % VAT

    def test_takes_the_tiers_discount_off(self, ours, owner):
        tier = ours.site.contract.tier
        tier.discount_percent = Decimal(10)
        tier.save()

        text = text_of(owner.get(PAGE, {"token": ours.site.token.pk, "evse": ours.site.evse.pk, "at": AT}))

        assert "10 % (OURS Tier)" in text
        assert "€10.71" in text  # 20 kWh × 0.50 € − 10 % = 9.00 € net

    def test_lengthens_the_typical_session_at_a_slow_connector(self, ours, owner):
        slow = make_evse(station=ours.site.station, number=2, max_power_w=11_000)

        text = text_of(owner.get(PAGE, {"evse": slow.pk, "at": AT}))

        assert "20.000 kWh in 1 h 49 min" in text

    def test_says_what_the_contracts_own_tariff_hides(self, ours, owner):
        special = make_tariff_version(owner=ours.owner)
        assign_tariff(tariff=special.tariff, contract=ours.site.contract)

        text = text_of(owner.get(PAGE, {"contract": ours.site.contract.pk, "evse": ours.site.evse.pk, "at": AT}))

        assert f"“{special.tariff}” is assigned to the contract OURS-V1." in text
        assert "“OURS Tariff” is the owner's default too, but the contract OURS-V1 goes before." in text

    def test_says_that_a_card_may_not_charge(self, ours, owner):
        ours.site.contract.status = "suspended"
        ours.site.contract.save()

        text = text_of(owner.get(PAGE, {"token": ours.site.token.pk, "evse": ours.site.evse.pk, "at": AT}))

        assert "the card is blocked or its contract suspended" in text

    def test_says_what_follows_where_no_tariff_applies(self, ours, owner):
        query = {"evse": ours.site.evse.pk, "at": "2019-06-01T14:00"}

        text = text_of(owner.get(PAGE, query))

        assert "No tariff is assigned to OURS-CS-1 / 1 at 2019-06-01 12:00 UTC." in text
        assert "A session that starts then has no price and goes to review." in text
        assert "A typical session" not in text

    def test_says_that_the_seller_may_not_sell_there(self, ours, owner):
        ours.owner.tax_registrations.all().delete()

        text = text_of(owner.get(PAGE, {"evse": ours.site.evse.pk, "at": AT}))

        assert "the seller has no tax registration in DE on 2026-06-01" in text


class TestTheSearch:
    @pytest.mark.parametrize("words", ["card", "SCARD OURS-V1", "ours fleet", "…CARD · OURS-V1 · OURS 1"])
    def test_finds_a_card_by_its_last_characters_contract_customer_or_vehicle(self, ours, owner, words):
        text = text_of(owner.get(PAGE, {"card": words, "connector": "depot", "at": AT}))

        assert "…CARD · OURS-V1 · OURS 1" in text
        assert "The answer" in text

    @pytest.mark.parametrize("words", ["OURS-CS-1", "ours depot", "OURS-CS-1 / 1 · OURS Depot"])
    def test_finds_a_connector_by_station_or_location(self, ours, owner, words):
        assert "The answer" in text_of(owner.get(PAGE, {"connector": words, "at": AT}))

    def test_offers_what_fits_when_several_do(self, ours, owner):
        second = make_evse(station=ours.site.station, number=2)
        card = make_token(contract=ours.site.contract)

        text = text_of(owner.get(PAGE, {"card": "OURS-V1", "connector": "OURS-CS-1", "at": AT}))

        assert "Which card?" in text
        assert "Which connector?" in text
        assert f"evse={second.pk}" in text
        assert f"token={card.pk}" in text
        assert "The answer" not in text

    @pytest.mark.parametrize("name", ["OURS-CS-1 / 1", "OURS-CS-1 / 1 · OURS Depot"])
    def test_keeps_to_a_connectors_whole_name(self, ours, owner, name):
        make_evse(station=ours.site.station, number=2)

        text = text_of(owner.get(PAGE, {"connector": name, "at": AT}))

        assert "The answer" in text

    def test_says_what_can_be_searched_when_nothing_fits(self, ours, owner):
        text = text_of(owner.get(PAGE, {"card": "zzz", "connector": "yyy", "at": AT}))

        assert "No card fits. Search by its last characters" in text
        assert "No connector fits. Search by the station's identity" in text
        assert "The answer" not in text

    def test_says_that_a_contract_has_no_card(self, ours, owner):
        contract = make_contract(customer=make_customer(seller=ours.owner), number="BARE")

        assert "The contract BARE has no card yet." in text_of(owner.get(PAGE, {"contract": contract.pk}))

    def test_refuses_what_is_no_moment(self, ours, owner):
        response = owner.get(PAGE, {"evse": ours.site.evse.pk, "at": "tomorrow"})

        assert response.status_code == 200
        assert "Enter a valid date/time." in text_of(response)

    @pytest.mark.parametrize("at", ["0001-01-01T00:00", "1999-12-31T23:59", "2100-01-01T00:00", "9999-12-31T23:59"])
    def test_refuses_a_year_that_no_tariff_knows(self, ours, owner, at):
        response = owner.get(PAGE, {"evse": ours.site.evse.pk, "at": at})

        assert response.status_code == 200
        assert "Name a year from 2000 to 2099." in text_of(response)

    def test_teaches_before_anything_is_asked_and_before_there_is_hardware(self, ours, owner):
        other = make_member(organisation=make_owner(), role=Role.OWNER)

        assert "Say where" in text_of(owner.get(PAGE))
        assert "No connectors yet" in text_of(signed_in(other.user).get(PAGE))


class TestTenancy:
    def test_finds_nothing_of_another_owner(self, ours, theirs, owner):
        foreign = [
            {"token": theirs.site.token.pk, "evse": ours.site.evse.pk},
            {"evse": theirs.site.evse.pk},
            {"contract": theirs.site.contract.pk},
            {"token": "x"},
            {"evse": "9" * 30},
        ]
        searched = owner.get(PAGE, {"card": "V1", "connector": "CS-1", "at": AT})

        assert [owner.get(PAGE, query).status_code for query in foreign] == [404] * 5
        assert CANARY.encode() not in answer(searched)
        assert "The answer" in text_of(searched)

    def test_knows_no_card_of_another_seller_at_a_station(self, ours, theirs, platform):
        query = {"token": theirs.site.token.pk, "evse": ours.site.evse.pk, "at": AT}

        text = text_of(platform.get(PAGE, query))

        assert "the seller of this station does not know it" in text
        assert "Nobody is known to the seller here, so no contract counts." in text

    def test_is_closed_to_the_signed_out_and_to_customers(self, ours):
        assert [client.get(PAGE).status_code for client in (Client(), signed_in(ours.fleet.user))] == [302, 302]


class TestTheWayThere:
    def test_leads_from_contract_connector_tariff_and_assignments(self, ours, owner):
        contract = owner.get(reverse("admin:contracts_contract_which_tariff", args=[ours.site.contract.pk]))
        evse = owner.get(reverse("admin:stations_evse_which_tariff", args=[ours.site.evse.pk]))
        tariff = owner.get(reverse("admin:tariffs_tariff_which_tariff", args=[ours.site.tariff.pk]))
        assignments = owner.get(reverse("admin:contracts_tariffassignment_which_tariff"))

        assert contract.url == f"{PAGE}?contract={ours.site.contract.pk}"
        assert evse.url == f"{PAGE}?evse={ours.site.evse.pk}"
        assert (tariff.url, assignments.url) == (PAGE, PAGE)
        assert PAGE in text_of(owner.get(reverse("admin:index")))
