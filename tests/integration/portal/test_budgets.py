"""Budgets that customers make themselves: for what, how much, who is told."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.documents.models import Mail
from apps.sessions.models import Budget
from apps.sessions.services.budgets import watch_contract
from apps.sessions.services.rating import rate_settled
from tests.factories import NOON, make_cost_centre, make_member, make_neighbour, make_site
from tests.integration.tenants import make_ended_session, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return make_site()


@pytest.fixture
def browser(site):
    return signed_in(make_member(organisation=site.customer.organisation, role=Role.FLEET_ADMIN).user)


def make(browser, site, **posted) -> str:
    values = {"amount": "10.00", "thresholds": [50, 100], "recipient": "cfo@fleet.example"}
    address = reverse("portal:budget-add", args=[site.contract.pk])
    return browser.post(address, {**values, **posted}, follow=True).content.decode()


class TestMakingABudget:
    def test_tells_whom_it_says_when_the_month_reaches_it(self, site, browser):
        session = make_ended_session(site)
        rate_settled(session_id=session.pk, at=session.settled_at)

        make(browser, site, vehicle=site.vehicle.pk)
        watch_contract(contract_id=site.contract.pk, month=NOON.date().replace(day=1), at=NOON)

        budget = Budget.objects.get()
        assert (budget.vehicle, budget.amount, budget.thresholds) == (site.vehicle, Decimal(10), [50, 100])
        # 5.00 net of 10.00 is half of it.
        assert Mail.objects.get(kind="budget").recipient == "cfo@fleet.example"

    @pytest.mark.parametrize(
        ("posted", "said"),
        [
            ({"amount": "0"}, "Give an amount of its currency"),
            ({"amount": "1.234"}, "Give an amount of its currency"),
            ({"thresholds": ["7"]}, "Select a valid choice"),
            ({"recipient": "nobody"}, "Enter a valid email address"),
        ],
    )
    def test_says_what_is_wrong(self, site, browser, posted, said):
        assert said in make(browser, site, **posted)
        assert not Budget.objects.exists()

    def test_is_for_one_thing_once(self, site, browser):
        centre = make_cost_centre(customer=site.customer)
        make(browser, site)

        again = make(browser, site)
        both = make(browser, site, vehicle=site.vehicle.pk, cost_centre=centre.pk)
        foreign = make(browser, site, vehicle=make_neighbour(site).vehicle.pk)

        assert "There is a budget for this already" in again
        assert "Choose a vehicle or a cost centre, or neither" in both
        assert "Choose one of the list." in foreign
        assert Budget.objects.count() == 1


class TestABudget:
    def test_is_changed_and_removed_by_its_customer_alone(self, ours, theirs):
        browser = signed_in(ours.fleet.user)
        own, foreign = (Budget.objects.get(contract=one.site.contract) for one in (ours, theirs))
        posted = {"amount": "25.50", "thresholds": [80, 90], "recipient": ""}

        changed = [browser.post(reverse("portal:budget", args=[one.pk]), posted).status_code for one in (own, foreign)]
        own.refresh_from_db()
        removed = [browser.post(reverse("portal:budget-remove", args=[one.pk])).status_code for one in (own, foreign)]

        assert (changed, removed) == ([302, 404], [302, 404])
        assert (own.amount, own.thresholds) == (Decimal("25.50"), [80, 90])
        assert list(Budget.objects.all()) == [foreign]

    def test_shows_what_this_month_has_used(self, site, browser):
        make(browser, site)

        page = browser.get(reverse("portal:budgets"))

        (use,) = page.context["budgets"]
        assert (use.percent, page.context["month"].day) == (0, date.min.day)
