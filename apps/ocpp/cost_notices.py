"""What displays are told of costs: found by query, sent as notices (``stations.tell_stations``).

Costs flow by pull. A sweep looks at the newest session of each EVSE whose display shows costs, and prices only those
about which something was heard since; each at most once in ``conf.cost_interval_s()``. So a thousand stations cost a
few queries a sweep and an engine run a new reading, and a broker that is gone delays what a display says and loses
nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import OuterRef, Q, Subquery

from apps.core.clock import to_epoch_ms
from apps.ocpp import conf
from apps.ocpp.price_words import final_words
from apps.sessions.costs import SessionCost, costs_of
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.settling import prices_idle
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession, MeterReading, StateChange
from apps.stations.domain.display import Amount, final_cost_call, running_cost_call
from apps.stations.models import ChargingStation, Evse, StationCommand
from apps.stations.selectors import online
from apps.stations.services import Notice, tell_stations
from apps.stations.shows_prices import may_be_told

FINAL_FOR: Final = timedelta(hours=1)
"""How long after a stop the final cost is of use to who stands there."""
PRICED_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A session whose display may have to be told. stamp: what was heard of it last, as far as it decides the cost."""

    session: ChargingSession
    stamp: str

    @property
    def topic(self) -> str:
        kind = "cost" if self.session.ended_at is None else "final"
        return f"{kind}:{self.session.evse.number}"


def tell_costs(*, at: datetime) -> int:
    """Have displays told what running sessions cost by now and ended ones have cost; return how many notices."""
    told = 0
    due = list(_due(at))
    for first in range(0, len(due), PRICED_AT_ONCE):
        batch = due[first : first + PRICED_AT_ONCE]
        costs = costs_of([one.session for one in batch])
        notices = [
            _notice(one, cost)
            for one, cost in zip(batch, costs, strict=True)
            if cost is not None and _is_to_be_told(cost)
        ]
        told += tell_stations(notices, at=at)
    return told


def _is_to_be_told(cost: SessionCost) -> bool:
    is_ripe = cost.session.ended_at is None or cost.is_final
    return is_ripe and cost.session.station.display.shows_cost_in(cost.currency)


def _notice(due: _Due, cost: SessionCost) -> Notice:
    amount = amount_of(cost)
    call = (
        running_cost_call(amount) if cost.session.ended_at is None else final_cost_call(amount, text=final_words(cost))
    )
    return Notice(station_id=cost.session.station_id, topic=due.topic, stamp=due.stamp, call=call)


def amount_of(cost: SessionCost) -> Amount:
    """Write a cost as displays are told it."""
    return Amount(
        transaction_id=cost.session.transaction_id,
        transaction_ref=cost.session.transaction_ref,
        cost=cost.gross,
        at=cost.at,
        energy_milliwh=cost.register_milliwh,
        is_idle=cost.is_idle,
    )


def _due(at: datetime) -> Iterator[_Due]:
    """Yield the sessions about which something was heard that their display was not told, and whose turn it is."""
    told = _told(at)
    pace = timedelta(seconds=conf.cost_interval_s())
    for session in _candidates(at):
        due = _Due(session=session, stamp=_stamp(session))
        last = told.get((session.station_id, due.topic))
        if last is not None and last.stamp == due.stamp:
            continue
        is_early = last is not None and at - last.requested_at < pace and session.ended_at is None
        if not is_early and not _was_answered(session):
            yield due


def _candidates(at: datetime) -> Sequence[ChargingSession]:
    """Return the newest session of each EVSE whose display shows costs, if it is live or ended a while ago."""
    shown = ChargingStation.objects.filter(online(at), may_be_told("cost"))
    newest = ChargingSession.objects.filter(evse=OuterRef("pk"), kind=ChargingSession.Kind.CHARGE)
    evses = Evse.objects.filter(station__in=shown).annotate(
        newest=Subquery(newest.order_by("-started_at", "-pk").values("pk")[:1])
    )
    heard = {"session": OuterRef("pk")}
    return (
        ChargingSession.objects.filter(
            Q(status=SessionStatus.LIVE) | Q(end_received_at__gt=at - FINAL_FOR),
            pk__in=[pk for pk in evses.values_list("newest", flat=True) if pk is not None],
            authorisation=AuthorisationStatus.ACCEPTED,
            tariff_version__isnull=False,
        )
        .annotate(
            read_at=Subquery(MeterReading.objects.filter(**heard).order_by("-at").values("at")[:1]),
            said_at=Subquery(StateChange.objects.filter(**heard).order_by("-at").values("at")[:1]),
        )
        .select_related("station", "evse__station__location", "tariff_version", "grant")
        .order_by("pk")
    )


def _stamp(session: ChargingSession) -> str:
    heard = [session.read_at, session.said_at]  # type: ignore[attr-defined]  # annotated by ``_candidates``
    instants = ":".join("" if at is None else str(to_epoch_ms(at)) for at in heard)
    return f"{session.pk}:{instants}"


def _told(at: datetime) -> dict[tuple[int, str], StationCommand]:
    """Return what displays were told last of costs, by station and topic."""
    notices = StationCommand.objects.filter(
        Q(topic__startswith="cost:") | Q(topic__startswith="final:"),
        station__in=ChargingStation.objects.filter(online(at), may_be_told("cost")),
    )
    rows = notices.only("station_id", "topic", "stamp", "requested_at")
    return {(row.station_id, row.topic): row for row in rows}


def _was_answered(session: ChargingSession) -> bool:
    """Tell whether the final cost went out in the answer to the end itself (OCPP 2.0.1), where no idling is added."""
    if session.ended_at is None or session.transaction_ref is None:
        return False
    assert session.tariff_version is not None
    return not prices_idle(session.tariff_version.terms())
