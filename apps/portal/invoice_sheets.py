"""A document's lines as a table for the customer's own books, as they are printed."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from apps.core.domain.money import plain
from apps.core.domain.zones import zone

COLUMNS: Final = (
    *("document", "line", "session", "what", "started", "ended", "place", "card", "vehicle", "cost_centre"),
    *("energy_kwh", "net", "gross", "vat_rate", "currency"),
)


def rows_of(invoice: Any) -> Iterator[tuple[str, ...]]:
    """Yield the header and each line: instants with their offset, amounts with a point, gross where it is stated."""
    yield COLUMNS
    for line in invoice.lines.select_related("cdr__session", "credits__cdr__session").order_by("position"):
        record = line.cdr or (line.credits.cdr if line.credits else None)
        there = zone(line.time_zone)
        yield (
            *(invoice.number, str(line.position)),
            str(record.session.uid) if record else "",
            line.text or (line.credits.text if line.credits else ""),
            *(at.astimezone(there).isoformat(timespec="seconds") for at in (line.started_at, line.ended_at)),
            *(line.place, line.token, line.vehicle, line.cost_centre),
            plain(Decimal(line.energy_milliwh).scaleb(-6)),
            plain(line.net.amount),
            plain(line.gross.amount) if line.gross is not None else "",
            *(plain(line.tax_rate), line.currency),
        )
