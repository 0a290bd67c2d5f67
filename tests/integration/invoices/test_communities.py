"""Costs that a community's units share, worked by hand; the community's seller is in Berlin, VAT 19 %."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from apps.contracts.domain.sharing import NotShared
from apps.contracts.models import CostPeriod, CostShare, Occupancy
from apps.core import audit
from apps.invoices.communities import months_of, statement_csv, statement_of, statement_pdf
from apps.invoices.models import ContractCharge, Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.drafting import draft_contract
from apps.invoices.services.sharing import share_cost, take_back_cost
from tests.factories import (
    give_plan,
    hold_unit,
    make_community,
    make_contract,
    make_customer,
    make_key,
    make_owner,
    make_shared_cost,
    make_token,
    make_unit,
    make_user,
)
from tests.integration.invoices.world import APRIL, END_OF_MARCH, make_cdr
from tests.refusals import refused_by, run_sql

MARCH_1, MARCH_16 = date(2026, 3, 1), date(2026, 3, 16)
END_OF_APRIL, MAY = date(2026, 4, 30), datetime(2026, 5, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def community(site):
    return make_community(seller=site.owner)


def run(site, *, until=END_OF_MARCH, at=APRIL):
    return run_billing(seller_id=site.owner.pk, until_date=until, at=at)


def lines_of(contract) -> list[tuple[str, Decimal]]:
    """Return the text and the stated amount of each line of a contract's issued documents."""
    invoices = Invoice.objects.filter(contract=contract, status="issued").order_by("pk")
    return [
        (line.text or "session", (line.gross or line.net).amount)
        for invoice in invoices
        for line in invoice.lines.order_by("position")
    ]


def violations() -> list[audit.Violation]:
    return [found for found in audit.find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7", "I13"}]


class TestAMonthsCost:
    def test_is_shared_by_area_and_stands_on_each_units_invoice(self, site, community):
        flats = [
            hold_unit(unit=make_unit(community=community, label=label, area_sqm=area)).contract
            for label, area in (("Flat 1", "60.5"), ("Flat 2", "45"), ("Flat 3", "44.5"))
        ]
        make_shared_cost(community=community, kind="area", name="Operation", tax_included=True)

        done = run(site)

        # 120.00 gross over 150 m²: 48.40, 36.00, 35.60
        assert done.problems == []
        assert [lines_of(flat) for flat in flats] == [
            [("Operation, Flat 1: 40.33 % of €120.00, by area, 3/1/26 – 3/31/26", Decimal("48.40"))],
            [("Operation, Flat 2: 30 % of €120.00, by area, 3/1/26 – 3/31/26", Decimal("36.00"))],
            [("Operation, Flat 3: 29.67 % of €120.00, by area, 3/1/26 – 3/31/26", Decimal("35.60"))],
        ]
        invoice = Invoice.objects.get(contract=flats[0])
        # Gross: 48.40 ÷ 1.19 = 40.672… → 40.67 net, 7.73 VAT
        assert (invoice.net.amount, invoice.tax.amount, invoice.gross.amount) == (
            Decimal("40.67"),
            Decimal("7.73"),
            Decimal("48.40"),
        )
        assert invoice.period_to == invoice.tax_date == END_OF_MARCH
        assert violations() == []

    def test_is_shared_once_however_often_it_is_run(self, site, community):
        flat = hold_unit(unit=make_unit(community=community)).contract
        make_shared_cost(community=community)

        run(site)
        run(site)

        assert CostPeriod.objects.count() == CostShare.objects.count() == ContractCharge.objects.count() == 1
        assert len(lines_of(flat)) == 1

    def test_waits_until_the_month_is_over(self, site, community):
        hold_unit(unit=make_unit(community=community))
        make_shared_cost(community=community)

        run(site, until=date(2026, 3, 30))

        assert not CostPeriod.objects.exists()

    def test_is_borne_by_days_when_a_unit_changes_hands(self, site, community):
        unit = make_unit(community=community, label="Flat 1")
        stays = [
            hold_unit(unit=unit, end_day=MARCH_16).contract,
            hold_unit(unit=unit, first_day=MARCH_16).contract,
        ]
        make_shared_cost(community=community, name="Operation", amount="62.00", tax_included=True)

        run(site)

        # 31 days of 2.00: 15 for the first, 16 for the second
        assert lines_of(stays[0]) == [
            ("Operation, Flat 1: 48.39 % of €62.00, each unit alike, 3/1/26 – 3/15/26", Decimal("30.00"))
        ]
        assert lines_of(stays[1]) == [
            ("Operation, Flat 1: 51.61 % of €62.00, each unit alike, 3/16/26 – 3/31/26", Decimal("32.00"))
        ]

    def test_follows_a_table_whose_weights_change_by_day(self, site, community):
        units = [make_unit(community=community, label=label) for label in ("A", "B")]
        contracts = [hold_unit(unit=unit).contract for unit in units]
        key = make_key(community=community, kind="table")
        key.weights.create(unit=units[0], weight="1", first_day=MARCH_1)
        key.weights.create(unit=units[1], weight="1", first_day=MARCH_1, end_day=MARCH_16)
        key.weights.create(unit=units[1], weight="3", first_day=MARCH_16)
        make_shared_cost(community=community, key=key, amount="31.00", tax_included=True)

        run(site)

        # 15 days of 1.00 by halves: 7.50 each; 16 days one to three: 4.00 and 12.00
        assert [lines_of(one)[0][1] for one in contracts] == [Decimal("11.50"), Decimal("19.50")]

    def test_follows_the_energy_that_each_unit_charged(self, site, community):
        contracts = [hold_unit(unit=make_unit(community=community, label=label)).contract for label in "AB"]
        for contract, kwh in zip(contracts, ("30", "10"), strict=True):
            token = make_token(contract=contract)
            make_cdr(site=replace(site, contract=contract, token=token), kwh=kwh, token=token, vehicle=None)
        make_shared_cost(community=community, kind="consumption", amount="20.00", tax_included=True)

        run(site)

        assert [lines_of(one)[-1][1] for one in contracts] == [Decimal("15.00"), Decimal("5.00")]
        assert "by the energy charged" in lines_of(contracts[0])[-1][0]
        assert violations() == []

    def test_stands_beside_a_plan_and_sessions_on_one_invoice(self, site, community):
        contract = hold_unit(unit=make_unit(community=community, label="Flat 1")).contract
        give_plan(contract=contract, first_day=MARCH_1, name="Wallbox", base_fee="10.00", tax_included=True)
        token = make_token(contract=contract)
        make_cdr(
            site=replace(site, contract=contract, token=token),
            token=token,
            vehicle=None,
            started_at=datetime(2026, 3, 10, 11, tzinfo=UTC),
        )
        make_shared_cost(community=community, name="Operation", amount="24.00", tax_included=True)

        run(site)

        invoice = Invoice.objects.get(contract=contract)
        # 20 kWh × 0.49 = 9.80 net, gross 11.662 → 11.66; 10.00; 24.00
        assert [line.gross.amount for line in invoice.lines.order_by("position")] == [
            Decimal("11.66"),
            Decimal("10.00"),
            Decimal("24.00"),
        ]
        assert violations() == []

    def test_is_named_in_the_run_when_nobody_holds_a_unit_and_stops_no_invoice(self, site, community):
        held = hold_unit(unit=make_unit(community=community, label="A"), first_day=MARCH_16)
        make_shared_cost(community=community, name="Operation")
        make_cdr(site=site)

        done = run(site)

        assert done.problems == [
            f"{community}, Operation, 2026-03-01 to 2026-03-31: nobody holds A from 2026-03-01 to 2026-03-15: "
            "enter its tenant, or its owner."
        ]
        assert Invoice.objects.filter(contract=site.contract, status="issued").exists()
        assert lines_of(held.contract) == []
        Occupancy.objects.filter(pk=held.pk).update(first_day=MARCH_1)
        assert run(site).problems == []
        assert len(lines_of(held.contract)) == 1

    def test_is_taken_back_in_full_and_shared_anew_as_things_stand(self, site, community):
        unit = make_unit(community=community, label="Flat 1", area_sqm="50")
        other = make_unit(community=community, label="Flat 2", area_sqm="50")
        contracts = [hold_unit(unit=one).contract for one in (unit, other)]
        make_shared_cost(community=community, kind="area", name="Operation", tax_included=True)
        run(site)
        unit.area_sqm = Decimal(150)
        unit.save()
        period = CostPeriod.objects.get()

        mirror = take_back_cost(period_id=period.pk, reason="Flat 1 has 150 m²", by=make_user(), at=APRIL)
        again = take_back_cost(period_id=period.pk, reason="Flat 1 has 150 m²", by=None, at=APRIL)
        run(site)

        assert mirror == again
        # 60.00 each; then 90.00 and 30.00: the second flat's next invoice comes to less than nothing and waits.
        assert [amount for _, amount in lines_of(contracts[0])] == [
            Decimal("60.00"),
            Decimal("-60.00"),
            Decimal("90.00"),
        ]
        assert [amount for _, amount in lines_of(contracts[1])] == [Decimal("60.00")]
        waiting = ContractCharge.objects.filter(contract=contracts[1], line__isnull=True)
        assert [charge.amount for charge in waiting] == [Decimal("-60.00"), Decimal("30.00")]
        assert lines_of(contracts[0])[1][0].startswith("Taken back: Operation, Flat 1")
        assert violations() == []

    def test_is_billed_to_a_business_net(self, site, community):
        business = make_contract(customer=make_customer(seller=site.owner, kind="business"))
        hold_unit(unit=make_unit(community=community, label="Shop"), contract=business)
        make_shared_cost(community=community, amount="100.00")

        run(site)

        invoice = Invoice.objects.get(contract=business)
        assert (invoice.net.amount, invoice.tax.amount) == (Decimal("100.00"), Decimal("19.00"))

    @pytest.mark.django_db(transaction=True)
    def test_is_shared_once_by_two_runs_at_once(self, site, community, at_once):
        for label in "ABC":
            hold_unit(unit=make_unit(community=community, label=label))
        cost = make_shared_cost(community=community)

        def share():
            return share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None).pk

        assert len(set(at_once(share, share))) == 1
        assert CostShare.objects.count() == 3


class TestTakingBack:
    def test_is_refused_without_a_reason_and_of_a_mirror(self, site, community):
        hold_unit(unit=make_unit(community=community))
        cost = make_shared_cost(community=community)
        period = share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None)

        with pytest.raises(NotShared, match="Say why"):
            take_back_cost(period_id=period.pk, reason="  ", by=None, at=APRIL)

        mirror = take_back_cost(period_id=period.pk, reason="Wrong", by=None, at=APRIL)
        with pytest.raises(NotShared, match="already"):
            take_back_cost(period_id=mirror.pk, reason="Wrong", by=None, at=APRIL)
        assert CostPeriod.objects.count() == 2


class TestTheDatabaseRefuses:
    def test_two_holders_of_a_unit_on_a_day(self, community):
        unit = make_unit(community=community)
        hold_unit(unit=unit)

        with refused_by("occupancy_one_holder_a_unit_and_day", Occupancy):
            hold_unit(unit=unit, first_day=MARCH_1)

    def test_two_units_of_a_contract_on_a_day(self, community):
        contract = hold_unit(unit=make_unit(community=community)).contract

        with refused_by("occupancy_one_unit_a_contract_and_day", Occupancy):
            hold_unit(unit=make_unit(community=community), contract=contract)

    def test_a_holder_of_another_seller(self, community):
        stranger = make_contract(customer=make_customer(seller=make_owner()))

        with refused_by("the contract is of another seller", Occupancy):
            hold_unit(unit=make_unit(community=community), contract=stranger)

    def test_units_keys_and_costs_of_what_is_no_community(self, site):
        with refused_by("only a residential community"):
            make_unit(community=site.customer)
        with refused_by("only a residential community"):
            make_key(community=site.customer)

    def test_a_key_of_another_community(self, site, community):
        key = make_key(community=make_community(seller=site.owner))

        with refused_by("the key is of another community"):
            make_shared_cost(community=community, key=key)

    def test_two_weights_of_a_unit_on_a_day_and_weights_without_a_table(self, community):
        unit = make_unit(community=community)
        key = make_key(community=community, kind="table")
        key.weights.create(unit=unit, weight="1", first_day=MARCH_1)

        with refused_by("key_weight_one_a_unit_and_day"):
            key.weights.create(unit=unit, weight="2", first_day=MARCH_16)
        with refused_by("a weight is of a table and a unit of its community"):
            make_key(community=community, kind="area").weights.create(unit=unit, weight="1", first_day=MARCH_1)

    def test_a_cost_that_was_shared_to_change_but_for_its_end(self, site, community):
        hold_unit(unit=make_unit(community=community))
        cost = make_shared_cost(community=community)
        share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None)

        with refused_by("costs that were shared are frozen"):
            run_sql("UPDATE contracts_sharedcost SET amount = 1 WHERE id = %s", cost.pk)
        run_sql("UPDATE contracts_sharedcost SET end_day = '2026-04-01' WHERE id = %s", cost.pk)

    def test_a_share_to_change_or_a_period_to_be_more_than_its_shares(self, site, community):
        hold_unit(unit=make_unit(community=community))
        cost = make_shared_cost(community=community)
        period = share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None)

        with refused_by("shares of costs are never changed or deleted"):
            run_sql("UPDATE contracts_costshare SET amount = 1 WHERE period_id = %s", period.pk)
        with refused_by("the shares of a cost add up to it"):
            run_sql(
                "INSERT INTO contracts_costperiod (cost_id, first_day, last_day, currency, amount, key_kind, key_name,"
                " is_in_force, reason, shared_at) VALUES (%s, '2026-04-01', '2026-04-30', 'EUR', 5, 'equal', 'x',"
                " true, '', now()); SET CONSTRAINTS ALL IMMEDIATE",
                cost.pk,
            )

    def test_the_same_days_to_be_shared_twice(self, site, community):
        hold_unit(unit=make_unit(community=community))
        cost = make_shared_cost(community=community)
        period = share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None)

        with refused_by("cost_shared_once_a_day"):
            CostPeriod.objects.create(
                cost=cost,
                first_day=MARCH_16,
                last_day=MARCH_16,
                currency="EUR",
                amount=0,
                key_kind="equal",
                key_name="x",
                shared_at=period.shared_at,
            )

    def test_a_charge_to_leave_the_issued_line_that_bills_it(self, site, community):
        hold_unit(unit=make_unit(community=community))
        make_shared_cost(community=community)
        run(site)

        with refused_by("a charge is billed once"):
            ContractCharge.objects.update(line=None)
        with refused_by("charges of contracts are frozen"):
            ContractCharge.objects.update(amount=1)

    def test_a_charge_on_another_contracts_line(self, site, community):
        hold_unit(unit=make_unit(community=community))
        cost = make_shared_cost(community=community)
        share_cost(cost_id=cost.pk, first_day=MARCH_1, at=APRIL, by=None)
        make_cdr(site=site)
        (invoice,) = draft_contract(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        with refused_by("a charge is billed on its own contract"):
            ContractCharge.objects.update(line=invoice.lines.get())


class TestTheManagersStatement:
    def test_says_what_each_holder_was_billed_and_how_costs_were_shared(self, site, community):
        unit = make_unit(community=community, label="Flat 1")
        first = hold_unit(unit=unit, end_day=MARCH_16).contract
        second = hold_unit(unit=unit, first_day=MARCH_16).contract
        token = make_token(contract=first)
        make_cdr(
            site=replace(site, contract=first, token=token),
            token=token,
            vehicle=None,
            started_at=datetime(2026, 3, 10, 11, tzinfo=UTC),
        )
        make_shared_cost(community=community, name="Operation", amount="62.00")
        run(site)

        statement = statement_of(community, month=MARCH_1)

        # Gross documents: 11.66 ÷ 1.19 = 9.798… → 9.80; 30.00 net is 35.70 gross, 35.70 ÷ 1.19 = 30.00
        assert [(row.holder, row.energy, row.shared, row.total) for row in statement.rows] == [
            (first.customer.name, Decimal("9.80"), Decimal("30.00"), Decimal("39.80")),
            (second.customer.name, Decimal("0"), Decimal("32.00"), Decimal("32.00")),
        ]
        assert statement.sums["total"] == Decimal("71.80")
        assert [share.amount for share in statement.periods[0].shares.all()] == [Decimal("30.00"), Decimal("32.00")]
        table = statement_csv(statement).splitlines()
        assert table[0].startswith("Unit,Held by,From,Until,Sessions,kWh")
        assert f"Flat 1,{first.customer.name},2026-03-01,2026-03-15,1,20.000,9.80,30.00,0.00,39.80,EUR," in table[1]
        assert statement_pdf(statement).media_type == "application/pdf"

    def test_is_there_for_each_month_since_somebody_moved_in(self, community):
        assert months_of(community, until=END_OF_APRIL) == []
        hold_unit(unit=make_unit(community=community), first_day=date(2026, 3, 20))

        assert months_of(community, until=END_OF_APRIL) == [date(2026, 4, 1), MARCH_1]
