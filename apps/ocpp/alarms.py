"""Two sockets for one station: the newest wins, and when they keep replacing one another a person hears of it."""

from datetime import datetime, timedelta
from typing import Final

from apps.ocpp.models import EventKind, StationEvent
from apps.ocpp.visitors import is_address

WITHIN: Final = timedelta(minutes=10)
OFTEN: Final = 3
"""So many replaced sockets of more than one address: somebody else holds the key, or two chargers were set up alike."""
VERY_OFTEN: Final = 10
"""So many of one address: two chargers behind one router, or a network that keeps breaking."""


def note_superseded(*, station_id: int, connection_no: int, address: str, at: datetime) -> None:
    """Write that a connection gave way to a newer one, and raise the alarm where that repeats itself.

    address  from which the older one came
    """
    StationEvent.objects.create(
        station_id=station_id,
        at=at,
        kind=EventKind.SUPERSEDED,
        text=f"connection {connection_no} was superseded",
        address=address if is_address(address) else None,
    )
    lately = StationEvent.objects.filter(station_id=station_id, at__gt=at - WITHIN)
    if lately.filter(kind=EventKind.REPLACED).exists():
        return
    addresses = list(lately.filter(kind=EventKind.SUPERSEDED).values_list("address", flat=True))
    different = sorted({str(address) for address in addresses if address})
    if len(addresses) >= (OFTEN if len(different) > 1 else VERY_OFTEN):
        StationEvent.objects.create(
            station_id=station_id, at=at, kind=EventKind.REPLACED, text=_words(len(addresses), different)[:500]
        )


def _words(count: int, addresses: list[str]) -> str:
    minutes = WITHIN.seconds // 60
    said = f"{count} connections were replaced by newer ones within {minutes} minutes"
    return f"{said}, from {', '.join(addresses)}: two chargers may have the same identity and key; renew the key"
