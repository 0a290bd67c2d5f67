"""A month's journals leave once a format, complete, and the file stays as it was."""

import csv
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.urls import reverse

from apps.accounting.models import ExportedJournal, JournalExport
from apps.accounting.services.exporting import NotExportable, export_month, journals_told, withdraw_export
from apps.accounts.domain.roles import Role as MemberRole
from apps.core.audit import find_violations
from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.crediting import credit_invoice
from apps.ledger.domain.chart import Role
from apps.ledger.domain.charts import ChartKind, NumberedAccount
from apps.ledger.models import Journal, LedgerEntry
from apps.ledger.services.charts import choose_chart, set_numbers
from apps.ledger.services.closings import close_month
from apps.payments.services.bank import StatementLine, record_receipt
from apps.sessions.services.rating import rate_settled
from tests.factories import NOON, make_member, make_site, make_user
from tests.integration.ledger.refusal import refuses, triggers_off
from tests.integration.tenants import make_ended_session, signed_in

pytestmark = pytest.mark.django_db
JULY = date(2026, 7, 1)
AUGUST_3 = datetime(2026, 8, 3, 9, 30, tzinfo=UTC)


def bill(site, *, day: int) -> None:
    """Bill one more charge of June, on a day of July."""
    session = make_ended_session(site, started_at=NOON + timedelta(days=day))
    rate_settled(session_id=session.pk, at=session.settled_at)
    run_billing(seller_id=site.owner.pk, until_date=date(2026, 6, 30), at=datetime(2026, 7, day, 8, tzinfo=UTC))


@pytest.fixture
def clerk():
    return make_user(email="clerk@example.org")


@pytest.fixture
def site(db, clerk):
    """A July with an invoice, money for it, and a credit note, under SKR 03."""
    site = make_site()
    choose_chart(
        entity_id=site.owner.pk,
        kind=ChartKind.SKR03,
        valid_from=date(2026, 1, 1),
        consultant_number=29098,
        client_number=55003,
        by=clerk,
        at=AUGUST_3,
    )
    bill(site, day=1)
    invoice = Invoice.objects.get(seller=site.owner)
    line = StatementLine(
        key="1", booked_on=date(2026, 7, 20), amount=Decimal("5.95"), currency="EUR", reference=invoice.number
    )
    record_receipt(seller_id=site.owner.pk, line=line, at=datetime(2026, 7, 21, 8, tzinfo=UTC))
    credit_invoice(invoice_id=invoice.pk, reason="Faulty", at=datetime(2026, 7, 25, 8, tzinfo=UTC), by=clerk)
    return site


def export(site, file_format="csv", *, month=JULY, currency="EUR", at=AUGUST_3) -> JournalExport:
    return export_month(
        seller_id=site.owner.pk, file_format=file_format, month=month, currency=currency, by=None, at=at
    )


def content(made: JournalExport) -> bytes:
    return bytes(made.document.content)


def violations() -> list[str]:
    return [f"{found.subject} {found.problem}" for found in find_violations() if found.invariant == "I18"]


class TestAnExport:
    def test_tells_every_journal_of_the_month_and_adds_up_to_the_ledger(self, site):
        made = export(site)

        head, *rows = csv.reader(StringIO(content(made).decode()))
        journals = Journal.objects.filter(entity=site.owner)
        assert {row[0] for row in rows} == set(journals.values_list("key", flat=True))
        assert len(rows) == LedgerEntry.objects.filter(journal__entity=site.owner).count()
        debits = sum(Decimal(row[head.index("debit")] or 0) for row in rows)
        assert made.debits.amount == debits == sum(Decimal(row[head.index("credit")] or 0) for row in rows)
        assert made.journals == journals.count() == 3
        assert violations() == []

    def test_puts_the_same_journals_into_every_format(self, site):
        told = {
            file_format: [journal.key for journal in journals_told(export(site, file_format))]
            for file_format in JournalExport.Format.values
        }

        assert len(set(map(tuple, told.values()))) == 1
        assert len(told["datev"]) == 3

    def test_writes_datevs_rows_by_the_chart_of_the_seller(self, site):
        made = export(site, "datev")

        lines = content(made).decode("cp1252").split("\r\n")
        rows = [line.split(";") for line in lines[2:-1]]
        # 10 kWh at 0.50 are 5.00 net and 0.95 VAT: 5.95 × 19 ÷ 119 = 0.95, so the automatic account takes it gross.
        assert [(row[0], row[1], row[6], row[7], row[8], row[9]) for row in rows] == [
            ("5,95", '"S"', "10000", "8400", '""', "0107"),
            ("5,95", '"S"', "1200", "10000", '""', "2007"),
            ("5,95", '"H"', "10000", "8400", '""', "2507"),
        ]
        assert lines[0].startswith(
            '"EXTF";700;21;"Buchungsstapel";13;20260803093000000;;"RE";"";"";29098;55003;20260101;4;'
        )
        assert made.document.file_name == "EXTF_Buchungsstapel_2026-07_1.csv"
        assert rows[0][114] == "02062026"

    def test_is_told_once_and_says_so(self, site):
        first = export(site)

        with pytest.raises(NotExportable, match=r"All of July 2026 is told by .* of 3 August 2026"):
            export(site)

        assert JournalExport.objects.get() == first

    def test_tells_only_what_was_added_the_next_time(self, site):
        first = export(site)
        bill(site, day=29)

        addition = export(site, at=AUGUST_3 + timedelta(days=1))

        assert addition.number == 1
        assert [journal.key for journal in journals_told(addition)] == [
            Journal.objects.filter(entity=site.owner).latest("pk").key
        ]
        assert not set(journals_told(first)) & set(journals_told(addition))
        assert violations() == []

    def test_of_one_format_hides_nothing_from_another(self, site):
        assert export(site, "csv").journals == export(site, "xero").journals

    def test_has_nothing_to_say_of_an_empty_month_or_another_currency(self, site):
        for asked in ({"month": date(2026, 5, 1)}, {"currency": "CHF"}):
            with pytest.raises(NotExportable, match="Nothing was posted"):
                export(site, **asked)

    def test_leaves_out_another_sellers_journals(self, site):
        other = make_site()
        bill(other, day=2)

        made = export(site, "json")

        keys = {journal["key"] for journal in json.loads(content(made))["journals"]}
        assert keys == set(Journal.objects.filter(entity=site.owner).values_list("key", flat=True))

    def test_asks_for_what_datev_needs(self, site, clerk):
        plain = make_site()
        bill(plain, day=2)
        with pytest.raises(NotExportable, match="choose SKR 03 or SKR 04"):
            export(plain, "datev")
        choose_chart(entity_id=plain.owner.pk, kind=ChartKind.SKR04, valid_from=date(2026, 1, 1), by=clerk, at=AUGUST_3)

        with pytest.raises(NotExportable, match="consultant number and client number is missing"):
            export(plain, "datev")

        assert not JournalExport.objects.exists()
        assert not Document.objects.exists()


class TestAClosedMonth:
    def test_is_exported_as_it_was_whatever_the_chart_says_later(self, site, clerk):
        first = export(site, "datev")
        before = content(first)
        close_month(entity_id=site.owner.pk, month=JULY, by=clerk, at=AUGUST_3)
        numbers = {(Role.REVENUE_ENERGY, "DE|S|0.1900"): NumberedAccount("8405", "Ladestrom", True)}
        set_numbers(entity_id=site.owner.pk, numbers=numbers, valid_from=date(2026, 8, 1), by=clerk, at=AUGUST_3)
        withdraw_export(export_id=first.pk, reason="Lost", by=clerk, at=AUGUST_3)

        again = export(site, "datev", at=AUGUST_3)

        assert content(again).split(b"\r\n")[2:] == before.split(b"\r\n")[2:]

    def test_gets_no_late_journals_they_are_told_with_the_next_month(self, site, clerk):
        export(site)
        close_month(entity_id=site.owner.pk, month=JULY, by=clerk, at=AUGUST_3)
        bill(site, day=28)

        with pytest.raises(NotExportable, match="All of July 2026"):
            export(site)
        head, first, *_ = csv.reader(StringIO(content(export(site, month=date(2026, 8, 1))).decode()))

        row = dict(zip(head, first, strict=True))
        assert (row["posted_on"], row["tax_date"]) == ("2026-08-01", "2026-06-29")


class TestWithdrawing:
    def test_lets_the_next_export_tell_the_journals_again(self, site, clerk):
        first = export(site)

        withdraw_export(export_id=first.pk, reason="Imported into the wrong client", by=clerk, at=AUGUST_3)
        second = export(site)

        assert journals_told(second) == journals_told(first)
        assert (second.number, second.document_id == first.document_id) == (1, False)
        assert violations() == []

    def test_needs_a_reason_and_happens_once(self, site, clerk):
        made = export(site)
        with pytest.raises(NotExportable, match="needs a reason"):
            withdraw_export(export_id=made.pk, reason=" ", by=clerk, at=AUGUST_3)

        first = withdraw_export(export_id=made.pk, reason="Lost", by=clerk, at=AUGUST_3)
        again = withdraw_export(export_id=made.pk, reason="Another", by=clerk, at=AUGUST_3 + timedelta(days=1))

        assert (again.reason, again.withdrawn_at) == (first.reason, first.withdrawn_at)


class TestTheDatabase:
    def test_refuses_a_journal_twice_in_one_format(self, site):
        made = export(site)
        journal = made.told.first().journal_id
        other = (
            "INSERT INTO accounting_journalexport (seller_id, format, month, currency, number, journals, debits,"
            " document_id, sha256, made_at, reason) SELECT seller_id, format, month, currency, 1, journals, debits,"
            " document_id, sha256, made_at, '' FROM accounting_journalexport RETURNING id"
        )

        refuses(
            f"WITH made AS ({other}) INSERT INTO accounting_exportedjournal"
            " (export_id, journal_id, format, is_withdrawn) SELECT id, %s, 'csv', false FROM made",
            journal,
            says="of its own seller and month|journal_exported_once_per_format",
        )
        assert JournalExport.objects.count() == 1

    def test_refuses_changes_and_journals_of_others(self, site):
        made = export(site)
        other = make_site()
        bill(other, day=2)
        foreign = Journal.objects.filter(entity=other.owner).first()

        refuses("UPDATE accounting_journalexport SET journals = 1", says="exports are frozen")
        refuses("DELETE FROM accounting_exportedjournal", says="exported journals are frozen")
        refuses(
            "INSERT INTO accounting_exportedjournal (export_id, journal_id, format, is_withdrawn)"
            " VALUES (%s, %s, 'csv', false)",
            *(made.pk, foreign.pk),
            says="of its own seller and month",
        )

    @pytest.mark.django_db(transaction=True)
    def test_lets_eight_who_export_at_once_tell_each_journal_once(self, site, at_once):
        def one():
            try:
                return export(site).pk
            except NotExportable:
                return None

        made = at_once(*[one] * 8)

        assert len([each for each in made if each]) == 1
        assert ExportedJournal.objects.count() == 3


class TestTheAudit:
    def test_finds_what_was_posted_into_a_closed_month(self, site, clerk):
        close_month(entity_id=site.owner.pk, month=JULY, by=clerk, at=AUGUST_3)
        with triggers_off():
            Journal.objects.create(
                entity=site.owner,
                key="slipped:in",
                posted_on=JULY,
                tax_date=JULY,
                text="x",
                created_at=AUGUST_3 + timedelta(days=1),
            )

        assert violations() == ["journal slipped:in was posted into 2026-07, which had been closed"]

    def test_finds_an_export_that_lost_a_journal(self, site):
        made = export(site)
        with triggers_off():
            made.told.first().delete()

        assert [found.split(" says")[0] for found in violations()] == [f"export {made.pk}"]


class TestPages:
    @pytest.fixture
    def client(self, site):
        return signed_in(
            make_member(organisation=site.owner, role=MemberRole.FINANCE, user=make_user(is_staff=True)).user
        )

    def test_export_a_month_and_download_the_same_bytes_again(self, site, client):
        page = reverse("admin:accounting_journalexport_export")
        assert b"July 2026" in client.get(page).content

        answer = client.post(page, {"file_format": "datev", "month": "2026-07-01", "currency": "EUR"}, follow=True)
        made = JournalExport.objects.get()
        files = [client.get(reverse("admin:accounting_journalexport_download", args=[made.pk])) for _ in range(2)]

        assert b"3 journals" in answer.content
        assert files[0].content == files[1].content == content(made)
        assert "EXTF_Buchungsstapel_2026-07_1.csv" in files[0]["Content-Disposition"]

    def test_say_that_all_is_told_already(self, site, client):
        export(site)

        answer = client.post(
            reverse("admin:accounting_journalexport_export"),
            {"file_format": "csv", "month": "2026-07-01", "currency": "EUR"},
        )

        assert "All of July 2026 is told" in answer.content.decode()

    def test_withdraw_with_a_reason(self, site, client):
        made = export(site)

        client.post(reverse("admin:accounting_journalexport_withdraw", args=[made.pk]), {"reason": "Wrong client"})

        made.refresh_from_db()
        assert made.reason == "Wrong client"
