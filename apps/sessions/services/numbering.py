"""The transaction ids that we give: random positive 31-bit, unique per station."""

import secrets
from collections.abc import Sequence

from apps.sessions.models import ChargingSession


def draw_transaction_ids(sessions: Sequence[ChargingSession]) -> None:
    """Give each session a random positive 31-bit id that its station does not have yet."""
    taken = set()
    undrawn = list(sessions)
    while undrawn:
        for session in undrawn:
            session.transaction_id = secrets.randbelow(2**31 - 1) + 1
        drawn = {(session.station_id, session.transaction_id) for session in undrawn}
        taken |= set(
            ChargingSession.objects.filter(
                station_id__in={station_id for station_id, _ in drawn},
                transaction_id__in={transaction_id for _, transaction_id in drawn},
            ).values_list("station_id", "transaction_id")
        )
        undrawn = [session for session in undrawn if _is_taken(session, taken)]


def _is_taken(session: ChargingSession, taken: set[tuple[int, int]]) -> bool:
    """Tell whether the id is in use; if not, it is from now on."""
    pair = (session.station_id, session.transaction_id)
    if pair in taken:
        return True
    taken.add(pair)
    return False
