"""Which card numbers stations asked about of late: one that is refused begins no session, so only frames tell of it."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from apps.contracts.domain.tokens import normalise_uid
from apps.ocpp.models import Direction, Frame

SEEN_FOR: Final = timedelta(days=7)
_MOST: Final = 20_000


def seen_cards(seller_id: int, at: datetime) -> set[str]:
    """Return the id tokens of the Authorize calls of a seller's stations in the last 7 days (OCPP 1.6 §5.1)."""
    asked = Frame.objects.filter(
        station__location__owner=seller_id,
        received_at__gt=at - SEEN_FOR,
        received_at__lte=at,
        direction=Direction.IN,
        action="Authorize",
    )
    payloads = asked.order_by("-received_at").values_list("payload", flat=True)[:_MOST]
    return {uid for payload in payloads if (uid := _token_of(payload))}


def _token_of(payload: str) -> str:
    """Return the token of a call ``[2, id, "Authorize", {…}]``; "" where it cannot be read."""
    try:
        call: Any = json.loads(payload)[3]
        named = call["idTag"] if "idTag" in call else call["idToken"]["idToken"]
        return normalise_uid(named)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
