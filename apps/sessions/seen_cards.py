"""Which card numbers began a session of late: a card that is imported may be written in another order of its bytes."""

from datetime import datetime, timedelta
from typing import Final

from apps.sessions.models import ChargingSession

SEEN_FOR: Final = timedelta(days=30)


def seen_cards(seller_id: int, at: datetime) -> set[str]:
    """Return the id tokens of the seller's sessions of the last 30 days."""
    sessions = ChargingSession.objects.filter(seller=seller_id, started_at__gt=at - SEEN_FOR).exclude(id_token="")
    return set(sessions.order_by().values_list("id_token", flat=True).distinct())
