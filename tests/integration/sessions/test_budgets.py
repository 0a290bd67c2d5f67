"""Budgets: what a month uses of them, and what is told once."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import CostCentre, Customer
from apps.documents.models import Mail
from apps.sessions import tasks
from apps.sessions.budgets import use_of
from apps.sessions.models import Budget, BudgetAlert
from apps.sessions.services.budgets import watch_contract
from tests.factories import make_contract, make_customer, make_member, make_site, make_vehicle
from tests.integration.invoices.test_at_once import at_once
from tests.integration.invoices.world import make_cdr, revise
from tests.integration.tenants import signed_in
from tests.refusals import refused_by

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)
NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)


@pytest.fixture
def site(db):
    """A site whose energy costs 0.50 net a kWh."""
    return make_site()


def make_budget(site, **fields) -> Budget:
    values = {"seller": site.owner, "contract": site.contract, "currency": "EUR", "amount": "10.00"}
    return Budget.objects.create(**{**values, **fields})


def used(budget: Budget, month: date = MARCH) -> Decimal:
    (use,) = use_of([Budget.objects.select_related("contract__customer").get(pk=budget.pk)], month=month)
    return use.used


def alerts() -> list[tuple[int, Decimal]]:
    return list(BudgetAlert.objects.order_by("threshold").values_list("threshold", "used"))


class TestWhatIsUsed:
    def test_of_a_contract_is_all_of_it_net(self, site):
        make_cdr(site=site, kwh="10", started_at=NOON)
        make_cdr(site=site, kwh="6", started_at=NOON, vehicle=None)

        # 16 × 0.50
        assert used(make_budget(site)) == Decimal("8.00")

    def test_of_a_private_person_is_gross(self, site):
        Customer.objects.filter(pk=site.customer.pk).update(kind=Customer.Kind.PRIVATE)
        make_cdr(site=site, kwh="10", started_at=NOON)

        # 5.00 × 1.19
        assert used(make_budget(site)) == Decimal("5.95")

    def test_of_a_vehicle_or_cost_centre_is_its_own(self, site):
        centre = CostCentre.objects.create(customer=site.customer, code="4711")
        other = make_vehicle(customer=site.customer, plate="B-WL 2")
        make_cdr(site=site, kwh="10", started_at=NOON)
        make_cdr(site=site, kwh="4", started_at=NOON, vehicle=other, cost_centre=centre)

        of_vehicle = used(make_budget(site, vehicle=site.vehicle))
        of_centre = used(make_budget(site, cost_centre=centre))

        assert (of_vehicle, of_centre) == (Decimal("5.00"), Decimal("2.00"))

    def test_counts_a_session_in_the_month_in_which_it_ended(self, site):
        # From 23:30 on 31 March until 01:30 on 1 April in Berlin.
        make_cdr(site=site, kwh="10", started_at=datetime(2026, 3, 31, 21, 30, tzinfo=UTC))
        budget = make_budget(site)

        assert (used(budget), used(budget, date(2026, 4, 1))) == (Decimal("0"), Decimal("5.00"))

    def test_counts_the_current_revision_alone(self, site):
        revise(make_cdr(site=site, kwh="10", started_at=NOON), kwh="4")

        assert used(make_budget(site)) == Decimal("2.00")

    def test_asks_once_for_many(self, site, django_assert_num_queries):
        vehicles = [make_vehicle(customer=site.customer, plate=f"B-WL {n}") for n in range(5)]
        for vehicle in vehicles:
            make_budget(site, vehicle=vehicle)
        budgets = list(Budget.objects.select_related("contract__customer"))

        with django_assert_num_queries(1):
            use_of(budgets, month=MARCH)


class TestAlerts:
    def test_are_told_once_with_one_mail_about_the_highest(self, site):
        make_budget(site)
        cdr = make_cdr(site=site, kwh="17", started_at=NOON)

        tasks.watch_budgets(id=cdr.pk)
        tasks.watch_budgets(id=cdr.pk)

        # 17 × 0.50 = 8.50 of 10.00
        assert alerts() == [(50, Decimal("8.50")), (80, Decimal("8.50"))]
        mail = Mail.objects.get(kind="budget")
        assert mail.recipient == site.customer.email
        assert mail.subject == f"80 % of the budget for {site.contract.number} is used"
        assert "€8.50 of €10.00 net" in mail.body

    def test_stay_told_when_a_correction_brings_the_month_down_and_up_again(self, site):
        make_budget(site)
        cdr = make_cdr(site=site, kwh="10", started_at=NOON)
        tasks.watch_budgets(id=cdr.pk)
        tasks.watch_budgets(id=revise(cdr, kwh="2").pk)

        tasks.watch_budgets(id=make_cdr(site=site, kwh="9", started_at=NOON).pk)

        assert alerts() == [(50, Decimal("5.00"))]
        assert Mail.objects.filter(kind="budget").count() == 1

    def test_come_late_for_a_month_that_is_over(self, site):
        make_budget(site)
        late = make_cdr(site=site, kwh="10", started_at=NOON)

        tasks.watch_budgets(id=late.pk)

        assert BudgetAlert.objects.get().month == MARCH

    def test_begin_anew_each_month(self, site):
        make_budget(site)
        for month in (3, 4):
            cdr = make_cdr(site=site, kwh="10", started_at=NOON.replace(month=month))
            tasks.watch_budgets(id=cdr.pk)

        assert Mail.objects.filter(kind="budget").count() == 2

    def test_are_found_by_the_sweeper_when_the_bell_was_lost(self, site, monkeypatch):
        make_budget(site)
        make_cdr(site=site, kwh="10", started_at=NOON)
        monkeypatch.setattr(tasks, "now", lambda: NOON.replace(day=20))

        tasks.sweep_budgets()

        assert alerts() == [(50, Decimal("5.00"))]

    def test_of_sessions_without_a_contract_are_none(self, site):
        make_budget(site)
        cdr = make_cdr(site=site, kwh="10", started_at=NOON, contract=None, token=None, vehicle=None)

        tasks.watch_budgets(id=cdr.pk)

        assert alerts() == []


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_tell_once(transactional_db):
    site = make_site()
    make_budget(site)
    make_cdr(site=site, kwh="17", started_at=NOON)

    outcomes = at_once(*[lambda: watch_contract(contract_id=site.contract.pk, month=MARCH, at=NOON)] * 8)

    assert outcomes == [None] * 8
    assert [threshold for threshold, _ in alerts()] == [50, 80]
    assert Mail.objects.filter(kind="budget").count() == 1


class TestRefusals:
    def test_a_second_budget_for_the_same_thing(self, site):
        make_budget(site)

        with refused_by("budget_one_for_each_thing"):
            make_budget(site)

    def test_a_vehicle_and_a_cost_centre_at_once(self, site):
        centre = CostCentre.objects.create(customer=site.customer, code="4711")

        with refused_by("budget_is_for_one_thing"):
            make_budget(site, vehicle=site.vehicle, cost_centre=centre)

    @pytest.mark.parametrize(
        ("constraint", "fields"),
        [
            ("budget_is_more_than_nothing", {"amount": "0"}),
            ("budget_amount_is_rounded", {"amount": "9.999"}),
            ("budget_tells_at_higher_and_higher_thresholds", {"thresholds": [80, 50]}),
        ],
    )
    def test_a_budget_that_says_nothing_clear(self, site, constraint, fields):
        with refused_by(constraint):
            make_budget(site, **fields)

    def test_the_same_alert_twice(self, site):
        told = {"budget": make_budget(site), "month": MARCH, "threshold": 50, "used": "5.00", "told_at": NOON}
        BudgetAlert.objects.create(**told)

        with refused_by("budget_alert_told_once"):
            BudgetAlert.objects.create(**told)


class TestTheConsole:
    def test_takes_a_budget_and_shows_what_is_used(self, site):
        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        form = {"contract": site.contract.pk, "amount": "100.00", "thresholds": "50,80,100"}

        client.post(reverse("admin:charging_sessions_budget_add"), form)
        page = client.get(reverse("admin:charging_sessions_budget_changelist")).content.decode()

        assert Budget.objects.get().currency == "EUR"
        assert "€0.00, 0 %" in page

    def test_refuses_another_customers_vehicle_by_name(self, site):
        other = make_vehicle(customer=make_contract(customer=make_customer(seller=site.owner)).customer)
        client = signed_in(make_member(organisation=site.owner, role=Role.OWNER).user)
        form = {"contract": site.contract.pk, "vehicle": other.pk, "amount": "100.00", "thresholds": "50,80,100"}

        page = client.post(reverse("admin:charging_sessions_budget_add"), form).content.decode()

        assert "This vehicle is not one of" in page
        assert not Budget.objects.exists()
