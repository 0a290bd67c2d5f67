from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.core import audit
from apps.invoices import selectors
from apps.invoices.errors import RunRefused
from apps.invoices.models import BillingRun, Invoice, InvoiceLine
from apps.invoices.services import billing
from apps.ledger.domain.chart import Role
from apps.ledger.models import Journal
from apps.ledger.selectors import balance, trial_balance
from apps.tariffs.domain.facts import GrantTerms
from tests.factories import give_plan, make_contract, make_customer, make_site, make_tariff_version, make_token
from tests.integration.invoices.world import (
    APRIL,
    END_OF_MARCH,
    MARCH_EVENING,
    NIGHT_AND_DAY,
    bill,
    draft_next,
    make_cdr,
    revise,
)

TEN_KWH_NET = {"quantity": "10", "unit": "kWh", "basis": "net"}


def violations() -> list[audit.Violation]:
    return [found for found in audit.find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7", "I13"}]


def receivable(site) -> Decimal:
    return balance(entity_id=site.owner.pk, role=Role.RECEIVABLE, currency="EUR")


class TestRunBilling:
    def test_bills_a_contracts_records_on_one_invoice_down_to_the_ledger(self, site):
        make_cdr(site=site, kwh="20")  # 10 kWh × 0.49 + 10 kWh × 0.29 = 7.80
        make_cdr(site=site, kwh="0.01", started_at=MARCH_EVENING + timedelta(days=1))  # 0.0039 → 0.00

        (invoice,) = bill(site)

        # 7.80 net, VAT 7.80 × 0.19 = 1.482 → 1.48, gross 9.28
        assert invoice.number == "INV-2026-000001"
        assert (invoice.net.amount, invoice.tax.amount, invoice.gross.amount) == (
            Decimal("7.80"),
            Decimal("1.48"),
            Decimal("9.28"),
        )
        assert [(line.position, line.net.amount) for line in invoice.lines.all()] == [
            (1, Decimal("7.80")),
            (2, Decimal("0.00")),
        ]
        assert {row.account.code: row.balance for row in trial_balance(entity=site.owner)} == {
            "1200": Decimal("9.28"),
            "2200": Decimal("-1.48"),
            "4000": Decimal("-7.80"),
        }
        assert violations() == []

    def test_copies_what_a_line_prints(self, site):
        make_cdr(site=site, kwh="20")

        (invoice,) = bill(site)

        line = invoice.lines.get()
        assert line.vehicle == str(site.vehicle)
        assert line.token == site.token.uid[-4:]
        assert line.place == f"{site.location.name}, Parkweg 5, 10115 Berlin · {site.station.identity} / 1"
        assert line.time_zone == "Europe/Berlin"
        assert line.prices == [
            {"text": "at other times", "price": "0.49", "amount": "4.90"} | TEN_KWH_NET,
            {"text": "22:00–06:00", "price": "0.29", "amount": "2.90"} | TEN_KWH_NET,
        ]
        assert (invoice.period_from, invoice.period_to) == (date(2026, 3, 10), date(2026, 3, 10))

    def test_twice_bills_nothing_twice(self, site):
        make_cdr(site=site)

        first, again = bill(site), bill(site)

        assert len(first) == 1
        assert again == []
        assert Invoice.objects.count() == Journal.objects.count() == 1

    def test_bills_a_late_record_on_the_next_invoice_only(self, site):
        make_cdr(site=site)
        bill(site)
        late = make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=2))

        (second,) = bill(site)

        assert [line.cdr for line in second.lines.all()] == [late]
        assert second.number == "INV-2026-000002"

    @pytest.mark.parametrize(
        ("ended_at", "is_due"),
        [
            (datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC), True),
            (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), False),
        ],
    )
    def test_ends_with_the_sellers_local_day(self, site, ended_at, is_due):
        make_cdr(site=site, started_at=ended_at - timedelta(hours=2))

        assert len(bill(site, until_date=END_OF_MARCH)) == is_due

    def test_gives_each_contract_its_own_invoice(self, site):
        other = make_contract(customer=make_customer(seller=site.owner))
        make_cdr(site=site)
        make_cdr(site=site, contract=other, token=make_token(contract=other), vehicle=None)

        invoices = bill(site)

        assert {invoice.contract for invoice in invoices} == {site.contract, other}

    def test_leaves_out_what_is_under_review_and_what_nobody_agreed_to_pay(self, site):
        make_cdr(site=site, status="review", review_reasons=["register dropped"])
        make_cdr(site=site, contract=None, token=None, vehicle=None)

        assert bill(site) == []
        assert Journal.objects.count() == 0

    def test_leaves_other_sellers_alone(self, site):
        other = make_site()
        make_cdr(site=other)

        assert bill(site) == []
        assert not InvoiceLine.objects.exists()

    def test_names_the_contract_it_could_not_bill_and_bills_the_rest(self, site):
        make_cdr(site=site)
        refused = make_contract(customer=make_customer(seller=site.owner, street=""))
        make_cdr(site=site, contract=refused, token=make_token(contract=refused), vehicle=None)

        run = billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert run.problems == [f"{refused.number}: the customer “{refused.customer.name}” has no street"]
        assert (run.status, run.contracts_done, run.contracts_total) == ("done", 2, 2)
        assert [invoice.contract for invoice in selectors.documents_of(run)] == [site.contract]
        assert violations() == []


class TestContractsBilledTogether:
    def contracts(self, site, *, streets):
        """Make a contract with a record for each street of a customer; without a street its invoice is refused."""
        made = []
        for number, street in enumerate(streets):
            contract = make_contract(customer=make_customer(seller=site.owner, street=street))
            made.append(contract)
            make_cdr(
                site=site,
                contract=contract,
                token=make_token(contract=contract),
                vehicle=None,
                started_at=MARCH_EVENING + timedelta(hours=3 * number),
            )
        return made

    def test_are_billed_one_by_one_where_one_is_refused_and_no_number_is_missing(self, site):
        first, refused, last = self.contracts(site, streets=["Main St 1", "", "Main St 3"])

        run = billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert run.problems == [f"{refused.number}: the customer “{refused.customer.name}” has no street"]
        assert (run.contracts_done, run.contracts_total) == (3, 3)
        issued = Invoice.objects.order_by("pk").values_list("contract", "number")
        assert list(issued) == [(first.pk, "INV-2026-000001"), (last.pk, "INV-2026-000002")]
        assert violations() == []

    def test_credit_nothing_of_a_contract_whose_invoice_is_refused(self, site):
        cdr = make_cdr(site=site, kwh="20")
        bill(site)
        revise(cdr, kwh="10")
        site.customer.street = ""
        site.customer.save()

        run = billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert run.problems == [f"{site.contract.number}: the customer “{site.customer.name}” has no street"]
        assert Invoice.objects.get().kind == Invoice.Kind.INVOICE
        assert Journal.objects.count() == 1

    def test_cost_three_statements_more_for_each_further_one(self, site, django_assert_max_num_queries):
        self.contracts(site, streets=["Main St 1"])
        with CaptureQueriesContext(connection) as alone:
            bill(site)
        self.contracts(site, streets=["Main St 1"] * 6)

        with django_assert_max_num_queries(len(alone) + 5 * 3):
            bill(site)

        assert Invoice.objects.count() == 7

    def test_are_so_many_that_memory_stays_flat(self):
        sizes = {3: 1, 2: billing.RECORDS_TOGETHER - 1, 1: 1, 4: billing.RECORDS_TOGETHER * 9, 5: 0}
        small = dict.fromkeys(range(billing.CONTRACTS_TOGETHER + 1), 0)

        assert list(billing._together(sizes)) == [[1, 2], [3, 4], [5]]
        assert [len(together) for together in billing._together(small)] == [billing.CONTRACTS_TOGETHER, 1]


class TestZeroSessions:
    def test_without_energy_wait_until_an_invoice_is_written_anyway(self, site):
        make_cdr(site=site, kwh="0")
        assert bill(site) == []

        make_cdr(site=site, kwh="20", started_at=MARCH_EVENING + timedelta(days=1))
        (invoice,) = bill(site)

        assert [line.net.amount for line in invoice.lines.all()] == [Decimal("0.00"), Decimal("7.80")]

    def test_with_energy_make_an_invoice_of_zero(self, db):
        site = make_site(elements=[{"price_components": [{"type": "FLAT", "price": "0", "step_size": 1}]}])
        make_cdr(site=site, kwh="5")

        (invoice,) = bill(site)

        assert invoice.gross.amount == Decimal("0.00")
        assert violations() == []


class TestPrivateCustomers:
    def test_get_gross_amounts_that_sum_to_what_was_shown(self, site):
        site.customer.kind = "private"
        site.customer.save()
        make_cdr(site=site, kwh="20")  # net 7.80 → gross 9.28
        make_cdr(site=site, kwh="20", started_at=MARCH_EVENING + timedelta(days=1))

        (invoice,) = bill(site)

        # 9.28 + 9.28 = 18.56; 9.28 ÷ 1.19 = 7.798 → 7.80 each, 15.60 net; VAT 18.56 − 15.60 = 2.96
        assert (invoice.net.amount, invoice.tax.amount, invoice.gross.amount) == (
            Decimal("15.60"),
            Decimal("2.96"),
            Decimal("18.56"),
        )
        assert violations() == []


class TestAdjustedRecords:
    def test_print_the_grants_ceiling_as_a_row_of_its_own(self, site):
        make_cdr(site=site, kwh="20", grant=GrantTerms(limit_amount=Decimal("5.00")))

        (invoice,) = bill(site)

        # gross 9.28 limited to 5.00; 5.00 ÷ 1.19 = 4.2017 → 4.20 net
        bands = invoice.lines.get().prices
        assert [band["amount"] for band in bands] == ["4.90", "2.90", "-3.60"]
        assert bands[-1]["text"] == "limited to the amount reserved"
        assert invoice.net.amount == Decimal("4.20")


class TestRevisedRecords:
    def test_are_credited_in_full_and_billed_anew(self, site):
        cdr = make_cdr(site=site, kwh="20")
        (first,) = bill(site)
        revised = revise(cdr, kwh="10")

        note, second = bill(site, at=APRIL + timedelta(days=1))

        assert (note.kind, note.credits, note.number) == ("credit_note", first, "CN-2026-000001")
        assert note.reason == "Meter was read again"
        assert note.gross.amount == -first.gross.amount
        assert [line.cdr for line in second.lines.all()] == [revised]
        assert {row.account.code: row.balance for row in trial_balance(entity=site.owner)}[
            "1200"
        ] == second.gross.amount
        assert violations() == []

    def test_wait_visibly_until_the_next_run(self, site):
        cdr = make_cdr(site=site, kwh="20")
        bill(site)
        revise(cdr, kwh="10")

        assert [line.cdr for line in selectors.awaiting_correction(seller=site.owner)] == [cdr]
        bill(site)
        assert not selectors.awaiting_correction(seller=site.owner).exists()

    def test_made_while_the_run_is_at_work_wait_for_the_next_one(self, site, monkeypatch):
        cdr = make_cdr(site=site, kwh="20")
        (first,) = bill(site)
        revised = revise(cdr, kwh="10")

        with monkeypatch.context() as overtaken:
            overtaken.setattr(billing, "_credit_revised", lambda *_args, **_kwargs: None)
            nothing = bill(site)
        note, second = bill(site)

        assert (nothing, note.credits) == ([], first)
        assert [line.cdr for line in second.lines.all()] == [revised]
        assert violations() == []

    def test_never_billed_before_give_their_newest_revision_only(self, site):
        revised = revise(make_cdr(site=site, kwh="20"), kwh="10")

        (invoice,) = bill(site)

        assert [line.cdr for line in invoice.lines.all()] == [revised]


class TestARunOfDaysAhead:
    """On 1 April at 00:30 in Berlin, which is 31 March in UTC, the 1st may be billed and the 2nd may not."""

    def test_is_refused_and_bills_nothing(self, site):
        midnight = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
        give_plan(contract=site.contract, first_day=date(2026, 3, 1), base_fee="30.00", minimum="100.00")

        with pytest.raises(RunRefused, match="2026-04-02 is still to come: bill until 2026-04-01"):
            billing.run_billing(seller_id=site.owner.pk, until_date=date(2026, 4, 2), at=midnight)
        with pytest.raises(IntegrityError, match="no later than the day on which it is started"), transaction.atomic():
            BillingRun.objects.create(seller=site.owner, until_date=date(2026, 4, 2), started_at=midnight)

        assert not Invoice.objects.exists()
        (march,) = bill(site, until_date=date(2026, 4, 1), at=midnight)
        assert (march.period_to, march.net.amount) == (date(2026, 3, 31), Decimal("130.00"))


class TestInterruptedRuns:
    def test_are_taken_up_and_their_draft_is_completed_with_what_is_due_by_then(self, site):
        make_cdr(site=site)
        run = BillingRun.objects.create(seller=site.owner, until_date=END_OF_MARCH, started_at=APRIL, contracts_total=1)
        draft = draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH, run=run)
        make_cdr(site=site, started_at=MARCH_EVENING + timedelta(days=1))

        again = billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert again == run
        assert (again.status, again.contracts_done, again.contracts_total) == ("done", 1, 1)
        invoice = Invoice.objects.get()
        assert (invoice.pk, invoice.status, invoice.lines.count()) == (draft.pk, "issued", 2)

    def test_leave_no_draft_of_nothing(self, site):
        cdr = make_cdr(site=site)
        draft_next(contract_id=site.contract.pk, until_date=END_OF_MARCH)
        cdr.session.status, cdr.session.review_reasons = "review", ["register dropped"]
        cdr.session.save()

        assert bill(site) == []
        assert not Invoice.objects.exists()


class TestGroups:
    def test_of_two_currencies_give_two_invoices(self, site):
        make_cdr(site=site)
        francs = make_tariff_version(owner=site.owner, currency="CHF", elements=NIGHT_AND_DAY)
        make_cdr(site=site, tariff_version=francs)

        invoices = bill(site)

        assert [invoice.currency for invoice in invoices] == ["CHF", "EUR"]
        assert violations() == []

    def test_of_a_country_without_registration_are_refused_with_the_reason(self, site):
        cdr = make_cdr(site=site)
        site.location.country = "FR"
        site.location.save()

        run = billing.run_billing(seller_id=site.owner.pk, until_date=END_OF_MARCH, at=APRIL)

        assert run.problems == [
            f"{site.contract.number}: charge record {cdr}: the seller has no tax registration in FR on 2026-03-10"
        ]
        assert not Invoice.objects.exists()
