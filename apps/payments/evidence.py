"""Gather what we know of a disputed charge: sessions, readings, price, permission, signed values, document."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import override

from apps.core.words import amount, kwh, money
from apps.invoices.models import Invoice, InvoiceLine
from apps.payments.domain.evidence import MOST_SESSIONS, ChargeTold, SessionTold
from apps.payments.models import Dispute, Payment
from apps.sessions.models import Cdr, ChargingSession, StartGrant
from apps.sessions.transparency import SignedValues, signed_values_of
from apps.tariffs.domain.price_text import price_text


def charge_told(dispute: Dispute) -> ChargeTold:
    """Return a disputed payment in words, in English, which banks of all countries read."""
    payment = dispute.payment
    document = _document(payment)
    records = _records(document)
    signed = signed_values_of([record.session_id for record in records])
    with override("en"):
        sessions = [_session_told(record, signed.get(record.session_id)) for record in records]
        return ChargeTold(
            document=_name(document),
            amount=money(payment.amount_received),
            service_date=_service_date(document, sessions),
            customer_name=payment.customer.name if payment.customer else "",
            customer_email=payment.customer.email if payment.customer else "",
            sessions=sessions,
        )


def _document(payment: Payment) -> Invoice | None:
    document: Invoice | None = payment.invoice or (payment.attempt.receipt if payment.attempt else None)
    return document


def _name(document: Invoice | None) -> str:
    return "The payment" if document is None else f"{document.get_kind_display()} {document.number}"


def _records(document: Invoice | None) -> Sequence[Cdr]:
    """Return the charge records of a document's lines, as many as are told and one more."""
    if document is None:
        return []
    lines = InvoiceLine.objects.filter(invoice=document, cdr__isnull=False).order_by("position")
    ids = list(dict.fromkeys(lines.values_list("cdr", flat=True)))[: MOST_SESSIONS + 1]
    found = Cdr.objects.filter(pk__in=ids).select_related(
        "session__station__location", "session__evse", "session__grant", "session__contract", "tariff_version"
    )
    return sorted(found, key=lambda record: ids.index(record.pk))


def _session_told(record: Cdr, signed: SignedValues | None) -> SessionTold:
    session = record.session
    zone = ZoneInfo(session.time_zone)
    location = session.station.location
    prices = str(price_text(record.tariff_version.terms(), language="en")).replace("\n", "; ")
    return SessionTold(
        began=_local(record.started_at, zone),
        ended=_local(record.ended_at, zone),
        place=f"{location.name}, {location.street}, {location.postcode} {location.city}",
        station=f"{session.station.identity}, charging point {session.evse.number}",
        energy=kwh(record.energy_milliwh),
        permission=_permission(session, zone),
        price=f"{prices}.",
        signed=_signature(signed),
        readings=[
            f"{_local(reading.at, zone)}: {kwh(reading.energy_milliwh)}"
            for reading in session.readings.order_by("at", "energy_milliwh")
        ],
        total=money(record.gross),
    )


def _permission(session: ChargingSession, zone: ZoneInfo) -> str:
    grant: StartGrant | None = getattr(session, "grant", None)
    if grant is not None and grant.contract_id is None:
        limit = "" if grant.limit_amount is None else f" for at most {amount(grant.limit_amount, grant.currency)}"
        return f"the driver reserved the money on the payment page{limit}, {_local(grant.granted_at, zone)}"
    if session.contract is not None:
        return f"a card of contract {session.contract.number} was held to the station"
    return "not known"


def _signature(signed: SignedValues | None) -> str:
    if signed is None:
        return ""
    if signed.is_verified:
        return f"The calibrated meter signed its readings, and the signature was verified (key {signed.key})."
    return f"The meter signed its readings; verification: {signed.verdict}."


def _service_date(document: Invoice | None, sessions: Sequence[SessionTold]) -> str:
    if sessions:
        return sessions[0].began[:10]
    return document.tax_date.isoformat() if document else ""


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
