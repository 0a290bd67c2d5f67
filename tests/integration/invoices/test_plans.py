"""Invoices of contracts with a plan, worked by hand.

The site's tariff is net: 0.49 a kWh by day, 0.29 from 22:00 to 06:00 in Berlin; VAT 19 %.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import Organisation
from apps.contracts.models import ContractPlan, Customer, Plan, PlanStep
from apps.contracts.plans import copy_plan, why_not_given
from apps.core import audit
from apps.invoices.models import BilledPeriod, Invoice, PeriodCharge
from apps.invoices.services.einvoicing import electronic_terms
from tests.factories import Site, give_plan, make_plan
from tests.integration.invoices.world import APRIL, END_OF_MARCH, bill, draft_next, make_cdr, revise
from tests.refusals import refused_by, run_sql

MARCH_1 = date(2026, 3, 1)


def violations() -> list[audit.Violation]:
    """Look at documents and books; the records have no frames behind them."""
    return [found for found in audit.find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7", "I13"}]


def by_day(site: Site, kwh: str, *, day: int = 10, month: int = 3, **fields):
    """Make a record of a session at noon: each kWh at 0.49."""
    return make_cdr(site=site, kwh=kwh, started_at=datetime(2026, month, day, 11, 0, tzinfo=UTC), **fields)


def lines_of(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(line.text or "session", line.net.amount) for line in invoice.lines.all()]


def totals_of(invoice: Invoice) -> tuple[Decimal, Decimal, Decimal]:
    return invoice.net.amount, invoice.tax.amount, invoice.gross.amount


class TestAMonth:
    def test_has_its_base_fee_and_its_included_energy(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, name="Fleet 30", base_fee="30.00", included_kwh="12.5")
        by_day(site, "10", day=10)  # 4.90, all included
        by_day(site, "10", day=11)  # 4.90, of which 2.5 kWh are included

        (invoice,) = bill(site)

        # 12.5 kWh × 0.49 = 6.125 → −6.13 (half up)
        assert lines_of(invoice) == [
            ("session", Decimal("4.90")),
            ("session", Decimal("4.90")),
            ("Fleet 30, 3/1/26 – 3/31/26", Decimal("30.00")),
            ("Included energy: −12.5 kWh × 0.49, 3/1/26 – 3/31/26", Decimal("-6.13")),
        ]
        # 4.90 + 4.90 + 30.00 − 6.13 = 33.67, VAT 6.3973 → 6.40
        assert totals_of(invoice) == (Decimal("33.67"), Decimal("6.40"), Decimal("40.07"))
        assert (invoice.period_from, invoice.period_to, invoice.tax_date) == (MARCH_1, END_OF_MARCH, END_OF_MARCH)
        assert violations() == []

    def test_waits_until_it_is_over(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        by_day(site, "10")

        early = bill(site, until_date=date(2026, 3, 30))

        assert early == []
        assert len(bill(site)) == 1

    def test_without_a_session_is_billed_for_its_base_fee_alone(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")

        (invoice,) = bill(site)

        assert totals_of(invoice) == (Decimal("30.00"), Decimal("5.70"), Decimal("35.70"))
        assert violations() == []

    def test_is_billed_once_however_often_it_is_run(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", included_kwh="5")
        by_day(site, "10")

        first, again = bill(site), bill(site)

        assert (len(first), again) == (1, [])
        assert list(BilledPeriod.objects.values_list("first_day", "is_closed")) == [(MARCH_1, True)]

    def test_is_billed_after_a_run_that_was_killed_at_its_draft(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", included_kwh="5")
        by_day(site, "10")
        draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)

        (invoice,) = bill(site)

        # 4.90 + 30.00 − 5 × 0.49
        assert invoice.net.amount == Decimal("32.45")
        assert PeriodCharge.objects.count() == 2

    def test_is_by_days_where_the_plan_changes_within_it(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, end_day=date(2026, 3, 15), name="Small", base_fee="10.00")
        give_plan(
            contract=site.contract,
            first_day=date(2026, 3, 15),
            name="Large",
            base_fee="31.00",
            included_kwh="31",
        )
        by_day(site, "5", day=14)  # 2.45, the old plan includes nothing
        by_day(site, "20", day=15)  # 9.80, of 31 × 17 ÷ 31 = 17 kWh included

        (invoice,) = bill(site)

        # 10.00 × 14 ÷ 31 = 4.516… → 4.52; 31.00 × 17 ÷ 31 = 17.00; 17 × 0.49 = 8.33
        assert [amount for _, amount in lines_of(invoice)] == [
            Decimal("2.45"),
            Decimal("9.80"),
            Decimal("4.52"),
            Decimal("17.00"),
            Decimal("-8.33"),
        ]

    def test_with_the_spring_hour_counts_energy_on_its_local_day(self, site):
        # 29 March has 23 hours. Two hours from 22:30 UTC on the 31st lie on 1 April in Berlin.
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="100")
        make_cdr(site=site, kwh="10", started_at=datetime(2026, 3, 29, 0, 30, tzinfo=UTC), hours=1)
        make_cdr(site=site, kwh="10", started_at=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))

        (march,) = bill(site)
        (april,) = bill(site, until_date=date(2026, 4, 30), at=APRIL + timedelta(days=30))

        # Both at night: 10 × 0.29, all included in its own month.
        assert [amount for _, amount in lines_of(march)] == [Decimal("2.90"), Decimal("-2.90")]
        assert [amount for _, amount in lines_of(april)] == [Decimal("2.90"), Decimal("-2.90")]

    def test_states_gross_amounts_to_a_private_person(self, site):
        site.customer.kind = "private"
        site.customer.save()
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="9.99", tax_included=True)

        (invoice,) = bill(site)

        # 9.99 ÷ 1.19 = 8.3949… → 8.39
        assert totals_of(invoice) == (Decimal("8.39"), Decimal("1.60"), Decimal("9.99"))

    def test_is_said_in_the_customers_language(self, site):
        site.customer.language = "de"
        site.customer.save()
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="12.5")
        by_day(site, "20")

        (invoice,) = bill(site)

        assert lines_of(invoice)[1][0] == "Inklusivmenge: −12,5 kWh × 0,49, 01.03.26 – 31.03.26"


class TestABaseFeeInAdvance:
    def test_is_on_the_invoice_before_its_month(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", in_advance=True, name="Plus")

        (first,) = bill(site, until_date=date(2026, 2, 28))
        (second,) = bill(site)

        assert lines_of(first) == [("Plus, 3/1/26 – 3/31/26", Decimal("30.00"))]
        assert first.tax_date == MARCH_1
        assert lines_of(second) == [("Plus, 4/1/26 – 4/30/26", Decimal("30.00"))]

    def test_stays_as_it_is_when_the_month_is_over_and_a_record_comes_late(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", in_advance=True)
        bill(site, until_date=date(2026, 2, 28))
        bill(site)
        by_day(site, "10", day=10)

        (invoice,) = bill(site, until_date=date(2026, 4, 1), at=APRIL + timedelta(days=1))

        assert [amount for _, amount in lines_of(invoice)] == [Decimal("4.90")]

    def test_is_not_taken_back_by_a_run_for_an_earlier_day(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", in_advance=True)
        bill(site)

        assert bill(site, until_date=date(2026, 3, 2)) == []


class TestALateRecord:
    def test_changes_the_next_invoice_by_the_difference(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="12")
        by_day(site, "20", day=20)  # 12 × 0.49 included
        bill(site)
        # 8 kWh from the night before it: they draw first, 8 × 0.29, and 4 × 0.49 are left for the other.
        make_cdr(site=site, kwh="8", started_at=datetime(2026, 3, 19, 22, 0, tzinfo=UTC))

        (invoice,) = bill(site, until_date=date(2026, 4, 30), at=APRIL + timedelta(days=30))

        assert [amount for _, amount in lines_of(invoice)] == [
            Decimal("2.32"),
            Decimal("5.88"),
            Decimal("-2.32"),
            Decimal("-1.96"),
        ]

    def test_that_gives_back_more_than_it_costs_waits_for_more_to_bill(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, minimum="50.00")
        by_day(site, "20", day=20)  # 9.80 and 40.20 up to the minimum
        bill(site)
        record = by_day(site, "20", day=21)  # another 9.80: the minimum needs 30.40 only

        (invoice,) = bill(site, until_date=date(2026, 4, 1), at=APRIL + timedelta(days=1))

        # 9.80 + 40.20 taken back … + 30.40: nothing is left, and the record is billed.
        assert invoice.net.amount == Decimal("0.00")
        assert invoice.lines.filter(cdr=record).exists()

    def test_of_a_record_that_was_revised_is_counted_anew(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="100")
        cdr = by_day(site, "20")
        bill(site)
        revise(cdr, kwh="30")

        documents = bill(site, until_date=date(2026, 4, 1), at=APRIL + timedelta(days=1))

        # The line of 9.80 is credited, 14.70 billed; 9.80 of included energy is taken back, 14.70 given.
        assert [document.net.amount for document in documents] == [Decimal("-9.80"), Decimal("9.80")]
        assert sum(charge.line.net.amount for charge in PeriodCharge.objects.all()) == Decimal("-14.70")
        assert violations() == []

    def test_leaves_nothing_of_a_difference_that_was_billed_before(self, site):
        # Two late records in two runs: what the first one took back is not taken back again by the second.
        give_plan(contract=site.contract, first_day=MARCH_1, included_kwh="12")
        by_day(site, "20", day=20)  # −12 × 0.49 = −5.88
        bill(site)
        make_cdr(site=site, kwh="8", started_at=datetime(2026, 3, 19, 22, 0, tzinfo=UTC))  # −8 × 0.29, −4 × 0.49
        bill(site, until_date=date(2026, 4, 1), at=APRIL + timedelta(days=1))
        make_cdr(site=site, kwh="2", started_at=datetime(2026, 3, 18, 22, 0, tzinfo=UTC))  # −10 × 0.29, −2 × 0.49

        (invoice,) = bill(site, until_date=date(2026, 4, 2), at=APRIL + timedelta(days=2))

        # 0.58 for the record; −2.32 and −1.96 taken back, −2.90 and −0.98 booked
        assert [amount for _, amount in lines_of(invoice)] == [
            Decimal("0.58"),
            Decimal("2.32"),
            Decimal("1.96"),
            Decimal("-2.90"),
            Decimal("-0.98"),
        ]
        assert sum(charge.line.net.amount for charge in PeriodCharge.objects.all()) == Decimal("-3.88")
        assert violations() == []


class TestAMinimum:
    def test_is_reached_by_a_line_of_its_own(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, minimum="50.00")
        by_day(site, "20")  # 9.80

        (invoice,) = bill(site)

        assert lines_of(invoice)[1] == ("Up to the agreed minimum, 3/1/26 – 3/31/26", Decimal("40.20"))
        assert invoice.net.amount == Decimal("50.00")


class TestSteps:
    def test_take_off_what_goes_beyond(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, steps=[("100", "0"), (None, "-0.05")])
        by_day(site, "150", hours=6)

        (invoice,) = bill(site)

        # 50 × −0.05
        assert lines_of(invoice)[1] == ("Step price: 50 kWh × −0.05, 3/1/26 – 3/31/26", Decimal("-2.50"))

    def test_that_end_add_nothing_beyond(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, steps=[("100", "0.02")])
        by_day(site, "150", hours=6)

        (invoice,) = bill(site)

        # 100 × 0.02
        assert lines_of(invoice)[1] == ("Step price: 100 kWh × 0.02, 3/1/26 – 3/31/26", Decimal("2.00"))


class TestAPlan:
    def test_is_copied_with_its_steps_under_a_name_of_its_own(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, name="Fleet", steps=[("100", "0.02"), (None, "0")])

        twins = [copy_plan(given.plan_id), copy_plan(given.plan_id)]

        assert [twin.name for twin in twins] == ["Fleet (2)", "Fleet (3)"]
        assert [(step.up_to, step.price) for step in twins[0].steps.all()] == [(100, Decimal("0.02")), (None, 0)]
        twins[0].base_fee = Decimal("1.00")
        twins[0].save()

    def test_that_a_contract_has_is_frozen(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00", steps=[(None, "0.01")])

        with refused_by("plans that contracts have are frozen", Plan):
            run_sql("UPDATE contracts_plan SET base_fee = 1 WHERE id = %s", given.plan_id)
        with refused_by("plans that contracts have are frozen", PlanStep):
            run_sql("UPDATE contracts_planstep SET price = 1 WHERE plan_id = %s", given.plan_id)
        with refused_by("plans that contracts have are frozen", PlanStep):
            given.plan.steps.create(up_to="5", price="1")

    def test_of_another_seller_is_refused(self, site):
        with refused_by("the plan is of another seller", ContractPlan):
            ContractPlan.objects.create(contract=site.contract, plan=make_plan(), first_day=MARCH_1)

    def test_is_the_only_one_of_a_day(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1)

        with refused_by("contract_plan_one_a_day", ContractPlan):
            give_plan(contract=site.contract, plan=make_plan(seller=site.owner), first_day=date(2026, 3, 31))

    @pytest.mark.parametrize(
        "fields",
        [{"base_fee": "-1"}, {"included_kwh": "-1"}, {"minimum": "0"}, {"maximum": "-5"}],
        ids=lambda fields: next(iter(fields)),
    )
    def test_with_negative_amounts_is_refused(self, site, fields):
        with refused_by("plan_amounts_are_positive", Plan):
            make_plan(seller=site.owner, **fields)

    def test_whose_maximum_is_below_its_minimum_is_refused(self, site):
        with refused_by("plan_maximum_is_no_less_than_its_minimum", Plan):
            make_plan(seller=site.owner, minimum="50.00", maximum="49.99")


class TestABilledCharge:
    def test_that_is_not_what_its_line_states_is_found_by_the_audit(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        bill(site)
        run_sql("SET LOCAL session_replication_role = replica")  # the trigger refuses it
        run_sql("UPDATE invoices_periodcharge SET price = 29")
        run_sql("SET LOCAL session_replication_role = DEFAULT")

        assert [found.problem for found in violations()] == ["is 29.00, its line states 30.000000"]

    def test_is_frozen_when_its_invoice_is_issued(self, site):
        give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        bill(site)

        for sql in ("UPDATE invoices_periodcharge SET price = 1", "DELETE FROM invoices_periodcharge"):
            with refused_by("charges of issued documents are frozen", PeriodCharge):
                run_sql(sql)


class TestBilledDays:
    def test_keep_their_plan(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        bill(site)

        for sql in (
            "DELETE FROM contracts_contractplan WHERE id = %s",
            "UPDATE contracts_contractplan SET end_day = '2026-03-20' WHERE id = %s",
            "UPDATE contracts_contractplan SET first_day = '2026-05-01' WHERE id = %s",
        ):
            with refused_by("days that were billed keep their plan", ContractPlan):
                run_sql(sql, given.pk)

    def test_are_named_where_a_plan_is_to_end_among_them(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        bill(site)
        given.end_day = date(2026, 3, 20)

        assert why_not_given(site.contract, [given]) == (
            "This contract is billed up to 2026-03-31: what a plan's days were until then stays."
        )

    def test_are_named_where_a_plan_that_ended_among_them_is_to_go_on(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, end_day=date(2026, 3, 20), base_fee="30.00")
        bill(site)
        given.end_day = None

        assert "is billed up to 2026-03-31" in why_not_given(site.contract, [given])
        with refused_by("days that were billed keep their plan", ContractPlan):
            given.save()

    def test_do_not_keep_a_plan_from_ending_after_them(self, site):
        given = give_plan(contract=site.contract, first_day=MARCH_1, base_fee="30.00")
        bill(site)
        given.end_day = date(2026, 4, 10)
        new = ContractPlan(contract=site.contract, plan=make_plan(seller=site.owner), first_day=date(2026, 4, 10))

        assert why_not_given(site.contract, [given, new]) == ""
        given.save()
        new.save()


class TestAPlanOfAnotherCycle:
    def test_begins_with_a_quarter(self, site):
        monthly = give_plan(contract=site.contract, first_day=MARCH_1, end_day=date(2026, 4, 1))
        quarterly = make_plan(seller=site.owner, cycle="quarter")

        def why(day: date) -> str:
            row = ContractPlan(contract=site.contract, plan=quarterly, first_day=day)
            return why_not_given(site.contract, [monthly, row])

        assert why(date(2026, 4, 1)) == ""
        assert "begins with a quarter" in why(date(2026, 5, 1))

    def test_is_billed_once_a_quarter(self, site):
        give_plan(contract=site.contract, first_day=date(2026, 1, 1), base_fee="90.00", cycle="quarter")

        none = bill(site, until_date=date(2026, 2, 28))
        (invoice,) = bill(site)

        assert none == []
        assert invoice.net.amount == Decimal("90.00")


class TestWhatIsNotSubjectToVat:
    def test_gets_a_document_of_its_own(self, site):
        """A base fee to a Swiss company is a service outside the Union; its electricity is taxed at the charger."""
        Customer.objects.update(country="CH", vat_id="CHE109322551MWST")
        Organisation.objects.filter(pk=site.owner.pk).update(registration_number="HRB 4711")
        give_plan(contract=site.contract, first_day=MARCH_1, name="Fleet 30", base_fee="30.00")
        by_day(site, "10")

        invoices = bill(site)

        assert [[(row.category, row.net.amount) for row in invoice.taxes.all()] for invoice in invoices] == [
            [("S", Decimal("4.90"))],
            [("O", Decimal("30.00"))],
        ]
        assert [electronic_terms(invoice).bg4_seller.bt31_vat_id != "" for invoice in invoices] == [True, False]
        assert violations() == []
