"""Draft the next invoice of a contract from what is due: copied lines, VAT, totals. A draft has no number yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

from django.db import transaction

from apps.contracts.models import Contract
from apps.core.domain.tax import TaxDecision
from apps.core.domain.zones import zone
from apps.invoices.domain.amounts import DocumentAmounts, LineAmounts, line_amounts, total_up
from apps.invoices.domain.bands import PriceBand, price_bands
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.domain.wording import WORDS
from apps.invoices.models import BillingRun, Invoice, InvoiceLine, InvoiceTax
from apps.invoices.selectors import due_records
from apps.invoices.services.taxes import buyer_status, decide_for, registrations_of
from apps.sessions.models import Cdr, ChargingSession
from apps.tariffs.domain.sentences import Language, describe_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedRecord:
    """A due charge record and the decision which VAT it bears."""

    cdr: Cdr
    decision: TaxDecision


@transaction.atomic
def draft_next(*, contract_id: int, until_date: date, run: BillingRun | None = None) -> Invoice | None:
    """Draft one invoice of what is due on a contract; None when nothing is.

    The contract is locked first, so that two runs at once meet here and one of them finds the other's work. A draft
    left behind by a killed run is filled again with what is due now. Records of another currency or another country
    of supply are left for the next draft: an invoice states one currency and one VAT identifier of the seller.

    A record that cost nothing is listed where it says something: it makes an invoice of its own accord if energy was
    delivered; one without energy waits until an invoice is written anyway.

    :raises TaxRefused: the seller has no VAT registration where a charger stands
    :raises TaxDisagrees: a record was rated with another VAT rate than the rule book gives
    :raises MixedTaxCategories: a record spans several VAT categories
    """
    contract = Contract.objects.select_for_update().get(pk=contract_id)
    draft = Invoice.objects.filter(contract=contract, status=InvoiceStatus.DRAFT, kind=Invoice.Kind.INVOICE).first()
    if draft is not None:
        draft.lines.all().delete()
        draft.taxes.all().delete()
    records = _next_group(contract, until_date=until_date)
    if records:
        return _fill(draft or Invoice(kind=Invoice.Kind.INVOICE), contract=contract, run=run, records=records)
    if draft is not None:
        draft.delete()
    return None


def _next_group(contract: Contract, *, until_date: date) -> list[TaxedRecord]:
    """Return what the next invoice lists: the due records of the first currency and country with something to bill."""
    due = list(due_records(seller=contract.seller, until_date=until_date).filter(session__contract=contract))
    for key in sorted({_group_key(cdr) for cdr in due}):
        group = [cdr for cdr in due if _group_key(cdr) == key]
        if any(cdr.gross.amount or cdr.energy_milliwh for cdr in group):
            registrations, buyer = registrations_of(contract.seller), buyer_status(contract.customer)
            return [
                TaxedRecord(cdr=cdr, decision=decide_for(cdr, registrations=registrations, buyer=buyer))
                for cdr in group
            ]
    return []


def _group_key(cdr: Cdr) -> tuple[str, str]:
    return cdr.currency, cdr.session.station.location.country.code


def _fill(draft: Invoice, *, contract: Contract, run: BillingRun | None, records: Sequence[TaxedRecord]) -> Invoice:
    """Write the draft with one line a record; totals are those of the lines."""
    customer, currency = contract.customer, records[0].cdr.currency
    amounts = [record_amounts(record, amounts_are_gross=customer.amounts_are_gross) for record in records]
    draft.seller, draft.customer, draft.contract, draft.run = contract.seller, customer, contract, run
    draft.currency, draft.language = currency, customer.language
    draft.amounts_are_gross = customer.amounts_are_gross
    draft.purchase_order = contract.purchase_order
    draft.period_from = min(local_start_date(record.cdr) for record in records)
    draft.period_to = draft.tax_date = max(record.cdr.tax_date for record in records)
    write_document(
        draft,
        lines=[
            record_line(record, line, position=position, language=draft.language)
            for position, (record, line) in enumerate(zip(records, amounts, strict=True), start=1)
        ],
        totals=total_up(amounts, currency=currency),
        sources={
            (decision.en16931_category, decision.rate): (decision.country, decision.legal_text)
            for decision in (record.decision for record in records)
        },
    )
    return draft


def write_document(
    document: Invoice,
    *,
    lines: Sequence[InvoiceLine],
    totals: DocumentAmounts,
    sources: dict[tuple[str, Decimal], tuple[str, str]],
) -> None:
    """Save a draft with its totals, lines and VAT rows.

    sources  for each VAT category and rate the country whose VAT it is, and the legal text
    """
    document.net, document.tax, document.gross = totals.net, totals.tax, totals.gross
    document.save()
    for line in lines:
        line.invoice = document
    InvoiceLine.objects.bulk_create(lines)
    InvoiceTax.objects.bulk_create(
        InvoiceTax(
            invoice=document,
            category=row.category,
            rate=row.rate,
            country=sources[row.category, row.rate][0],
            legal_text=sources[row.category, row.rate][1],
            currency=document.currency,
            net=row.net,
            tax=row.tax,
        )
        for row in totals.categories
    )


def record_amounts(record: TaxedRecord, *, amounts_are_gross: bool) -> LineAmounts:
    """Return what a charge record adds to a document that states gross or net amounts."""
    cdr = record.cdr
    return line_amounts(
        category=record.decision.en16931_category,
        rate=record.decision.rate,
        net=cdr.net.amount,
        gross=cdr.gross.amount,
        amounts_are_gross=amounts_are_gross,
        currency=cdr.currency,
    )


def record_line(record: TaxedRecord, amounts: LineAmounts, *, position: int, language: str) -> InvoiceLine:
    """Copy what the line prints from the record and its session, so that later changes do not reach it."""
    cdr = record.cdr
    session: ChargingSession = cdr.session
    return InvoiceLine(
        position=position,
        cdr=cdr,
        vehicle=str(session.vehicle or ""),
        # An anonymous driver has no card of ours, only a random token that lasts minutes.
        token=session.id_token[-4:] if session.contract_id else "",
        place=_place(session),
        time_zone=session.time_zone,
        started_at=cdr.started_at,
        ended_at=cdr.ended_at,
        energy_milliwh=cdr.energy_milliwh,
        prices=_prices(cdr, language=cast("Language", language)),
        tax_category=amounts.category,
        tax_rate=amounts.rate,
        currency=cdr.currency,
        net=amounts.net,
        gross=amounts.gross,
    )


def _place(session: ChargingSession) -> str:
    location = session.station.location
    address = f"{location.street}, {location.postcode} {location.city}"
    return f"{location.name}, {address} · {session.station.identity} / {session.evse.number}"


def _prices(cdr: Cdr, *, language: Language) -> list[PriceBand]:
    terms = cdr.tariff_version.terms()
    return price_bands(
        cdr.document,
        tax_included=terms.tax_included,
        describe_element=lambda index, dimension: describe_reason(
            terms, element_index=index, dimension=dimension, language=language
        ),
        describe_adjustment=lambda kind: WORDS[language].adjustments[kind],
    )


def local_start_date(cdr: Cdr) -> date:
    """Return the day at the charger on which the supply began."""
    return cdr.started_at.astimezone(zone(cdr.session.time_zone)).date()
