"""A contract that ended pays for its last days and no more, worked by hand: 30.00 a month, net."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounts.domain.roles import Role
from apps.contracts.models import Contract, ContractPlan, Ending
from apps.contracts.plans import plan_spans
from apps.contracts.suspending import end_contract, reopen_contract
from apps.invoices.models import BilledPeriod
from tests.factories import give_plan, make_member
from tests.integration.admin.test_lists import filled_in
from tests.integration.invoices.world import APRIL, bill
from tests.refusals import refused_by, run_sql

MARCH_1 = date(2026, 3, 1)
JULY = datetime(2026, 7, 1, 6, tzinfo=UTC)


def nets(site, *, until_date: date, at: datetime) -> list[Decimal]:
    return [line.net.amount for invoice in bill(site, until_date=until_date, at=at) for line in invoice.lines.all()]


@pytest.fixture
def fee(site) -> ContractPlan:
    return give_plan(contract=site.contract, first_day=MARCH_1, name="Base", base_fee="30.00")


class TestAContractEndedByHand:
    def test_pays_for_the_day_on_which_it_was_ended_and_goes_on_when_it_is_reopened(self, site, fee):
        bill(site)
        for _ in range(2):
            end_contract(contract_id=site.contract.pk, at=APRIL)

        # 1 April alone: 30.00 × 1 ÷ 30
        assert nets(site, until_date=date(2026, 6, 30), at=JULY) == [Decimal("1.00")]
        with refused_by("days that were billed keep their contract", Ending):
            run_sql("DELETE FROM contracts_ending")
        for _ in range(2):
            reopen_contract(contract_id=site.contract.pk, at=datetime(2026, 7, 22, 6, tzinfo=UTC))
        assert [(span.first, span.end) for span in plan_spans([site.contract])[site.contract.pk]] == [
            (MARCH_1, date(2026, 4, 2)),
            (date(2026, 7, 22), None),
        ]
        # July from the 22nd: 30.00 × 10 ÷ 31 = 9.677…
        assert nets(site, until_date=date(2026, 7, 31), at=datetime(2026, 8, 1, 6, tzinfo=UTC)) == [Decimal("9.68")]

    def test_that_is_reopened_on_the_same_day_never_ended(self, site, fee):
        end_contract(contract_id=site.contract.pk, at=APRIL)
        reopen_contract(contract_id=site.contract.pk, at=APRIL)

        assert not Ending.objects.exists()
        assert nets(site, until_date=date(2026, 4, 30), at=JULY) == [Decimal("30.00")] * 2

    def test_after_its_month_is_billed_ends_with_that(self, site, fee):
        last_evening = datetime(2026, 3, 31, 20, tzinfo=UTC)
        bill(site, at=last_evening)
        end_contract(contract_id=site.contract.pk, at=last_evening)

        assert Ending.objects.get().first_day == date(2026, 4, 1)
        assert nets(site, until_date=date(2026, 6, 30), at=JULY) == []


class TestAContractWithAnEnd:
    def test_pays_until_it_and_keeps_it_when_it_is_billed(self, client, site, fee):
        # Until the end of 10 April in Berlin: 30.00 and 30.00 × 10 ÷ 30.
        Contract.objects.update(valid_to=datetime(2026, 4, 10, 22, tzinfo=UTC))
        assert nets(site, until_date=date(2026, 5, 31), at=JULY) == [Decimal("30.00"), Decimal("10.00")]
        assert BilledPeriod.objects.filter(is_closed=True).count() == 2

        for moved in ("'2026-04-10 23:00Z'", "'2026-03-20'", "NULL"):
            with refused_by("days that were billed keep their contract", Contract):
                run_sql(f"UPDATE contracts_contract SET valid_to = {moved}")
        # Within its last day, where nothing is billed by the hour.
        run_sql("UPDATE contracts_contract SET valid_to = '2026-04-10 12:00Z'")

        client.force_login(make_member(organisation=site.owner, role=Role.OWNER).user)
        page = reverse("admin:contracts_contract_change", args=[site.contract.pk])
        answer = client.post(page, {**filled_in(client, page), "valid_to_0": "2026-03-20", "valid_to_1": "00:00"})

        assert answer.context["adminform"].form.errors["valid_to"] == [
            "This contract is billed up to 2026-04-30: what its days were until then stays."
        ]

    def test_that_was_not_billed_may_end_otherwise(self, site, fee):
        bill(site)

        Contract.objects.update(valid_to=datetime(2026, 4, 10, 22, tzinfo=UTC))
        Contract.objects.update(valid_to=None)

        assert nets(site, until_date=date(2026, 4, 30), at=JULY) == [Decimal("30.00")]
