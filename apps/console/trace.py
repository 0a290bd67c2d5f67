"""The trace: everything between a raw frame and the money, of one session or one invoice, in the order it happened.

Every read is narrowed to what the acting organisation operates. A station's payloads are shown as it sent them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest

from apps.accounts.scope import operated_rows
from apps.console.curve import Curve, Span, curve_of
from apps.console.stations import RunningSession, running_sessions
from apps.contracts.services import TariffExplanation
from apps.core.clock import to_epoch_ms
from apps.core.words import amount
from apps.documents.models import Document
from apps.invoices.domain.status import InvoiceStatus
from apps.invoices.models import Invoice, InvoiceLine, LineDispute
from apps.invoices.selectors import awaiting_correction
from apps.invoices.services.einvoicing import missing_for_electronic
from apps.ledger.models import Journal
from apps.ocpp.models import Frame
from apps.payments.models import Dispute, Payment
from apps.sessions.explanation import CdrExplained, PeriodExplained, explain_cdr
from apps.sessions.models import Cdr, ChargingSession, MeterReading, StartGrant, StateChange
from apps.sessions.price_choice import why_this_tariff
from apps.sessions.transparency import SignedValues, signed_values
from apps.tariffs.domain.facts import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTrace:
    """What there is of a session, in the order it happened.

    choice   why its tariff was chosen; None: that cannot be told any more
    so_far   what it costs as of its last reading while it has no record; None: it has one, or nobody pays
    curve    its register with the prices of the current record behind it; None: no reading came
    records  revisions, current first · signed: the meter's signed values; None: there are none
    lines    document lines that bill or credit one of the records · documents: the files of their documents
    """

    session: ChargingSession
    grant: StartGrant | None
    choice: TariffExplanation | None
    so_far: RunningSession | None
    curve: Curve | None
    records: tuple[CdrExplained, ...]
    readings: Sequence[MeterReading]
    states: Sequence[StateChange]
    signed: SignedValues | None
    frames: Sequence[Frame]
    lines: Sequence[InvoiceLine]
    documents: Sequence[Document]
    payments: Sequence[Payment]
    line_disputes: Sequence[LineDispute]
    disputes: Sequence[Dispute]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTrace:
    """What an invoice is made of and what became of it.

    journals  those whose key begins with ``invoice:<id>:``, and its payments' and refunds'
    revised   lines whose charge record was revised since and that are not credited in full
    not_electronic  sentences that say why its PDF carries no data, where its format is one that may lack them
    """

    invoice: Invoice
    lines: Sequence[InvoiceLine]
    taxes: Sequence[Any]
    credit_notes: Sequence[Invoice]
    revised: Sequence[InvoiceLine]
    documents: Sequence[Document]
    journals: Sequence[Journal]
    payments: Sequence[Payment]
    not_electronic: Sequence[str]


def trace_session(request: HttpRequest, *, uid: str, at: datetime) -> SessionTrace:
    """Gather a session's trace.

    :raises Http404: no such session among those the organisation operates
    """
    sessions = ChargingSession.objects.select_related(
        "station__location", "evse", "contract__customer", "vehicle", "tariff_version__tariff", "seller", "grant"
    )
    session = operated_rows(request, sessions).filter(uid=uid).first()
    if session is None:
        raise Http404(f"no session {uid}")
    readings = list(session.readings.order_by("at", "energy_milliwh"))
    states = list(session.states.order_by("at", "pk"))
    signed = signed_values(session.pk)
    records = Cdr.objects.filter(session=session).select_related("tariff_version__tariff", "revised_by")
    explained = tuple(explain_cdr(cdr, readings=readings) for cdr in records.order_by("-revision"))
    lines = _lines_of(request, session)
    invoice_ids = {line.invoice_id for line in lines}
    grant = getattr(session, "grant", None)
    payments = _payments_of(request, invoice_ids, grant=grant)
    return SessionTrace(
        session=session,
        grant=grant,
        so_far=running_sessions([session], at=at)[0] if session.is_billable and not explained else None,
        choice=why_this_tariff(session),
        curve=_curve(readings, explained[0] if explained else None),
        records=explained,
        readings=readings,
        states=states,
        signed=signed,
        frames=_frames_of(request, session, readings, states, signed),
        lines=lines,
        documents=_documents_of(request, invoice_ids),
        payments=payments,
        line_disputes=list(
            operated_rows(request, LineDispute.objects.filter(line__in=lines)).select_related("line__invoice")
        ),
        disputes=list(operated_rows(request, Dispute.objects.filter(payment__in=payments))),
    )


def trace_invoice(request: HttpRequest, *, uid: str) -> InvoiceTrace:
    """Gather an invoice's trace.

    :raises Http404: no such document among those the organisation issues
    """
    invoices = Invoice.objects.select_related("customer", "contract", "seller", "credits", "issued_by")
    invoice = operated_rows(request, invoices).filter(uid=uid).first()
    if invoice is None:
        raise Http404(f"no invoice {uid}")
    payments = _payments_of(request, {invoice.pk})
    return InvoiceTrace(
        invoice=invoice,
        lines=list(
            invoice.lines.select_related("cdr__session", "credits__cdr__session", "credits__invoice").order_by(
                "position"
            )
        ),
        taxes=list(invoice.taxes.all()),
        credit_notes=list(operated_rows(request, Invoice.objects.filter(credits=invoice))),
        revised=list(awaiting_correction(seller=invoice.seller).filter(invoice=invoice)),
        documents=_documents_of(request, [invoice.pk]),
        journals=_journals_of(request, invoice, payments),
        payments=payments,
        not_electronic=missing_for_electronic(invoice) if invoice.status == InvoiceStatus.ISSUED else [],
    )


def _curve(readings: Sequence[MeterReading], explained: CdrExplained | None) -> Curve | None:
    """Draw the register and, behind it, what each period cost, as the current record says."""
    spans: list[Span] = []
    if explained is not None:
        currency = explained.cdr.currency
        spans = [
            Span(start_ms=to_epoch_ms(one.start_at), end_ms=to_epoch_ms(one.end_at), words=_prices(one, currency))
            for one in explained.periods
        ]
    register = [Reading(at_ms=to_epoch_ms(one.at), energy_milliwh=one.energy_milliwh) for one in readings]
    return curve_of(register, spans=spans)


def _prices(period: PeriodExplained, currency: str) -> str:
    """Say what a period costs: ``€0.50 / kWh + €3.00 / h``; what is paid once a session belongs to no time."""
    running = [f"{amount(part.price, currency, exact=True)} / {part.unit}" for part in period.parts if part.unit]
    return " + ".join(running) or "nothing by kWh or time"


def _documents_of(request: HttpRequest, invoice_ids: Collection[int]) -> list[Document]:
    """Return the files of documents, the newest last."""
    keys = Q()
    for invoice_id in invoice_ids:
        keys |= Q(key__startswith=f"invoice:{invoice_id}:")
    files = Document.objects.filter(keys) if invoice_ids else Document.objects.none()
    return list(operated_rows(request, files).defer("content").order_by("pk"))


def _frames_of(
    request: HttpRequest,
    session: ChargingSession,
    readings: Iterable[MeterReading],
    states: Iterable[StateChange],
    signed: SignedValues | None,
) -> list[Frame]:
    ids = {session.start_frame_id, session.end_frame_id}
    ids |= {reading.frame_id for reading in readings} | {state.frame_id for state in states}
    ids |= {shown.record.frame_id for shown in signed.records} if signed else set()
    return list(operated_rows(request, Frame.objects.filter(pk__in=ids - {None})).order_by("received_at", "pk"))


def _lines_of(request: HttpRequest, session: ChargingSession) -> list[InvoiceLine]:
    lines = InvoiceLine.objects.select_related("invoice", "cdr")
    billed = lines.filter(cdr__session=session)
    credited = lines.filter(credits__cdr__session=session)
    return [
        *operated_rows(request, billed).order_by("invoice_id", "position"),
        *operated_rows(request, credited).order_by("invoice_id", "position"),
    ]


def _payments_of(request: HttpRequest, invoice_ids: set[int], *, grant: StartGrant | None = None) -> list[Payment]:
    """Return whatever pays for a document: a collection, a link, a driver's hold; the hold of a grant before that."""
    paying = Payment.objects.filter(
        Q(invoice__in=invoice_ids) | Q(attempt__receipt__in=invoice_ids) | Q(allocations__invoice__in=invoice_ids)
    )
    held = Payment.objects.filter(attempt__grant=grant) if grant is not None else Payment.objects.none()
    payments = Payment.objects.filter(Q(pk__in=paying.values("pk")) | Q(pk__in=held.values("pk")))
    payments = payments.select_related("invoice", "attempt__receipt")
    payments = payments.prefetch_related("allocations__invoice", "refunds__credit_note")
    return list(operated_rows(request, payments).order_by("pk"))


def _journals_of(request: HttpRequest, invoice: Invoice, payments: Iterable[Payment]) -> list[Journal]:
    journals = Journal.objects.filter(entity=invoice.seller, key__startswith=f"invoice:{invoice.pk}:")
    for payment in payments:
        journals |= Journal.objects.filter(entity=invoice.seller, key__startswith=f"payment:{payment.pk}:")
        for refund in payment.refunds.all():
            journals |= Journal.objects.filter(entity=invoice.seller, key__startswith=f"refund:{refund.pk}:")
    return list(operated_rows(request, journals).prefetch_related("entries__account").order_by("pk"))
