"""Debtor accounts: drawn once, unique per seller, told by DATEV files, changed until then; the report agrees."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from apps.accounting.debtors import receivable_by_customer
from apps.accounting.models import DebtorAccount
from apps.accounting.reports.receivables import receivables_sheet
from apps.accounting.services.debtors import NotNumbered, change_number, draw_numbers
from apps.accounting.services.exporting import NotExportable, withdraw_export
from apps.accounts.domain.roles import Role as MemberRole
from apps.invoices.models import Invoice
from apps.ledger.domain.charts import ChartKind
from apps.ledger.services.charts import choose_chart
from apps.payments.services.dunning import remind
from tests.factories import make_customer, make_member, make_organisation, make_site, make_user
from tests.integration.payments.test_attempt_accidents import together
from tests.integration.tenants import signed_in
from tests.refusals import refused_by, run_sql

from .test_exports import AUGUST_3, JULY, bill, clerk, content, export, site

__all__ = ["clerk", "site"]
pytestmark = pytest.mark.django_db
DAY = JULY


def rows_of(document) -> list[dict[str, str]]:
    """Read a DATEV file as DATEV does: the columns of its second line, texts out of their quotes."""
    _, *lines = bytes(document.content).decode("cp1252").removesuffix("\r\n").split("\r\n")
    return list(csv.DictReader(lines, delimiter=";", strict=True))


def columns(made, *names: str) -> list[tuple[str, ...]]:
    """Return some columns of a DATEV file's rows."""
    return [tuple(row[name] for name in names) for row in rows_of(made.document)]


def draw(seller, *customers) -> list[str]:
    made = draw_numbers(
        seller_id=seller.pk, at=AUGUST_3, on=DAY, customer_ids=[one.pk for one in customers] if customers else None
    )
    return [str(one.number)[:5] for one in made]


class TestTheFileOfDebtors:
    def test_names_those_behind_the_bookings_beside_them(self, site):
        site.customer.name = 'Łódź "Müller" & Söhne; Spedition und Lagerhaus Hamburg GmbH'
        site.customer.vat_id, site.customer.street = "DE136695976", "Straße des 17. Juni"
        site.customer.save()

        made = export(site, "datev")

        raw = bytes(made.debtors.content)
        head, names, line, rest = raw.split(b"\r\n")
        assert rest == b""
        assert head.decode("cp1252").split(";") == [
            *('"EXTF"', "700", "16", '"Debitoren/Kreditoren"', "5", "20260803093000000", "", '"RE"', '""', '""'),
            *("29098", "55003", "20260101", "4", "", "", '""', '""', "", "", "", '""', "", '""', "", "", '"03"'),
            *("", "", '""', '""'),
        ]
        assert len(names.split(b";")) == 254
        assert "Straße des 17. Juni".encode("cp1252") in line
        (told,) = rows_of(made.debtors)
        said = {column: value for column, value in told.items() if value}
        assert said == {
            "Konto": "10000",
            "Name (Adressattyp Unternehmen)": '?ód? "Müller" & Söhne; Spedition und Lagerhaus Ham',
            "Adressattyp": "2",
            "Kurzbezeichnung": '?ód? "Müller" &',
            "EU-Land": "DE",
            "EU-UStID": "136695976",
            "Adressart": "STR",
            "Straße": "Straße des 17. Juni",
            "Postleitzahl": "20095",
            "Ort": "Hamburg",
            "Land": "DE",
            "E-Mail": site.customer.email,
            "Kundennummer": site.customer.number,
        }
        assert {told["Konto"]} < {
            number for row in columns(made, "Konto", "Gegenkonto (ohne BU-Schlüssel)") for number in row
        }
        assert export(site, "csv").debtors is None

    def test_is_frozen_with_its_export_and_downloads_from_there(self, site):
        made = export(site, "datev")
        owner = signed_in(
            make_member(organisation=site.owner, role=MemberRole.FINANCE, user=make_user(is_staff=True)).user
        )
        address = reverse("admin:accounting_journalexport_download_debtors", args=[made.pk])

        answer = owner.get(address)
        assert answer["Content-Disposition"].endswith('filename="EXTF_Debitoren_Kreditoren_2026-07_1.csv"')
        assert b"".join(answer) == bytes(made.debtors.content)
        with refused_by("exports are frozen", type(made)):
            run_sql("UPDATE accounting_journalexport SET debtors_id = NULL")
        stranger = make_member(organisation=make_site().owner, role=MemberRole.FINANCE, user=make_user(is_staff=True))
        assert signed_in(stranger.user).get(address).status_code == 404


class TestADatevFile:
    def test_posts_each_customers_receivable_on_an_account_of_their_own(self, site):
        made = export(site, "datev")

        told = columns(made, "Konto", "Gegenkonto (ohne BU-Schlüssel)", "Soll/Haben-Kennzeichen")
        # Invoice, money for it, credit note.
        assert told == [("10000", "8400", "S"), ("1200", "10000", "S"), ("10000", "8400", "H")]
        account = DebtorAccount.objects.get()
        assert (account.customer, account.number, account.told_at) == (site.customer, 100_000_000, AUGUST_3)

    def test_draws_a_number_once_and_tells_it_ever_after(self, site):
        first = export(site, "datev")
        withdraw_export(export_id=first.pk, reason="wrong client", by=make_user(), at=AUGUST_3)
        again = export(site, "datev")

        assert columns(again, "Konto") == columns(first, "Konto")
        assert DebtorAccount.objects.count() == 1

    def test_of_longer_accounts_tells_longer_numbers(self, site, clerk):
        choose_chart(
            entity_id=site.owner.pk, kind=ChartKind.SKR04, valid_from=JULY, account_length=6, consultant_number=29098,
            client_number=55003, by=clerk, at=AUGUST_3,
        )  # fmt: skip

        assert columns(export(site, "datev"), "Konto", "Gegenkonto (ohne BU-Schlüssel)")[0] == ("1000000", "440000")

    def test_whose_chart_is_too_short_for_a_number_is_refused_in_words(self, site):
        DebtorAccount.objects.create(seller=site.owner, customer=site.customer, number=100_000_010, drawn_at=AUGUST_3)

        with pytest.raises(NotExportable, match="more than the 5 digits"):
            export(site, "datev")

    def test_of_another_format_draws_nothing_and_keeps_the_receivable(self, site):
        assert b"1410" in content(export(site, "csv"))
        assert not DebtorAccount.objects.exists()


class TestANumber:
    def test_is_drawn_in_the_order_of_customer_numbers(self, site):
        second = make_customer(seller=site.owner, organisation=make_organisation(), number="A-1")

        assert draw(site.owner) == ["10000", "10001"]
        assert DebtorAccount.objects.get(customer=second).number == 100_000_000
        assert draw(site.owner) == []

    def test_is_changed_until_a_file_has_told_it(self, site, clerk):
        draw(site.owner)
        account = DebtorAccount.objects.get()
        change_number(account_id=account.pk, number="12345", on=DAY, by=clerk)
        told = columns(export(site, "datev"), "Konto")[0]

        with pytest.raises(NotNumbered, match="has told the old number"):
            change_number(account_id=account.pk, number="12346", on=DAY, by=clerk)
        assert told == ("12345",)
        assert DebtorAccount.objects.get().decided_by == clerk

    def test_of_another_customer_is_refused(self, site, clerk):
        make_customer(seller=site.owner, organisation=make_organisation(), number="A-1")
        draw(site.owner)
        second = DebtorAccount.objects.latest("number")

        with pytest.raises(NotNumbered, match="Another customer"):
            change_number(account_id=second.pk, number="10000", on=DAY, by=clerk)

    def test_may_be_the_same_at_another_seller(self, site):
        other = make_site()

        assert (draw(site.owner), draw(other.owner)) == (["10000"], ["10000"])

    @pytest.mark.django_db(transaction=True)
    def test_drawn_by_four_at_once_is_one_a_customer(self, site):
        told = together(*[lambda: draw(site.owner)] * 4)

        assert sorted(told, key=len) == [[], [], [], ["10000"]]


class TestReceivables:
    def test_agree_with_the_debtors_to_the_cent(self, site):
        contract = Invoice.objects.first().contract
        contract.reminder_days, contract.reminder_fees = [7], ["5"]
        contract.save()
        bill(site, day=26)
        invoice = Invoice.objects.latest("pk")
        due = datetime.combine(invoice.due_date, datetime.min.time(), tzinfo=UTC) + timedelta(days=7, hours=12)
        remind(invoice_id=invoice.pk, at=due)

        sheet = receivables_sheet(site.owner, due.date())

        by_customer = receivable_by_customer(site.owner, due.date())
        (row,) = sheet.rows
        # The fee of the reminder stands beside what documents are open for.
        assert (row.cells[8].value, row.cells[9].value) == (Decimal("5.00"), by_customer["EUR", site.customer.pk])

    def test_name_the_account_once_it_is_drawn(self, site):
        draw(site.owner)

        (row,) = receivables_sheet(site.owner, date(2026, 7, 2)).rows

        assert row.cells[10].value == "10000"


class TestTheDatabase:
    @pytest.fixture
    def account(self, site):
        export(site, "datev")
        return DebtorAccount.objects.get()

    def test_keeps_a_number_that_a_file_has_told(self, account):
        for sql in (
            "UPDATE accounting_debtoraccount SET number = 123450000",
            "UPDATE accounting_debtoraccount SET told_at = NULL",
            "DELETE FROM accounting_debtoraccount",
        ):
            with refused_by("stays once a file has told it", DebtorAccount):
                run_sql(sql)

    def test_refuses_a_creditors_number(self, site):
        with refused_by("debtor_number_is_a_debtors", DebtorAccount):
            DebtorAccount.objects.create(
                seller=site.owner, customer=site.customer, number=700_000_000, drawn_at=AUGUST_3
            )

    def test_refuses_another_sellers_customer(self, site):
        with refused_by("a debtor is a customer of its seller", DebtorAccount):
            DebtorAccount.objects.create(
                seller=make_site().owner, customer=site.customer, number=100_000_000, drawn_at=AUGUST_3
            )


class TestTheConsole:
    @pytest.fixture
    def owner(self, site):
        return signed_in(make_member(organisation=site.owner, role=MemberRole.OWNER).user)

    def test_draws_numbers_and_changes_one(self, site, owner):
        page = owner.get(reverse("admin:accounting_debtoraccount_changelist")).content.decode()
        owner.post(reverse("admin:accounting_debtoraccount_draw"), {})
        account = DebtorAccount.objects.get()
        owner.post(reverse("admin:accounting_debtoraccount_number", args=[account.pk]), {"number": "10777"})

        account.refresh_from_db()
        assert "Give all customers a number" in page
        assert account.number == 107_770_000

    def test_says_what_is_wrong_with_a_number(self, site, owner):
        draw(site.owner)
        account = DebtorAccount.objects.get()

        page = owner.post(reverse("admin:accounting_debtoraccount_number", args=[account.pk]), {"number": "70000"})

        assert "between 10000 and 69999" in page.content.decode()

    def test_is_closed_to_who_may_not_move_money(self, site):
        viewer = signed_in(make_member(organisation=site.owner, role=MemberRole.TECHNICIAN).user)

        assert viewer.post(reverse("admin:accounting_debtoraccount_draw"), {}).status_code == 403
