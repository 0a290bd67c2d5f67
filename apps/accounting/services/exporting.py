"""Tell a month's journals to other software, each once a format; what is downloaded again is the same file."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from apps.accounting import exports as selectors
from apps.accounting.debtors import Debtor, customers_of, debtors_of, masters_on
from apps.accounting.domain.debtors import BadDebtor
from apps.accounting.domain.exports import as_json, datev, datev_debtors, tables
from apps.accounting.domain.exports.bookings import Batch, added
from apps.accounting.models import ExportedJournal, JournalExport
from apps.accounting.services.debtors import NotNumbered, draw_numbers, note_told
from apps.accounts.models import Organisation, User
from apps.documents.models import Document
from apps.documents.services import store_document
from apps.ledger.domain.chart import Role, role_of
from apps.ledger.models import Journal
from apps.ledger.selectors import chart_on, numbering_on

Format = JournalExport.Format
_RENDERERS: Final[Mapping[str, Callable[[Batch], bytes]]] = {
    Format.XERO: tables.xero,
    Format.QUICKBOOKS: tables.quickbooks,
    Format.CSV: tables.plain,
    Format.JSON: as_json.render,
}


class NotExportable(Exception):
    """There is nothing to export, or something is missing for it; the message says what, and nothing was changed."""


@transaction.atomic
def export_month(
    *, seller_id: int, file_format: str, month: date, currency: str, by: User | None, at: datetime
) -> JournalExport:
    """Write what of a month no export of this format has told yet, as a file that is kept.

    month  its first day, by which journals were posted

    :raises NotExportable: all is told already, or a DATEV export lacks what DATEV asks for
    """
    # Two at once wait for each other here; keys that point at the seller do not.
    seller: Organisation = Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    journals = list(selectors.untold(seller=seller, file_format=file_format, month=month, currency=currency))
    if not journals:
        raise NotExportable(_nothing(seller, file_format=file_format, month=month, currency=currency))
    before = JournalExport.objects.filter(seller=seller, format=file_format, month=month, currency=currency)
    batch = selectors.batch_of(
        journals,
        seller=seller,
        month=month,
        currency=currency,
        number=before.count(),
        made_at=at,
        debtors=_debtors(journals, seller=seller, month=month, at=at) if file_format == Format.DATEV else None,
    )
    document = _store(batch, seller=seller, file_format=file_format, month=month, at=at)
    debtors = _store_debtors(journals, batch, seller=seller, at=at) if file_format == Format.DATEV else None
    export: JournalExport = JournalExport.objects.create(
        seller=seller,
        format=file_format,
        month=month,
        currency=currency,
        number=batch.number,
        journals=len(journals),
        debits=added(batch.bookings),
        document=document,
        sha256=document.sha256,
        debtors=debtors,
        made_by=by,
        made_at=at,
    )
    ExportedJournal.objects.bulk_create(
        [ExportedJournal(export=export, journal=journal, format=file_format) for journal in journals], batch_size=5000
    )
    return export


@transaction.atomic
def withdraw_export(*, export_id: int, reason: str, by: User, at: datetime) -> JournalExport:
    """Say that a file was not used: its journals are told again by the next export; again changes nothing.

    :raises NotExportable: the reason is empty
    """
    export: JournalExport = JournalExport.objects.select_for_update().get(pk=export_id)
    if export.withdrawn_at is not None:
        return export
    if not reason.strip():
        raise NotExportable("Withdrawing an export needs a reason.")
    export.withdrawn_by, export.withdrawn_at, export.reason = by, at, reason.strip()[:200]
    export.save()
    export.told.update(is_withdrawn=True)
    return export


def _debtors(journals: Sequence[Journal], *, seller: Organisation, month: date, at: datetime) -> Mapping[str, Debtor]:
    """Return whose account each journal's receivable is; who has no number gets one, and all of them stay.

    :raises NotExportable: no number is left, or one is too long for the chart
    """
    keys = [journal.key for journal in journals if _is_receivable(journal)]
    customers = set(customers_of(keys).values())
    try:
        draw_numbers(seller_id=seller.pk, customer_ids=customers, on=month, at=at)
        debtors = debtors_of(keys, seller=seller, on=month)
    except (NotNumbered, BadDebtor) as error:
        raise NotExportable(f"{error} See Debtor accounts.") from error
    note_told(seller_id=seller.pk, customer_ids=customers, at=at)
    return debtors


def _is_receivable(journal: Journal) -> bool:
    return any(role_of(entry.account.code) is Role.RECEIVABLE for entry in journal.entries.all())


def _store(batch: Batch, *, seller: Organisation, file_format: str, month: date, at: datetime) -> Document:
    if file_format == Format.DATEV:
        content, name = datev.render(batch, _client(seller, month)), datev.file_name(batch)
    else:
        content = _RENDERERS[file_format](batch)
        extension = "json" if file_format == Format.JSON else "csv"
        name = f"{file_format}_{month:%Y-%m}_{batch.currency}_{batch.number + 1}.{extension}"
    return store_document(
        seller_id=seller.pk,
        recipient_id=None,
        key=f"export:{file_format}:{month:%Y-%m}:{batch.currency}:{batch.number}",
        kind="journal_export",
        media_type="application/json" if file_format == Format.JSON else "text/csv",
        language="de" if file_format == Format.DATEV else "en",
        file_name=name,
        content=content,
        at=at,
    )


def _store_debtors(journals: Sequence[Journal], batch: Batch, *, seller: Organisation, at: datetime) -> Document | None:
    """Keep the file that names the debtor accounts of a batch; None where all it tells is drivers'."""
    customers = set(customers_of(journal.key for journal in journals if _is_receivable(journal)).values())
    masters = masters_on(seller, batch.first, customers=customers)
    if not masters:
        return None
    return store_document(
        seller_id=seller.pk,
        recipient_id=None,
        key=f"export:datev_debtors:{batch.first:%Y-%m}:{batch.currency}:{batch.number}",
        kind="journal_export",
        media_type="text/csv",
        language="de",
        file_name=datev_debtors.file_name(batch.first, batch.number),
        content=datev_debtors.render(masters, _client(seller, batch.first), month=batch.first, made_at=at),
        at=at,
    )


def _client(seller: Organisation, month: date) -> datev.Client:
    """Return whom DATEV knows the seller as.

    :raises NotExportable: no German chart was chosen, or its numbers at DATEV are missing
    """
    numbering, chart = numbering_on(entity=seller, day=month), chart_on(entity_id=seller.pk, day=month)
    if chart is None or not numbering.is_datev:
        raise NotExportable(f"For DATEV choose SKR 03 or SKR 04 from {month:%B %Y} on, under Charts of accounts.")
    asked = (("consultant number", chart.consultant_number), ("client number", chart.client_number))
    if absent := datev.missing(asked):
        raise NotExportable(f"The DATEV {absent} is missing. Choose the chart again with it, under Charts of accounts.")
    return datev.Client(
        consultant=chart.consultant_number or 0,
        number=chart.client_number or 0,
        chart=chart.kind.removeprefix("skr"),
        account_length=chart.account_length,
        home=seller.country.code,
        year_begins=chart.year_begins,
    )


def _nothing(seller: Organisation, **asked: Any) -> str:
    told = JournalExport.objects.filter(
        seller=seller,
        format=asked["file_format"],
        month=asked["month"],
        currency=asked["currency"],
        withdrawn_at__isnull=True,
    ).first()
    if told is None:
        return f"Nothing was posted in {asked['month']:%B %Y} in {asked['currency']}."
    return (
        f"All of {asked['month']:%B %Y} is told by “{told}” of {told.made_at:%-d %B %Y} and before. Download that file "
        "again, or withdraw it if it was not used."
    )


def journals_told(export: JournalExport) -> Sequence[Journal]:
    """Return the journals of an export in the order of its file."""
    return list(Journal.objects.filter(pk__in=export.told.values("journal")).order_by("posted_on", "pk"))
