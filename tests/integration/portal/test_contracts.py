"""A customer reads their contracts, and accepts an offer signed in or by the link of a mail."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import ContractVersion
from apps.contracts.offers import offer_token, withdraw_version
from apps.core import clock
from tests.factories import assign_tariff, make_cost_centre, make_member, make_user
from tests.integration.tenants import CANARY, signed_in


@pytest.fixture
def fleet(ours) -> Client:
    return signed_in(ours.fleet.user)


def version_of(tenant) -> ContractVersion:
    return ContractVersion.objects.get(contract=tenant.site.contract)


def accepting(version: ContractVersion, **fields) -> dict[str, str]:
    return {"name": "Ada Example", "accepts": "on", "document_hash": version.document_hash, **fields}


class TestTheContractsPage:
    def test_lists_ones_own_and_leads_to_what_is_to_accept(self, ours, theirs, fleet):
        page = fleet.get(reverse("portal:contracts")).content.decode()

        assert "OURS-V1" in page
        assert "to accept" in page
        assert CANARY not in page

    def test_shows_its_prices_and_cards_with_driver_vehicle_and_cost_centre(self, ours, fleet):
        assign_tariff(tariff=ours.site.tariff, contract=ours.site.contract)

        page = fleet.get(reverse("portal:contract", args=[ours.site.contract.pk])).content.decode()

        for text in ("OURS Driver", "OURS 1", "OURS Sales", "OURS Plan", "Offered to you"):
            assert text in page
        assert "0.50 €/kWh" in page.partition("Your prices today")[2]
        assert ours.site.token.uid not in page

    def test_speaks_german(self, ours, fleet):
        page = fleet.get(reverse("portal:contract", args=[ours.site.contract.pk]), headers={"accept-language": "de"})

        for text in ("Vertrag", "Kostenstelle", "Fahrer", "Vertrag annehmen"):
            assert text in page.content.decode()

    def test_shows_no_draft(self, ours, fleet):
        version = version_of(ours)
        ContractVersion.objects.filter(pk=version.pk).update(status="drafted", offered_at=None)

        assert (
            "Offered to you" not in fleet.get(reverse("portal:contract", args=[ours.site.contract.pk])).content.decode()
        )
        assert fleet.get(reverse("portal:contract-document", args=[version.pk])).status_code == 404


class TestAcceptingSignedIn:
    def test_keeps_who_when_from_where_and_which_file(self, ours, fleet):
        version = version_of(ours)

        page = fleet.post(reverse("portal:contract-accept", args=[version.pk]), accepting(version), follow=True)

        version.refresh_from_db()
        assert "Accepted. Both sides get a mail with the document" in page.content.decode()
        assert (version.accepted_name, version.accepted_by) == ("Ada Example", ours.fleet.user)
        assert (version.accepted_address, version.accepted_hash) == ("127.0.0.1", version.document_hash)

    @pytest.mark.parametrize("fields", [{"name": ""}, {"accepts": ""}, {"document_hash": "0" * 64}])
    def test_needs_name_tick_and_the_very_file(self, ours, fleet, fields):
        version = version_of(ours)

        fleet.post(reverse("portal:contract-accept", args=[version.pk]), accepting(version, **fields))

        assert version_of(ours).status == "offered"

    def test_is_for_administrators_of_the_very_customer(self, ours, theirs, fleet):
        driver = make_member(organisation=ours.fleet.organisation, role=Role.FLEET_USER, user=make_user())
        mine, other = version_of(ours), version_of(theirs)

        assert (
            signed_in(driver.user).post(reverse("portal:contract-accept", args=[mine.pk]), accepting(mine)).status_code
            == 403
        )
        assert fleet.post(reverse("portal:contract-accept", args=[other.pk]), accepting(other)).status_code == 404
        assert {version_of(ours).status, version_of(theirs).status} == {"offered"}


class TestTheLink:
    def test_shows_the_offer_and_accepts_it_without_signing_in(self, ours):
        version, browser = version_of(ours), Client()
        address = reverse("portal:offer", args=[offer_token(version)])

        shown = browser.get(address).content.decode()
        assert "Accept the contract" in shown
        assert version.document_hash in shown
        assert version_of(ours).status == "offered"
        file = browser.get(reverse("portal:offer-document", args=[offer_token(version)]))
        assert file.content == bytes(version.document.content)

        done = browser.post(address, accepting(version), follow=True).content.decode()
        assert "Accepted by Ada Example" in done
        assert (version_of(ours).status, version_of(ours).accepted_by) == ("accepted", None)
        again = browser.post(address, accepting(version, name="Bob"), follow=True).content.decode()
        assert "Accepted by Ada Example" in again

    def test_of_a_withdrawn_offer_says_so(self, ours):
        version = version_of(ours)
        withdraw_version(version_id=version.pk, at=clock.now())

        page = Client().get(reverse("portal:offer", args=[offer_token(version)]))

        assert "cannot be accepted any more" in page.content.decode()
        assert "Accept the contract" not in page.content.decode()

    def test_that_is_forged_leads_nowhere(self, ours):
        token = offer_token(version_of(ours))
        for forged in (token[:-1] + ("a" if token[-1] != "a" else "b"), "x", token.split(":")[0]):
            assert Client().get(reverse("portal:offer", args=[forged])).status_code == 404

    def test_needs_the_tick(self, ours):
        version = version_of(ours)

        page = Client().post(reverse("portal:offer", args=[offer_token(version)]), {"name": "Ada"})

        assert page.status_code == 200
        assert version_of(ours).status == "offered"


def test_a_cost_centre_is_printed_nowhere_it_does_not_belong(ours, theirs, fleet):
    make_cost_centre(customer=theirs.site.customer, code="X", name=f"{CANARY} X")

    assert CANARY not in fleet.get(reverse("portal:contract", args=[ours.site.contract.pk])).content.decode()
