"""Which sessions' figures are missing or were counted from facts that are no longer so."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connection

from apps.invoices.domain.status import InvoiceStatus
from apps.sessions.domain.status import SessionStatus

# One query over both states, since the ORM has no word for IS DISTINCT FROM over a row.
_STALE: Final = f"""
    SELECT s.id FROM charging_sessions_chargingsession s
    JOIN accounts_organisation o ON o.id = s.seller_id
    LEFT JOIN analytics_countedsession c ON c.session_id = s.id
    LEFT JOIN LATERAL (
        SELECT id FROM charging_sessions_cdr WHERE session_id = s.id ORDER BY revision DESC LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT sum(note.net) AS net FROM invoices_invoiceline billed
        JOIN invoices_invoiceline note ON note.credits_id = billed.id
        JOIN invoices_invoice i ON i.id = note.invoice_id AND i.status = '{InvoiceStatus.ISSUED}'
        WHERE billed.cdr_id = r.id
    ) k ON true
    WHERE ((s.status = '{SessionStatus.SETTLED}') IS DISTINCT FROM (c.session_id IS NOT NULL)
    OR (c.session_id IS NOT NULL AND (
        r.id, coalesce(k.net, 0), s.contract_id, s.ended_at, s.occupied_until, s.meter_stop_milliwh, o.time_zone
    ) IS DISTINCT FROM (
        c.cdr_id, c.credited, c.contract_id, c.ended_at, c.occupied_until, c.meter_stop_milliwh, c.time_zone
    )))
"""  # noqa: S608 - states of ours


def stale_of(session_ids: Iterable[int]) -> list[int]:
    """Return those of these sessions that have to be counted (again)."""
    return _ids(f"{_STALE} AND s.id = ANY(%s)", [list(session_ids)])


def stale_between(first: int, end: int) -> list[int]:
    """Return those of a span of sessions, ``end`` excluded, that have to be counted (again)."""
    return _ids(f"{_STALE} AND s.id >= %s AND s.id < %s", [first, end])


def _ids(sql: str, parameters: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [pk for (pk,) in cursor.fetchall()]
