"""Which session a message is about. A station only ever reaches its own."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from django.db.models import QuerySet

from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession

Transaction: TypeAlias = tuple[int, int]
"""(station id, transaction id): a transaction id alone names nothing."""
TransactionRef: TypeAlias = tuple[int, str]
"""(station id, the station's own name of a transaction)."""
EvseNumber: TypeAlias = tuple[int, int]
"""(station id, EVSE number)."""


def locked_sessions() -> "QuerySet[ChargingSession]":
    """Return sessions to be locked in pk order; readings may still be added to them meanwhile."""
    return ChargingSession.objects.select_for_update(no_key=True, of=("self",)).order_by("pk")


def by_transaction(
    sessions: "QuerySet[ChargingSession]", wanted: Iterable[Transaction]
) -> Mapping[Transaction, ChargingSession]:
    """Find the sessions of these transactions, in one query; an id that is not positive names none."""
    pairs = {(station_id, transaction_id) for station_id, transaction_id in wanted if transaction_id > 0}
    if not pairs:
        return {}
    found = sessions.filter(
        station_id__in={station_id for station_id, _ in pairs},
        transaction_id__in={transaction_id for _, transaction_id in pairs},
    )
    # The product of both sets holds strangers: another station's transaction of the same number.
    by_pair = {(session.station_id, session.transaction_id): session for session in found}
    return {pair: session for pair, session in by_pair.items() if pair in pairs}


def by_ref(
    sessions: "QuerySet[ChargingSession]", wanted: Iterable[TransactionRef]
) -> dict[TransactionRef, ChargingSession]:
    """Find the sessions of the transactions that stations named themselves, in one query."""
    pairs = set(wanted)
    if not pairs:
        return {}
    found = sessions.filter(
        station_id__in={station_id for station_id, _ in pairs}, transaction_ref__in={ref for _, ref in pairs}
    )
    by_pair = {(session.station_id, session.transaction_ref or ""): session for session in found}
    return {pair: session for pair, session in by_pair.items() if pair in pairs}


def live_by_evse(
    sessions: "QuerySet[ChargingSession]", wanted: Iterable[EvseNumber]
) -> Mapping[EvseNumber, ChargingSession]:
    """Find the live sessions on these EVSEs, in one query."""
    pairs = set(wanted)
    if not pairs:
        return {}
    found = sessions.filter(
        status=SessionStatus.LIVE,
        station_id__in={station_id for station_id, _ in pairs},
        evse__number__in={number for _, number in pairs},
    ).select_related("evse")
    return {(session.station_id, session.evse.number): session for session in found}
