"""Cards, vehicles and cost centres in the hands of their customer: its administrators change them, others look."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.cards import block_card
from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.models import CostCentre, IdToken, Vehicle
from apps.contracts.selectors import find_token
from apps.core import clock
from tests.factories import (
    make_contract,
    make_cost_centre,
    make_member,
    make_neighbour,
    make_site,
    make_token,
    make_vehicle,
)
from tests.integration.tenants import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


@pytest.fixture
def browser(site):
    """An administrator's."""
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)


@pytest.fixture
def looker(site):
    """Of somebody who may look."""
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_USER).user)


def words_of(browser, site, name: str, **posted) -> str:
    address = reverse(f"portal:{name}", args=[site.token.public_uid, *posted.pop("args", ())])
    return browser.post(address, posted, follow=True).content.decode()


def verdict_of(site, uid: str) -> TokenVerdict:
    return find_token(seller_id=site.owner.pk, uid=uid, at=clock.now()).verdict


class TestAddingACard:
    def test_lets_its_driver_charge_at_once_until_the_last_day(self, site, browser):
        centre = make_cost_centre(customer=site.customer)
        last_day = clock.now().date() + timedelta(days=3)
        address = reverse("portal:card-add", args=[site.contract.pk])

        browser.post(
            address,
            {
                "uid": " 04:a1:b2:c3 ",
                "driver": "A guest",
                "vehicle": site.vehicle.pk,
                "cost_centre": centre.pk,
                "last_day": last_day.isoformat(),
            },
        )

        card = IdToken.objects.get(uid="04A1B2C3")
        assert (card.contract, card.driver, card.vehicle, card.cost_centre) == (
            site.contract,
            "A guest",
            site.vehicle,
            centre,
        )
        assert verdict_of(site, "04A1B2C3") == TokenVerdict.VALID
        assert card.valid_to.date() >= last_day
        assert "A guest" in browser.get(reverse("portal:cards"), {"q": "a gue"}).content.decode()

    @pytest.mark.parametrize(
        ("posted", "said"),
        [
            ({"uid": "TAKEN"}, "This number cannot be added."),
            ({"uid": "Ä"}, "letters and digits only"),
            ({"uid": "NEW1", "last_day": "2020-01-01"}, "The last day is past"),
        ],
    )
    def test_says_why_not_and_names_no_other_customer(self, site, browser, posted, said):
        neighbour = make_contract(customer=make_neighbour(site).customer)
        make_token(contract=neighbour, uid="TAKEN")

        page = browser.post(reverse("portal:card-add", args=[site.contract.pk]), posted).content.decode()

        assert said in page
        assert neighbour.number not in page
        assert site.contract.tokens.count() == 1

    def test_takes_no_vehicle_or_cost_centre_of_somebody_else(self, site, browser):
        neighbour = make_neighbour(site)
        posted = {"uid": "NEW1", "vehicle": neighbour.vehicle.pk}

        page = browser.post(reverse("portal:card-add", args=[site.contract.pk]), posted).content.decode()

        assert "Choose one of the list." in page
        assert not IdToken.objects.filter(uid="NEW1").exists()

    def test_is_not_possible_on_a_contract_that_has_ended(self, site, browser):
        type(site.contract).objects.filter(pk=site.contract.pk).update(status="ended")

        assert browser.get(reverse("portal:card-add", args=[site.contract.pk])).status_code == 404


class TestChangingACard:
    def test_gives_it_to_another_driver_and_vehicle(self, site, browser):
        other = make_vehicle(customer=site.customer)

        browser.post(
            reverse("portal:card", args=[site.token.public_uid]), {"driver": "Ada Example", "vehicle": other.pk}
        )

        site.token.refresh_from_db()
        assert (site.token.driver, site.token.vehicle) == ("Ada Example", other)

    def test_of_a_retired_one_is_refused(self, site, browser):
        IdToken.objects.filter(pk=site.token.pk).update(status="retired")

        page = browser.post(reverse("portal:card", args=[site.token.public_uid]), {"driver": "X"}).content.decode()

        site.token.refresh_from_db()
        assert "This card is not used any more." in page
        assert site.token.driver == ""


class TestBlocking:
    def test_is_undone_by_who_did_it_and_lost_is_said(self, site, browser):
        uid = site.token.uid
        assert "starts no charge" in words_of(browser, site, "card-act", args=["block"])
        blocked = verdict_of(site, uid)
        assert "reported lost" in words_of(browser, site, "card-act", args=["lost"])
        assert IdToken.objects.get(uid=uid).blocked_as == "lost"
        words_of(browser, site, "card-act", args=["unblock"])

        assert (blocked, verdict_of(site, uid)) == (TokenVerdict.BLOCKED, TokenVerdict.VALID)
        assert IdToken.objects.get(uid=uid).blocked_as == ""

    def test_by_the_seller_is_undone_by_the_seller_alone(self, site, browser):
        block_card(token_id=site.token.pk)

        words = [words_of(browser, site, "card-act", args=[act]) for act in ("unblock", "lost")]

        assert ["Your seller has blocked this card" in one for one in words] == [True, True]
        assert verdict_of(site, site.token.uid) == TokenVerdict.BLOCKED

    def test_goes_on_with_a_new_number_on_the_same_terms(self, site, browser):
        driver = make_contract(customer=site.customer)
        IdToken.objects.filter(pk=site.token.pk).update(kind="employee", driver_contract=driver)
        words_of(browser, site, "card-act", args=["lost"])

        page = words_of(browser, site, "card-replace", uid="NEW7")

        new = IdToken.objects.get(uid="NEW7")
        assert "goes on in its stead" in page
        assert (new.replaces, new.vehicle, new.kind, new.driver_contract) == (
            site.token,
            site.vehicle,
            "employee",
            driver,
        )
        assert verdict_of(site, "NEW7") == TokenVerdict.VALID


class TestVehiclesAndCostCentres:
    def test_are_added_renamed_and_removed_while_nothing_names_them(self, site, browser):
        customer = site.customer.pk
        browser.post(reverse("portal:vehicle-add", args=[customer]), {"plate": "B-WL 1", "label": "Van"})
        again = browser.post(reverse("portal:vehicle-add", args=[customer]), {"plate": "B-WL 1"}).content.decode()
        van = Vehicle.objects.get(plate="B-WL 1")
        browser.post(reverse("portal:vehicle", args=[van.pk]), {"plate": "B-WL 2", "label": "Van"})
        browser.post(reverse("portal:cost-centre-add", args=[customer]), {"code": "4711", "buyer_reference": "R"})
        removed = browser.post(reverse("portal:vehicle-remove", args=[van.pk]), follow=True).content.decode()
        kept = browser.post(reverse("portal:vehicle-remove", args=[site.vehicle.pk]), follow=True).content.decode()

        assert "You already have a vehicle with this plate." in again
        assert "B-WL 2 (Van) is removed." in removed
        assert "a card, a session or a budget names it" in kept
        assert list(Vehicle.objects.filter(customer=customer)) == [site.vehicle]
        assert CostCentre.objects.get(customer=customer).buyer_reference == "R"


class TestWhoLooks:
    def test_sees_everything_and_changes_nothing(self, site, looker):
        make_cost_centre(customer=site.customer)
        card, contract = site.token.public_uid, site.contract.pk
        lists = [looker.get(reverse(f"portal:{name}")) for name in ("cards", "vehicles", "cost-centres", "budgets")]
        page = looker.get(reverse("portal:card", args=[card]))

        refused = [
            looker.post(reverse("portal:card", args=[card]), {"driver": "X"}),
            looker.post(reverse("portal:card-act", args=[card, "block"])),
            looker.post(reverse("portal:card-replace", args=[card]), {"uid": "NEW1"}),
            looker.get(reverse("portal:card-add", args=[contract])),
            looker.get(reverse("portal:vehicle", args=[site.vehicle.pk])),
            looker.post(reverse("portal:vehicle-remove", args=[site.vehicle.pk])),
            looker.get(reverse("portal:budget-add", args=[contract])),
        ]

        assert [one.status_code for one in (*lists, page)] == [200] * 5
        assert "<button" not in page.content.decode().split("<main")[1].split("</main>")[0]
        assert [one.status_code for one in refused] == [403] * 7
        site.token.refresh_from_db()
        assert (site.token.status, site.token.driver) == ("active", "")


class TestAnothersCard:
    def test_is_unknown_whatever_is_done_to_it(self, ours, theirs):
        browser = signed_in(ours.fleet.user)
        card = theirs.site.token.public_uid

        answers = [
            browser.post(reverse("portal:card", args=[card]), {"driver": "X"}),
            browser.post(reverse("portal:card-act", args=[card, "block"])),
            browser.post(reverse("portal:card-replace", args=[card]), {"uid": "NEW1"}),
            browser.post(reverse("portal:vehicle-remove", args=[theirs.site.vehicle.pk])),
            browser.post(reverse("portal:cost-centre-remove", args=[theirs.site.token.cost_centre_id])),
        ]

        assert [answer.status_code for answer in answers] == [404] * 5
        theirs.site.token.refresh_from_db()
        assert theirs.site.token.status == "active"
