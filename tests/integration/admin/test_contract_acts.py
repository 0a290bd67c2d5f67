"""What an operator does with contracts, plans and reminders in the console, and what it refuses in words."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.contracts.models import Contract, ContractPlan, Plan, Suspension
from apps.payments.models import DunningPause, DunningStep, FeeWaiver
from tests.factories import make_plan
from tests.integration.tenants import BILLED_AT

PLAN = {
    "name": "Fleet 30",
    "cycle": "month",
    "base_fee": "30.00",
    "included_kwh": "100",
    "included_for": "contract",
    "steps-TOTAL_FORMS": "1",
    "steps-INITIAL_FORMS": "0",
    "steps-0-up_to": "",
    "steps-0-price": "-0.02",
    "contract_plans-TOTAL_FORMS": "0",
    "contract_plans-INITIAL_FORMS": "0",
}


def act(client, obj, name: str, **data):
    """Confirm an act on an object's page."""
    page = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_{name}"
    return client.post(reverse(page, args=[obj.pk]), data)


def contract_form(contract: Contract, *plans: tuple[Plan, str, str]) -> dict[str, str]:
    """Fill in a contract's form anew, with plans beside the one that it has."""
    stored = contract.plans.get()
    form = {
        "number": contract.number,
        "customer": contract.customer_id,
        "valid_from_0": "2020-01-01",
        "valid_from_1": "00:00",
        "billing_cycle": "run",
        "payment_days": "14",
        "collects_on": "issue",
        "debit_notice_days": "1",
        "reminder_days": "7,14",
        "reminder_fees": "0,5",
        "reminder_least": "0",
        "suspends_after": "0",
        "tokens-TOTAL_FORMS": "0",
        "tokens-INITIAL_FORMS": "0",
        "versions-TOTAL_FORMS": "0",
        "assignments-TOTAL_FORMS": "0",
        "assignments-INITIAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
        "plans-TOTAL_FORMS": 1 + len(plans),
        "plans-INITIAL_FORMS": "1",
        "plans-0-id": stored.pk,
        "plans-0-contract": contract.pk,
        "plans-0-plan": stored.plan_id,
        "plans-0-first_day": stored.first_day,
        "plans-0-end_day": "2026-09-01",
    }
    for number, (plan, first_day, end_day) in enumerate(plans, start=1):
        form |= {
            f"plans-{number}-plan": plan.pk,
            f"plans-{number}-first_day": first_day,
            f"plans-{number}-end_day": end_day,
            f"plans-{number}-contract": contract.pk,
        }
    return form


def change(client, contract: Contract, *plans: tuple[Plan, str, str]):
    return client.post(reverse("admin:contracts_contract_change", args=[contract.pk]), contract_form(contract, *plans))


@pytest.fixture
def contract(ours) -> Contract:
    return ours.site.contract


class TestAPlan:
    def test_is_made_in_the_sellers_currency(self, ours, owner):
        owner.post(reverse("admin:contracts_plan_add"), PLAN)

        plan = Plan.objects.get(name="Fleet 30")
        assert (plan.seller, plan.currency) == (ours.owner, "EUR")
        assert plan.steps.get().price == Decimal("-0.02")

    def test_refuses_an_amount_finer_than_a_cent_in_words(self, ours, owner):
        response = owner.post(reverse("admin:contracts_plan_add"), PLAN | {"base_fee": "30.005"})

        assert "The currency has no such small amounts." in response.content.decode()
        assert not Plan.objects.filter(name="Fleet 30").exists()

    def test_that_a_contract_has_is_shown_and_copied_but_not_changed(self, ours, owner, contract):
        plan = contract.plans.get().plan
        page = reverse("admin:contracts_plan_change", args=[plan.pk])

        answers = [owner.get(page).status_code, owner.post(page, PLAN).status_code]
        act(owner, plan, "copy")

        assert answers == [200, 403]
        assert Plan.objects.filter(seller=ours.owner, name=f"{plan.name} (2)").exists()


class TestAContractsPlans:
    def test_follow_one_another(self, ours, owner, contract):
        next_plan = make_plan(seller=ours.owner)

        made = change(owner, contract, (next_plan, "2026-09-01", ""))

        assert made.status_code == 302, made.content.decode()
        assert [row.first_day for row in contract.plans.all()] == [date(2026, 7, 15), date(2026, 9, 1)]

    @pytest.mark.parametrize(
        ("days", "why"),
        [
            ([("2026-08-01", "")], "Two plans share days from 2026-08-01 on"),
            ([("2026-09-01", ""), ("2026-10-01", "")], "Two plans share days from 2026-10-01 on"),
        ],
        ids=["with the one that it has", "two new ones with each other"],
    )
    def test_never_share_a_day(self, ours, owner, contract, days, why):
        plan = make_plan(seller=ours.owner)

        refused = change(owner, contract, *[(plan, first, end) for first, end in days])

        assert refused.status_code == 200
        assert why in refused.content.decode()
        assert ContractPlan.objects.filter(contract=contract).count() == 1

    def test_are_the_sellers_own(self, ours, theirs, platform, contract):
        refused = change(platform, contract, (make_plan(seller=theirs.owner), "2026-09-01", ""))

        assert "This plan belongs to another seller." in refused.content.decode()
        assert ContractPlan.objects.filter(contract=contract).count() == 1


class TestAContractsCards:
    def test_are_blocked_and_charge_again_each_with_a_reason(self, owner, contract):
        refused = act(owner, contract, "suspend", reason="")
        act(owner, contract, "suspend", reason="stolen")
        contract.refresh_from_db()
        blocked = contract.status
        act(owner, contract, "lift", reason="found")

        contract.refresh_from_db()
        suspension = Suspension.objects.get(contract=contract)
        assert refused.status_code == 200
        assert (blocked, contract.status) == ("suspended", "active")
        assert (suspension.reason, suspension.lift_reason) == ("stolen", "found")
        assert suspension.suspended_by == suspension.lifted_by is not None

    def test_end_with_the_contract_which_can_be_reopened(self, owner, contract):
        act(owner, contract, "end")
        contract.refresh_from_db()
        ended = contract.status
        act(owner, contract, "reopen")

        contract.refresh_from_db()
        assert (ended, contract.status) == ("ended", "active")

    def test_that_are_blocked_keep_the_contract_from_being_ended(self, owner, contract):
        act(owner, contract, "suspend", reason="stolen")

        refused = act(owner, contract, "end")

        assert "Lift that first." in refused.content.decode()
        assert Suspension.objects.filter(contract=contract, lifted_at__isnull=True).exists()


class TestReminders:
    def test_are_paused_until_a_day(self, ours, owner):
        data = {"invoice": ours.invoice.pk, "until": "2026-12-24", "reason": "promised"}

        owner.post(reverse("admin:payments_dunningstep_pause"), data)

        pause = DunningPause.objects.get(invoice=ours.invoice)
        assert (pause.until, pause.reason) == (date(2026, 12, 24), "promised")

    def test_of_another_seller_are_no_choice(self, owner, theirs):
        data = {"invoice": theirs.invoice.pk, "until": "2026-12-24", "reason": "promised"}

        answers = [
            owner.post(reverse("admin:payments_dunningstep_pause"), data),
            owner.post(reverse("admin:payments_dunningstep_send_now"), data),
        ]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert not DunningPause.objects.exists()
        assert DunningStep.objects.filter(invoice=theirs.invoice).count() == 1

    def test_are_sent_before_their_day(self, ours, owner, monkeypatch):
        monkeypatch.setattr("apps.core.clock.now", lambda: BILLED_AT + timedelta(days=31))

        owner.post(reverse("admin:payments_dunningstep_send_now"), {"invoice": ours.invoice.pk})

        assert [step.level for step in DunningStep.objects.filter(invoice=ours.invoice).order_by("level")] == [1, 2]

    def test_that_cost_nothing_have_no_fee_to_give_up(self, ours, owner):
        step = DunningStep.objects.get(invoice=ours.invoice)

        refused = act(owner, step, "waive", reason="goodwill")

        assert "This reminder cost nothing." in refused.content.decode()
        assert not FeeWaiver.objects.exists()
