"""A contract's document while it is drafted: what it says, in which language, and what is refused."""

from datetime import date
from hashlib import sha256

import pytest

from apps.contracts.contract_sheets import print_html
from apps.contracts.domain.versions import VersionKind
from apps.contracts.models import ContractVersion, Plan
from apps.contracts.offers import OfferRefused
from apps.documents.models import Document, Mail
from tests.factories import (
    assign_tariff,
    make_evse,
    make_group,
    make_location,
    make_plan,
    make_site,
    make_station,
    make_tariff,
    make_tariff_version,
    make_template,
)

from .test_offers import JULY, draft, site

__all__ = ["site"]


class TestDrafting:
    def test_makes_a_document_of_terms_prices_plan_and_cards_that_nobody_is_told_of(self, site):
        terms = {"base_fee": "30.00", "included_kwh": "100", "steps": [(None, "-0.02")]}
        plan = Plan.objects.get(pk=make_plan(seller=site.owner, name="Fleet 30", **terms).pk)

        version = draft(site, plan=plan)

        html = print_html(version.content)
        document = version.document
        assert (version.number, version.status, document.file_name) == (1, "drafted", f"{site.contract.number}-1.pdf")
        assert bytes(document.content[:5]) == b"%PDF-"
        assert version.document_hash == sha256(bytes(document.content)).hexdigest()
        assert f"{site.owner.name} and {site.customer.name}" in html
        assert "until 30 Jun 2027 and is renewed by 12 months" in html
        assert site.location.name in html
        assert "0.50" in html
        assert "Base fee a month: €30.00" in html
        assert "Included in each period: 100 kWh" in html
        assert "Each further kWh: -€0.02 besides the price" in html
        assert f"…{site.token.uid[-4:]}" in html
        assert not Mail.objects.exists()
        assert site.token.uid not in html

    @pytest.mark.parametrize(
        ("language", "said"),
        [
            ("de", ["Ladevertrag", "ab: 01.07.2026", "Preisblatt", "0,50"]),
            ("fr", ["Contrat de recharge", "ab: 1 juillet 2026", "Grille tarifaire", "Formule\u00a0: Flotte", "0,50"]),
            ("nl", ["Laadcontract", "ab: 1 juli 2026", "Prijslijst", "Tariefplan: Flotte", "0,50"]),
        ],
    )
    def test_speaks_the_templates_language(self, site, language, said):
        template = make_template(seller=site.owner, language=language, terms="{seller}, {customer}, ab: {first_day}")
        plan = make_plan(seller=site.owner, name="Flotte", base_fee="30.00")

        html = print_html(draft(site, template=template, plan=plan).content)

        assert [words for words in said if words not in html] == []

    def test_escapes_what_people_typed(self, site):
        template = make_template(seller=site.owner, terms="<script>alert(1)</script> {customer}")
        site.customer.name = "<b>Fleet</b> {seller}"
        site.customer.save()

        html = print_html(draft(site, template=template).content)

        assert "<script>" not in html
        assert "&lt;b&gt;Fleet&lt;/b&gt; {seller}" in html

    def test_prices_the_tariff_that_is_offered_at_every_site(self, site):
        other = make_tariff(owner=site.owner)
        elements = [{"price_components": [{"type": "ENERGY", "price": "0.39", "step_size": 1}]}]
        make_tariff_version(tariff=other, elements=elements)

        version = draft(site, tariff=other)

        (group,) = version.content["sites"]
        assert "0.39" in group["prices"][0]

    def test_prices_what_is_offered_at_a_groups_sites_apart_from_everywhere_else(self, site):
        everywhere, depot = (make_tariff(owner=site.owner) for _ in range(2))
        for tariff, price in ((everywhere, "0.39"), (depot, "0.29")):
            make_tariff_version(tariff=tariff, elements=[{"price_components": [{"type": "ENERGY", "price": price}]}])
        away = make_evse(station=make_station(location=make_location(owner=site.owner, name="Away")))
        depots, empty = make_group(site.location, name="Depots"), make_group(seller=site.owner, name="Yards")

        version = draft(site, tariff=everywhere, group_tariffs=((depots, depot), (empty, depot)))

        sheet = [(one["group"], [name.partition(",")[0] for name in one["names"]]) for one in version.content["sites"]]
        assert sheet == [
            ("", [away.station.location.name]),
            ("At sites of Depots", [site.location.name]),
            ("At sites of Yards", []),
        ]
        prices = [one["prices"][0] for one in version.content["sites"]]
        assert ["0.39" in prices[0], "0.29" in prices[1], "0.29" in prices[2]] == [True, True, True]
        assert "<h3>At sites of Depots</h3>" in print_html(version.content)

    def test_keeps_what_the_contract_has_at_a_group_where_a_tariff_for_everywhere_is_offered(self, site):
        group, everywhere = make_group(site.location, name="Depots"), make_tariff_version(owner=site.owner).tariff
        assign_tariff(tariff=site.tariff, contract=site.contract, group=group)

        (sheet,) = draft(site, tariff=everywhere).content["sites"]

        assert sheet["group"] == "At sites of Depots"

    @pytest.mark.parametrize("what", ["group", "tariff"])
    def test_refuses_what_is_another_sellers_at_a_group(self, site, what):
        stranger = make_site()
        group = make_group(stranger.location if what == "group" else site.location)
        tariff = stranger.tariff if what == "tariff" else site.tariff

        with pytest.raises(OfferRefused, match="belongs to another seller"):
            draft(site, group_tariffs=((group, tariff),))

        assert not ContractVersion.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"first_day": date(2026, 5, 31)}, "days that are over"),
            ({"end_day": JULY}, "must end after it begins"),
            ({"end_day": None}, "until further notice is not renewed"),
            ({"kind": VersionKind.AMENDMENT}, "gets its first document"),
        ],
    )
    def test_refuses_days_that_cannot_be(self, site, fields, says):
        with pytest.raises(OfferRefused, match=says):
            draft(site, **fields)

        assert not ContractVersion.objects.exists()
        assert not Document.objects.exists()

    def test_refuses_a_second_one_while_one_is_open(self, site):
        draft(site)

        with pytest.raises(OfferRefused, match="Another version"):
            draft(site)

    def test_refuses_another_sellers_plan_and_tariff(self, site):
        stranger = make_site()

        with pytest.raises(OfferRefused, match="another seller"):
            draft(site, plan=make_plan(seller=stranger.owner))
        with pytest.raises(OfferRefused, match="another seller"):
            draft(site, tariff=stranger.tariff)
