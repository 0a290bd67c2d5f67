"""A customer's sessions as a table for their own books: one line a session, with its current charge record."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from apps.core.domain.money import plain
from apps.core.domain.zones import zone

MOST_ROWS: Final = 20_000
COLUMNS: Final = (
    *("session", "started", "ended", "place", "city", "station", "evse", "contract", "card", "driver", "vehicle"),
    *("cost_centre", "status", "energy_kwh", "net", "tax", "gross", "currency"),
)


def rows_of(sessions: Any) -> Iterator[tuple[str, ...]]:
    """Yield the header and a line a session: instants on the place's clock with their offset, amounts with a point."""
    yield COLUMNS
    for session in sessions.iterator(chunk_size=1000):
        yield (*_what(session), *_price(session.current_cdrs))


def _what(session: Any) -> tuple[str, ...]:
    there = zone(session.time_zone)
    location = session.station.location
    return (
        str(session.uid),
        session.started_at.astimezone(there).isoformat(timespec="seconds"),
        session.ended_at.astimezone(there).isoformat(timespec="seconds") if session.ended_at else "",
        *(location.name, location.city, session.station.identity, str(session.evse.number)),
        session.contract.number if session.contract else "",
        *((str(session.token), session.token.driver) if session.token else ("", "")),
        session.vehicle.plate if session.vehicle else "",
        session.cost_centre.code if session.cost_centre else "",
        session.status,
    )


def _price(records: list[Any]) -> tuple[str, ...]:
    if not records:
        return ("",) * 5
    record = records[0]
    amounts = (plain(money.amount) for money in (record.net, record.tax, record.gross))
    return (plain(Decimal(record.energy_milliwh).scaleb(-6)), *amounts, record.currency)
