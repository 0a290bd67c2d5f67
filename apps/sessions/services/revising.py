"""What arrives after a session was rated: kept at once, looked at later, a revision only if it changes the price."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.core.bells import ring_on_commit
from apps.core.sweeps import one_by_one
from apps.sessions.domain.status import SessionStatus
from apps.sessions.errors import RatingRefused
from apps.sessions.granted import grant_terms
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.services.rating import (
    Priced,
    current_cdr,
    inputs_document,
    lock_for_rating,
    price,
    settled_facts,
    write_cdr,
)
from apps.sessions.services.signing import check_signatures

REASON: Final = "What the station told later changes the price."


def note_late_evidence(sessions: Collection[ChargingSession], *, received_at: datetime) -> None:
    """Mark those of these sessions that are settled already and paid for; call it before their evidence is stored.

    Whoever settles and rates one of them at this moment is waited for, so that nothing falls between the two.
    """
    over = {session.pk for session in sessions if session.status != SessionStatus.LIVE and session.is_billable}
    if not over:
        return
    for session in locked_sessions().filter(pk__in=over):
        if session.status == SessionStatus.SETTLED:
            session.set_late_evidence(received_at)
            ring_on_commit("session.late_evidence", id=session.pk)


@transaction.atomic
def rate_again(*, session_id: int, at: datetime) -> Cdr | None:
    """Look at what arrived after a session was rated; a new revision only if it changes the total or energy, else None.

    What a person decided stands. What contradicts the rest goes to a person, and the record stands meanwhile.
    """
    session = lock_for_rating(session_id)
    current = current_cdr(session)
    if session.late_evidence_at is None or session.status != SessionStatus.SETTLED or current is None:
        return None
    session.set_late_evidence(None)
    if current.revised_by_id is not None:
        return None
    check_signatures(session_id=session.pk, at=at)
    try:
        priced = price(session, facts=settled_facts(session), grant=grant_terms(session))
    except RatingRefused as refusal:
        session.set_in_review(reasons=[f"What arrived after it was priced contradicts it: {refusal}"])
        return None
    if not _changes_record(priced, current):
        return None
    return write_cdr(session, priced, at=at, reason=REASON, is_automatic=True)


def _changes_record(priced: Priced, current: Cdr) -> bool:
    # The same inputs priced by a newer engine are no evidence.
    if inputs_document(priced.inputs) == current.inputs:
        return False
    rated = priced.rated
    told = (rated.net, rated.tax, rated.gross, rated.energy_milliwh)
    return told != (current.net.amount, current.tax.amount, current.gross.amount, current.energy_milliwh)


def sweep_late_evidence(*, at: datetime, limit: int = 500) -> int:
    """Look at the late evidence that no bell has brought here, oldest first; return how many sessions that was."""
    late = ChargingSession.objects.filter(
        status=SessionStatus.SETTLED, late_evidence_at__isnull=False, cdrs__isnull=False
    )
    ids = list(late.order_by("late_evidence_at", "pk").distinct().values_list("pk", flat=True)[:limit])
    one_by_one(ids, lambda session_id: rate_again(session_id=session_id, at=at))
    return len(ids)
