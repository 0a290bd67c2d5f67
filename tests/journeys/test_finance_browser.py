"""Finance's month end in the console: bill, let go, book what the bank says, look at what is owed, close, export."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from apps.accounts.domain.roles import Role
from apps.contracts.models import Customer
from apps.core import audit
from apps.core.words import money
from apps.documents.mails import send_due_mails
from apps.documents.models import Document
from apps.invoices.models import Invoice
from apps.invoices.selectors import document_key
from apps.invoices.services.billing import run_billing
from apps.ledger.domain.charts import ChartKind
from apps.ledger.models import Journal
from apps.ledger.services.charts import choose_chart
from apps.payments.models import BankReceipt
from apps.payments.selectors import open_amount
from apps.sessions.models import ChargingSession
from config.demo.telling import wait_for
from config.demo.world import PASSWORD
from tests.factories import Site, make_contract, make_customer, make_member, make_token, make_user
from tests.journeys.database import transactional_db
from tests.journeys.desk import Desk
from tests.journeys.months import charge, month_before, site_of_the_demo
from tests.unit.accounting.camt import camt, details, entry

__all__ = ["transactional_db"]

pytestmark = pytest.mark.browser
CLOSED = "This month is closed already, or is not over yet. Choose another."


@dataclass(frozen=True, kw_only=True)
class Month:
    """What finance finds on the desk: a month that is over, and the month before it, which is billed.

    first     the month's first day
    before    the invoice over the month before, issued in this month and not paid yet
    doubtful  one of the month's sessions · other: a customer with a session of that month, and no invoice before
    """

    email: str
    site: Site
    first: date
    before: Invoice
    doubtful: ChargingSession
    other: Customer

    @property
    def last(self) -> date:
        return (self.first + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    @property
    def name(self) -> str:
        return f"{self.first:%B %Y}"


@pytest.fixture
def month(shared) -> Month:
    site = site_of_the_demo()
    today = datetime.now(ZoneInfo(site.location.time_zone)).date()
    first = month_before(today)
    earlier, billed_at = month_before(first), datetime.combine(first.replace(day=3), time(9), tzinfo=UTC)
    for day in (7, 21):
        charge(site, month=earlier, day=day)
    run_billing(seller_id=site.owner.pk, until_date=first - timedelta(days=1), at=billed_at)
    sessions = [charge(site, month=first, day=day) for day in (4, 5, 11, 19)]
    other = make_customer(seller=site.owner, name="Hafenbäckerei GmbH")
    contract = make_contract(customer=other)
    charge(replace(site, customer=other, contract=contract), month=first, day=8, token=make_token(contract=contract))
    choose_chart(
        entity_id=site.owner.pk,
        kind=ChartKind.SKR03,
        valid_from=date(first.year, 1, 1),
        by=None,
        at=billed_at,
        consultant_number=1234567,
        client_number=10001,
    )
    person = make_member(organisation=site.owner, role=Role.FINANCE, user=make_user(password=PASSWORD, is_staff=True))
    return Month(
        email=person.user.email,
        site=site,
        first=first,
        before=Invoice.objects.get(seller=site.owner),
        doubtful=sessions[2],
        other=other,
    )


def bill(desk: Desk, month: Month) -> Invoice:
    """Look at the month's drafts, hold a session that is in doubt and let the rest go; return the fleet's invoice."""
    desk.go("Billing runs")
    desk.follow("Run billing")
    desk.press("Run billing")
    drafts = desk.wait_for("Drafts, beside what was billed last")
    desk.shoot("finance-drafts")
    desk.open_row("Elbkurier")
    desk.wait_for("2. Its lines")
    desk.follow("hold", row=f"{month.first.replace(day=11):%-d %b %Y}")
    desk.fill({"Why it is not billed now": "The driver was not at this charger."})
    desk.press("Hold")
    held = desk.wait_for("It is held")
    desk.shoot("finance-held")
    desk.press("Issue them")
    issued = desk.wait_for("Done on")
    desk.shoot("finance-issued")
    assert "40.000 kWh" in drafts
    assert "Hafenbäckerei GmbH" in drafts
    assert "30.000 kWh" in held
    [invoice] = Invoice.objects.filter(customer=month.site.customer).exclude(pk=month.before.pk)
    assert invoice.number in issued
    assert not invoice.lines.filter(cdr__session=month.doubtful).exists()
    assert invoice.period_to == month.first.replace(day=19)
    return invoice


def deliver(desk: Desk, invoice: Invoice) -> None:
    """See the invoice's mail leave with its file, when the sweeper comes round again."""
    file = wait_for("the invoice's file", Document.objects.filter(key=document_key(invoice)).first)
    send_due_mails(at=timezone.now() + timedelta(minutes=2))
    desk.go("Mails")
    desk.wait_for_row(invoice.number, "sent")
    [sent] = [each for each in mail.outbox if invoice.number in each.subject]
    assert sent.to == [invoice.customer.email]
    assert [content for _, content, _ in sent.attachments] == [bytes(file.content)]


def book_the_bank(desk: Desk, month: Month) -> None:
    """Read a statement: one line names its invoice, of the other somebody has to say whose it is."""
    paid, total = month.before, f"{month.before.gross.amount:.2f}"
    desk.go("Bank statements")
    desk.follow("Upload a statement")
    desk.attach(
        name="statement.xml",
        content=camt(
            entry(
                total, details(text=f"Rechnung {paid.number}", ref="B1"), day=month.first.replace(day=20).isoformat()
            ),
            entry("5.00", details(payer="H. Krume", text="Danke"), day=month.first.replace(day=21).isoformat()),
            iban=month.site.owner.iban,
        ),
    )
    desk.press("Upload")
    desk.wait_for("2 recorded")
    desk.wait_for(f"Settles {paid.number}.")
    desk.shoot("finance-statement")
    desk.open_row("Nobody knows whose yet.", last=True)
    desk.follow("Whose it is")
    desk.fill({"Customer": month.other.name})
    desk.press("Assign")
    desk.wait_for("€5.00 of")
    assert open_amount(paid) == 0
    assert BankReceipt.objects.get(payer="H. Krume").customer == month.other


def close(desk: Desk, month: Month) -> None:
    """Close the month, with a colleague's page open beside it that would do the same."""
    desk.go("Closed months")
    desk.follow("Close a month")
    late = desk.tab()
    late.open("/admin/ledger/closing/close/")
    desk.press("Close it")
    desk.wait_for(f"{month.name} is closed.")
    late.press("Close it")
    late.wait_for(CLOSED)


def export(desk: Desk, month: Month) -> bytes:
    """Export the closed month for the tax adviser and return the file that is downloaded."""
    desk.go("Exports")
    desk.follow("Export a month")
    desk.fill({"Format": "DATEV Buchungsstapel", "Month": f"{month.name} (closed)"})
    desk.press("Export")
    manifest = desk.wait_for("the whole month")
    desk.shoot("finance-export")
    file = desk.save("Download")
    assert sha256(file).hexdigest() in manifest
    assert desk.save("Debtors' names").startswith(b'"EXTF";700;16;')
    return file


def enter_late(desk: Desk, month: Month) -> str:
    """Type in money that came on the closed month's last day; return what is said."""
    desk.go("Money by bank")
    desk.follow("Record money")
    desk.fill(
        {"Booked on": month.last.isoformat(), "Amount in EUR": "1.00", "Payer": "Elbkurier", "Reference": "Nachzahlung"}
    )
    desk.press("Record")
    return desk.wait_for("is closed")


class TestFinance:
    def test_ends_the_month_by_clicking_and_cannot_book_into_it_any_more(self, shared, new_desk, month):
        desk = new_desk()
        desk.sign_in(month.email, PASSWORD)

        invoice = bill(desk, month)
        deliver(desk, invoice)
        book_the_bank(desk, month)
        desk.go("Reports")
        desk.follow("Receivables by age")
        owed = desk.wait_for(money(invoice.gross))
        desk.shoot("finance-receivables")
        close(desk, month)
        file = export(desk, month)
        said = enter_late(desk, month)
        desk.shoot("finance-late")

        assert "Hafenbäckerei GmbH" in owed
        assert file.startswith(b'"EXTF";700;21;"Buchungsstapel"')
        assert month.before.number.encode() in file
        assert invoice.number.encode() not in file
        assert f"{month.name} is closed: nothing is posted into it any more." in said
        receipt = BankReceipt.objects.get(payer="Elbkurier")
        journal = Journal.objects.get(key=f"bank_receipt:{receipt.pk}:received")
        assert (journal.posted_on, journal.tax_date) == (month.last + timedelta(days=1), month.last)
        assert list(audit.find_violations()) == []
