"""The reports add up to the ledger, go down to the document, and show nobody else's books."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounting.reports import Period
from apps.accounting.reports.books import account_sheet, corrections_sheet, trial_balance_sheet, vat_sheet
from apps.accounting.reports.deferred import deferred_fees_sheet, earning_sheet
from apps.accounting.reports.periods import months_between
from apps.accounting.reports.receivables import receivables_sheet
from apps.accounting.reports.revenue import revenue_by_site, revenue_by_tariff
from apps.accounts.domain.roles import Role as MemberRole
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.crediting import credit_invoice
from apps.invoices.services.deferring import due_fee_ids, earn
from apps.ledger.domain.charts import ChartKind
from apps.ledger.models import Account, Closing, Journal
from apps.ledger.services.charts import choose_chart
from apps.ledger.services.closings import close_month
from apps.payments.services.bank import StatementLine, record_receipt
from apps.payments.services.dunning import remind
from apps.payments.services.write_offs import write_off
from apps.sessions.services.rating import rate_settled
from tests.factories import NOON, give_plan, make_member, make_site, make_user
from tests.integration.tenants import CANARY, answer, make_ended_session, signed_in

JULY = datetime(2026, 7, 1, 8, tzinfo=UTC)
JUNE = Period.of_months(date(2026, 6, 1), date(2026, 6, 1))
SUMMER = Period.of_months(date(2026, 6, 1), date(2026, 8, 1))
REPORTS = ("trial-balance", "receivables", "deferred-fees", "vat", "sites", "tariffs")


def sql(query: str, *params: object) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchone()[0]


def column(sheet, at: int) -> Decimal:
    """Add a column of the rows by hand, and expect the sheet's own total to be that."""
    amount = sum((row.cells[at].value for row in sheet.rows if isinstance(row.cells[at].value, Decimal)), Decimal(0))
    assert [row.cells[at].value for row in sheet.totals] == [amount]
    return amount


def sum_of_roles(entity, *codes: str, by: str, period: Period) -> Decimal:
    return sql(
        "SELECT coalesce(-sum(e.amount), 0) FROM ledger_ledgerentry e JOIN ledger_journal j ON j.id = e.journal_id"
        f" JOIN ledger_account a ON a.id = e.account_id WHERE j.entity_id = %s AND j.{by} >= %s AND j.{by} < %s"
        " AND a.code = ANY(%s)",
        *(entity.pk, period.first, period.end, list(codes)),
    )


@pytest.fixture
def books(db):
    """A summer of a seller: two months billed, one credited in part, one paid in part, one given up, one reminded."""
    site, clerk = make_site(), make_user()
    for days in (0, 5, 30, 61):
        session = make_ended_session(site, started_at=NOON + timedelta(days=days))
        rate_settled(session_id=session.pk, at=session.settled_at)
    for month, day in ((6, 30), (7, 31), (8, 31)):
        run_billing(
            seller_id=site.owner.pk, until_date=date(2026, month, day), at=datetime(2026, month + 1, 1, 8, tzinfo=UTC)
        )
    june, july, august = Invoice.objects.filter(seller=site.owner).order_by("pk")
    credit_invoice(invoice_id=july.pk, reason="Faulty meter", at=datetime(2026, 8, 10, 8, tzinfo=UTC), by=clerk)
    line = StatementLine(
        key="1", booked_on=date(2026, 7, 20), amount=Decimal("5.00"), currency="EUR", reference=june.number
    )
    record_receipt(seller_id=site.owner.pk, line=line, at=datetime(2026, 7, 20, 8, tzinfo=UTC))
    remind(invoice_id=june.pk, at=datetime(2026, 8, 20, 8, tzinfo=UTC))
    write_off(invoice_id=august.pk, reason="Insolvent", by=clerk, at=datetime(2026, 9, 10, 8, tzinfo=UTC))
    return site


class TestTheTrialBalance:
    def test_adds_up_to_the_ledger(self, books):
        sheet = trial_balance_sheet(books.owner, SUMMER)

        debits = sql(
            "SELECT sum(e.amount) FROM ledger_ledgerentry e JOIN ledger_journal j ON j.id = e.journal_id"
            " WHERE e.amount > 0 AND j.posted_on >= '2026-06-01' AND j.posted_on < '2026-09-01'"
        )
        assert column(sheet, 5) == column(sheet, 6) == debits > 0
        assert column(sheet, 4) == column(sheet, 7) == 0

    def test_opens_with_what_the_months_before_closed_with(self, books):
        july = trial_balance_sheet(books.owner, Period.of_months(date(2026, 7, 1), date(2026, 7, 1)))
        august = trial_balance_sheet(books.owner, Period.of_months(date(2026, 8, 1), date(2026, 8, 1)))

        closed = {row.cells[0].value: row.cells[7].value for row in july.rows}
        opened = {row.cells[0].value: row.cells[4].value for row in august.rows}
        assert closed == {code: amount for code, amount in opened.items() if code in closed}

    def test_names_the_numbers_under_which_the_accountant_finds_the_entries(self, books):
        choose_chart(
            entity_id=books.owner.pk, kind=ChartKind.SKR03, valid_from=date(2026, 1, 1), by=make_user(), at=JULY
        )

        numbers = {row.cells[0].value: row.cells[1].value for row in trial_balance_sheet(books.owner, SUMMER).rows}

        assert numbers == {"1000": "1200", "1200": "1410", "2200": "1776", "4000": "8400"}


class TestTheVatSummary:
    def test_adds_up_to_revenue_losses_and_vat_in_the_ledger_by_tax_date(self, books):
        sheet = vat_sheet(books.owner, SUMMER)

        assert [[cell.value for cell in row.cells[:3]] for row in sheet.rows] == [["DE", "S taxed", "19%"]]
        assert column(sheet, 3) == sum_of_roles(books.owner, "4000", by="tax_date", period=SUMMER) > 0
        assert column(sheet, 5) == sum_of_roles(books.owner, "2200", by="tax_date", period=SUMMER) > 0

    def test_shows_what_was_lost_with_its_vat(self, books):
        september = Period.of_months(date(2026, 9, 1), date(2026, 9, 1))

        (row,) = vat_sheet(books.owner, september).rows

        # One session of 10 kWh at 0.50: 5.00 net, 0.95 VAT, given up in September.
        assert [cell.value for cell in row.cells[3:6]] == [Decimal(0), Decimal("-5.00"), Decimal("-0.95")]

    def test_lists_what_came_after_the_month_was_closed(self, books):
        clerk = make_user()
        late = make_ended_session(books, started_at=NOON + timedelta(days=7))
        rate_settled(session_id=late.pk, at=late.settled_at)
        at = datetime(2026, 10, 5, tzinfo=UTC)
        close_month(entity_id=books.owner.pk, month=date(2026, 6, 1), by=clerk, at=at)
        assert corrections_sheet(books.owner, JUNE).rows == []
        run_billing(seller_id=books.owner.pk, until_date=date(2026, 6, 30), at=datetime(2026, 10, 6, 8, tzinfo=UTC))

        sheet = corrections_sheet(books.owner, JUNE)

        (row,) = sheet.rows
        assert (row.cells[0].value, row.cells[1].value) == (date(2026, 6, 8), date(2026, 10, 6))
        assert column(sheet, 5) == Decimal("0.95")
        assert Closing.objects.count() == 1


class TestRevenue:
    @pytest.mark.parametrize("make", [revenue_by_site, revenue_by_tariff])
    def test_adds_up_to_revenue_in_the_ledger_by_posting_day(self, books, make):
        sheet = make(books.owner, SUMMER)

        assert column(sheet, 5) == sum_of_roles(books.owner, "4000", "4100", by="posted_on", period=SUMMER) > 0

    def test_tells_sites_tariffs_charges_and_energy(self, books):
        (row,) = revenue_by_site(books.owner, Period.of_months(date(2026, 7, 1), date(2026, 7, 1))).rows

        assert [cell.value for cell in row.cells] == [
            books.location.name,
            2,
            "20.000",
            Decimal("10.00"),
            Decimal(0),
            Decimal("10.00"),
        ]
        assert revenue_by_tariff(books.owner, SUMMER).rows[0].cells[0].value == books.tariff.name


class TestDeferredFees:
    @pytest.fixture
    def seller(self, db):
        """90.00 for a quarter in advance, issued on 31 December; January and February are earned."""
        site = make_site()
        give_plan(
            contract=site.contract, first_day=date(2026, 1, 1), cycle="quarter", base_fee="90.00", in_advance=True
        )
        issued = datetime(2025, 12, 31, 9, tzinfo=UTC)
        run_billing(seller_id=site.owner.pk, until_date=issued.date(), at=issued)
        at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        for fee_id in due_fee_ids(at=at):
            earn(fee_id=fee_id, at=at)
        return site.owner

    @pytest.mark.parametrize(
        ("day", "left"),
        [("2025-12-31", "90.00"), ("2026-01-30", "90.00"), ("2026-01-31", "59.00"), ("2026-02-28", "31.00")],
    )
    def test_add_up_to_the_account_on_any_day(self, seller, day, left):
        on = date.fromisoformat(day)
        balance = sql(
            "SELECT -sum(e.amount) FROM ledger_ledgerentry e JOIN ledger_journal j ON j.id = e.journal_id"
            " JOIN ledger_account a ON a.id = e.account_id WHERE a.code = '2500' AND j.posted_on <= %s",
            day,
        )

        assert column(deferred_fees_sheet(seller, on), 6) == column(earning_sheet(seller, on), 1) == balance
        assert balance == Decimal(left)

    def test_lead_to_their_invoice_and_say_when_they_are_earned(self, seller):
        invoice = Invoice.objects.get(seller=seller)

        (row,) = deferred_fees_sheet(seller, date(2026, 1, 31)).rows
        months = earning_sheet(seller, date(2026, 1, 31)).rows

        assert row.cells[0].target == ("document", str(invoice.uid))
        assert [cell.value for cell in row.cells[3:]] == [
            date(2026, 2, 1),
            date(2026, 3, 31),
            Decimal("90.00"),
            Decimal("59.00"),
        ]
        assert [[cell.value for cell in month.cells] for month in months] == [
            ["February 2026", Decimal("28.00")],
            ["March 2026", Decimal("31.00")],
        ]

    def test_bear_their_vat_once_with_the_invoice(self, seller):
        winter = Period.of_months(date(2026, 1, 1), date(2026, 1, 1))
        february = Period.of_months(date(2026, 2, 1), date(2026, 2, 1))

        (row,) = vat_sheet(seller, winter).rows
        assert [cell.value for cell in row.cells[3:6]] == [Decimal("90.00"), Decimal(0), Decimal("17.10")]
        assert vat_sheet(seller, february).rows == []

    @pytest.mark.parametrize("make", [revenue_by_site, revenue_by_tariff])
    @pytest.mark.parametrize(("month", "earned"), [((2025, 12), "0"), ((2026, 1), "31.00"), ((2026, 2), "28.00")])
    def test_are_revenue_of_the_month_that_earns_them(self, seller, make, month, earned):
        first = date(*month, 1)
        period = Period.of_months(first, first)

        sheet = make(seller, period)

        assert sum((row.cells[5].value for row in sheet.rows), Decimal(0)) == Decimal(earned)
        assert sum_of_roles(seller, "4000", by="posted_on", period=period) == Decimal(earned)

    def test_are_a_page_that_leads_from_the_journal_to_the_invoice(self, seller):
        owner = signed_in(make_member(organisation=seller, role=MemberRole.OWNER).user)
        invoice, account = Invoice.objects.get(seller=seller), Account.objects.get(code="2500")

        page = owner.get(reverse("console:report", args=["deferred-fees"]), {"from": "2026-01", "to": "2026-01"})
        sheet = owner.get(reverse("console:account-sheet", args=[account.pk]), {"from": "2025-12", "to": "2026-02"})

        assert invoice.number in page.content.decode()
        assert sheet.content.decode().count(invoice.number) >= 3


class TestReceivables:
    @pytest.mark.parametrize(
        "day", ["2026-07-01", "2026-07-20", "2026-08-09", "2026-08-10", "2026-08-31", "2026-09-30"]
    )
    def test_add_up_to_the_account_on_any_day(self, books, day):
        sheet = receivables_sheet(books.owner, date.fromisoformat(day))

        balance = sql(
            "SELECT sum(e.amount) FROM ledger_ledgerentry e JOIN ledger_journal j ON j.id = e.journal_id"
            " JOIN ledger_account a ON a.id = e.account_id WHERE a.code = '1200' AND j.posted_on <= %s",
            day,
        )
        assert column(sheet, 9) == balance

    def test_stand_by_how_long_they_have_been_due(self, books):
        def ages(day: str) -> list[Decimal]:
            row = receivables_sheet(books.owner, date.fromisoformat(day)).rows[0]
            return [cell.value for cell in row.cells[2:]]

        due = Invoice.objects.filter(seller=books.owner).order_by("pk").first().due_date
        # 20 kWh at 0.50 are 10.00 net, 11.90 gross; 5.00 of it came on 20 July.
        assert ages("2026-07-01")[0] == Decimal("11.90")
        assert receivables_sheet(books.owner, due).rows[0].cells[2].value >= Decimal("11.90") - Decimal("5.00")
        late = [receivables_sheet(books.owner, due + timedelta(days=days)).rows[0] for days in (10, 31, 61, 91)]
        assert [row.cells[3 + at].value for at, row in enumerate(late)] == [Decimal("6.90")] * 4


class TestAnAccountsSheet:
    def test_runs_from_the_opening_balance_to_the_closing_one(self, books):
        account = Account.objects.get(entity=books.owner, code="1200")

        sheet = account_sheet(account, Period.of_months(date(2026, 8, 1), date(2026, 8, 1)))

        opening, *entries = sheet.rows
        moved = sum(row.cells[4].value - row.cells[5].value for row in entries)
        assert opening.cells[6].value + moved == entries[-1].cells[6].value == sheet.totals[0].cells[6].value

    def test_names_the_document_behind_each_entry(self, books):
        account = Account.objects.get(entity=books.owner, code="4000")

        sheet = account_sheet(account, SUMMER)

        documents = [row.cells[2].value for row in sheet.rows]
        issued = Invoice.objects.filter(seller=books.owner).order_by("issued_at", "pk")
        assert documents == [row.number for row in issued if row.issue_date < date(2026, 9, 1)]


class TestPages:
    @pytest.fixture
    def client(self, books) -> Client:
        return signed_in(
            make_member(organisation=books.owner, role=MemberRole.FINANCE, user=make_user(is_staff=True)).user
        )

    @pytest.mark.parametrize("name", [name for name in REPORTS if name != "deferred-fees"])
    def test_show_and_download_the_same_rows(self, books, client, name):
        page = client.get(reverse("console:report", args=[name]), {"from": "2026-06", "to": "2026-09"})
        file = client.get(reverse("console:report", args=[name]), {"from": "2026-06", "to": "2026-09", "csv": "1"})

        head, *rows = csv.reader(StringIO(file.content.decode("utf-8-sig")))
        shown = page.context["sheets"][0]
        assert page.status_code == 200
        assert head[-1] == "Currency"
        assert len(rows) == len(shown["rows"]) + len(shown["totals"]) > 1

    def test_lead_from_the_trial_balance_down_to_the_document(self, books, client):
        account = Account.objects.get(entity=books.owner, code="4000")
        invoice = Invoice.objects.filter(seller=books.owner).order_by("pk").first()
        asked = {"from": "2026-06", "to": "2026-08"}
        balance = client.get(reverse("console:books"), asked).content.decode()
        sheet = client.get(reverse("console:account-sheet", args=[account.pk]), asked).content.decode()
        document = client.get(reverse("console:invoice", args=[invoice.uid])).content.decode()

        assert reverse("console:account-sheet", args=[account.pk]) in balance
        assert reverse("console:invoice", args=[invoice.uid]) in sheet
        session = invoice.lines.first().cdr.session
        assert reverse("console:session", args=[session.uid]) in document

    def test_know_no_other_report(self, client):
        assert client.get(reverse("console:report", args=["profit"])).status_code == 404


class TestTenants:
    @pytest.mark.parametrize("name", REPORTS)
    def test_see_their_own_books_alone(self, ours, theirs, owner, name):
        page = owner.get(reverse("console:report", args=[name]), {"seller": theirs.owner.pk, "from": "2026-06"})

        assert page.status_code == 200
        assert CANARY.encode() not in answer(page)

    def test_find_no_other_tenants_account(self, ours, theirs, owner):
        account = Account.objects.filter(entity=theirs.owner).first()

        assert owner.get(reverse("console:account-sheet", args=[account.pk])).status_code == 404

    def test_let_the_platform_choose_whose_books_it_reads(self, ours, theirs, platform):
        page = platform.get(reverse("console:books"), {"seller": theirs.owner.pk})

        assert page.context["asked"].seller == theirs.owner

    def test_are_closed_to_customers(self, ours):
        assert signed_in(ours.fleet.user).get(reverse("console:books")).status_code == 302


class TestPeriods:
    def test_are_whole_months_in_either_order(self):
        assert Period.of_months(date(2026, 12, 9), date(2026, 11, 3)) == Period(
            first=date(2026, 11, 1), end=date(2027, 1, 1)
        )
        assert str(Period.of_months(date(2026, 2, 9), date(2026, 2, 3))) == "February 2026"

    def test_are_offered_newest_first(self):
        assert months_between(date(2026, 11, 30), date(2027, 1, 1)) == [
            date(2027, 1, 1),
            date(2026, 12, 1),
            date(2026, 11, 1),
        ]


def test_journals_of_this_story_are_all_told_of(books):
    from apps.accounting.sources import Source, sources_of

    told = sources_of(Journal.objects.values_list("key", flat=True))

    assert Source() not in told.values()
