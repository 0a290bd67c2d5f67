"""Statements of charging at home on paper and as tables: a driver's month, and a fleet's month over all its drivers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Sum, Value
from django.db.models.functions import Cast, Concat
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.accounting.models import HomeLine, HomePayout, HomeReceipt, HomeStatement
from apps.contracts.models import HomeAgreement
from apps.core.domain.cells import csv_text
from apps.core.domain.zones import zone
from apps.documents import renderer
from apps.documents.mails import enqueue_mail
from apps.documents.models import Document
from apps.documents.renderer import Rendered
from apps.documents.selectors import get_document
from apps.documents.services import store_document


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMonth:
    """What a fleet's drivers charged at home in a month, and what the fleet owes for it in all."""

    agreement: HomeAgreement
    month: date
    statements: tuple[HomeStatement, ...]
    amount: Decimal
    energy_milliwh: int
    owed: Decimal


def owed_by(agreement: HomeAgreement) -> Decimal:
    """Return what a fleet owes for its drivers: all statements, less what it paid to us or by its payroll."""

    def total(rows: Any) -> Decimal:
        return Decimal(rows.aggregate(sum=Sum("amount"))["sum"] or 0)

    stated = total(HomeStatement.objects.filter(driver__agreement=agreement))
    received = total(HomeReceipt.objects.filter(agreement=agreement))
    by_payroll = HomePayout.objects.filter(driver__agreement=agreement, status="paid", file__kind="payroll")
    return stated - received - total(by_payroll)


def fleet_month(agreement: HomeAgreement, *, month: date) -> FleetMonth:
    rows = HomeStatement.objects.filter(driver__agreement=agreement, month=month).select_related("driver", "payout")
    statements = tuple(rows.order_by("driver__name"))
    return FleetMonth(
        agreement=agreement,
        month=month,
        statements=statements,
        amount=sum((one.amount.amount for one in statements), Decimal(0)),
        energy_milliwh=sum(one.energy_milliwh for one in statements),
        owed=owed_by(agreement),
    )


def months_of(agreement: HomeAgreement) -> list[date]:
    """Return the months with a statement of a fleet's drivers, newest first."""
    months = HomeStatement.objects.filter(driver__agreement=agreement).order_by("-month")
    return list(months.values_list("month", flat=True).distinct())


def lines_of(statement: HomeStatement) -> list[HomeLine]:
    rows = statement.lines.select_related("cdr__session__station", "cdr__tariff_version")
    return list(rows.order_by("cdr__started_at", "pk"))


def driver_pdf(statement: HomeStatement) -> Rendered:
    """Return a driver's statement on paper, in their language."""
    driver = statement.driver
    with translation.override(driver.language):
        html = render_to_string(
            "accounting/home_statement.html",
            {
                "statement": statement,
                "driver": driver,
                "lines": lines_of(statement),
                "agreement": driver.agreement,
                "seller": driver.agreement.contract.seller,
                "fleet": driver.agreement.contract.customer,
            },
        )
    return renderer.render(html)


def statement_key(statement: HomeStatement) -> str:
    """Return the natural key of a driver's statement as a file, and of the mail that brings it."""
    return f"home_statement:{statement.pk}"


def mail_statement(statement: HomeStatement, *, at: datetime) -> None:
    """Write the mail that brings a statement to its driver; it waits until the file is rendered."""
    driver = statement.driver
    seller = driver.agreement.contract.seller
    with translation.override(driver.language):
        context = {"statement": statement, "driver": driver, "seller": seller, "agreement": driver.agreement}
        subject = _("Charging at home, %(month)s") % {"month": date_format(statement.month, "F Y")}
        body = render_to_string("accounting/home_mail.txt", context)
    enqueue_mail(
        organisation_id=seller.pk,
        recipient=driver.email,
        kind="home_statement",
        language=driver.language,
        subject=subject,
        body=body,
        at=at,
        keys=(statement_key(statement),),
        attachment_key=statement_key(statement),
    )


def unrendered_ids() -> list[int]:
    """Return the statements that have no file yet, oldest first."""
    key = Concat(Value("home_statement:"), Cast(OuterRef("pk"), CharField()))
    files = Document.objects.filter(seller=OuterRef("driver__agreement__contract__seller"), key=key)
    return list(HomeStatement.objects.filter(~Exists(files.order_by())).order_by("pk").values_list("pk", flat=True))


def render_home_statement(*, statement_id: int, at: datetime) -> Document:
    """Render a driver's statement once and keep the file; rendering again returns the first."""
    statement = HomeStatement.objects.select_related("driver__agreement__contract__seller").get(pk=statement_id)
    seller = statement.driver.agreement.contract.seller
    existing = get_document(seller_id=seller.pk, key=statement_key(statement))
    if existing is not None:
        return existing
    # Rendering takes a quarter of a second and more, so it happens outside any transaction.
    rendered = driver_pdf(statement)
    return store_document(
        seller_id=seller.pk,
        recipient_id=None,
        key=statement_key(statement),
        kind="home_statement",
        media_type=rendered.media_type,
        language=statement.driver.language,
        file_name=f"charging-at-home-{statement.month:%Y-%m}-{statement.pk}{rendered.extension}",
        content=rendered.content,
        at=at,
    )


def fleet_pdf(found: FleetMonth) -> Rendered:
    """Return a fleet's statement on paper, in its language."""
    customer = found.agreement.contract.customer
    with translation.override(customer.language):
        html = render_to_string(
            "accounting/home_fleet.html",
            {
                "found": found,
                "fleet": customer,
                "contract": found.agreement.contract,
                "seller": found.agreement.contract.seller,
                "currency": found.agreement.currency,
            },
        )
    return renderer.render(html)


def fleet_csv(statements: Sequence[HomeStatement]) -> str:
    """Return a row for each listed session: who, when and where, kWh, amount with a point."""
    head = ["month", "driver", "payroll_number", "started_at", "wallbox", "kwh", "amount", "currency", "correction"]
    rows = [
        [
            f"{statement.month:%Y-%m}",
            statement.driver.name,
            statement.driver.payroll_number,
            line.cdr.started_at.astimezone(zone(line.cdr.session.time_zone)).isoformat(timespec="minutes"),
            str(line.cdr.session.station),
            f"{Decimal(line.energy_milliwh) / 1_000_000:.3f}",
            f"{line.amount.amount.normalize():f}",
            line.currency,
            "yes" if line.is_correction else "",
        ]
        for statement in statements
        for line in lines_of(statement)
    ]
    return csv_text([head, *rows])
