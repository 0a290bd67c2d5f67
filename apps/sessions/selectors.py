"""What pages show of a session while it runs and after, what a station keeps, and which raw frames are still needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.power import power_w
from apps.sessions.domain.reservations import ReservationStatus
from apps.sessions.domain.states import VEHICLE_STATE
from apps.sessions.domain.status import SessionStatus
from apps.sessions.evidence import Evidence, gather
from apps.sessions.granted import running_terms
from apps.sessions.models import Cdr, ChargingSession, Measurement, MeterReading, Reservation, SignedRecord, StateChange
from apps.sessions.running import CannotBePriced, gross_so_far, idle_price_of, register_so_far
from apps.stations.selectors import Reservation as KeptReservation
from apps.stations.selectors import kept_reservations
from apps.tariffs.domain.facts import VehicleState
from apps.tariffs.domain.idling import IdlePrice


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """A session as far as it is known at an instant.

    state            what the vehicle did last; None: the station has not said yet
    energy_milliwh, running_gross  as of the last reading, or of the charge record once there is one; the amount is
                     held at the grant's limit, and None where it cannot be priced yet
    duration_ms      from the start to the end, or to the instant asked for
    is_rated         the amount is final: the charge record's
    idle_price       what standing without charging costs next, should the vehicle take no more from now on; None:
                     nothing within a day, or it cannot be said
    readings         how many register values have arrived
    """

    session_id: int
    status: SessionStatus
    state: VehicleState | None
    energy_milliwh: int
    duration_ms: int
    running_gross: Decimal | None
    currency: str
    is_rated: bool
    started_at: datetime
    ended_at: datetime | None
    last_reading_at: datetime | None
    readings: int
    idle_price: IdlePrice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSession:
    """A live session as of its last reading; an amount that cannot be told yet is None, and ``problem`` says why.

    power_w  what it draws; None: its meter has not said so lately
    """

    session: ChargingSession
    energy_milliwh: int | None
    power_w: int | None
    gross: Decimal | None
    currency: str
    lasts: timedelta
    problem: str


def claimed_session(evse_id: int) -> ChargingSession | None:
    """Return the live session on an EVSE, if somebody has asked to charge.

    A 2.0.1 station may open a transaction as the cable goes in, which waits for whoever pays.
    """
    live = ChargingSession.objects.filter(evse_id=evse_id, status=SessionStatus.LIVE).first()
    return live if live is not None and live.is_claimed else None


def live_session(grant_id: int, at: datetime) -> LiveSession | None:
    """Return the session that used up a grant, as it stands at ``at``; None while none has begun."""
    session = (
        ChargingSession.objects.filter(grant=grant_id)
        .select_related("grant", "tariff_version", "evse__station__location")
        .first()
    )
    if session is None:
        return None
    (evidence,) = gather([session])
    cdr = session.cdrs.filter(purpose=Cdr.Purpose.RETAIL).order_by("-revision").first()
    readings = evidence.readings
    return LiveSession(
        session_id=session.pk,
        status=SessionStatus(session.status),
        state=_state(evidence),
        energy_milliwh=cdr.energy_milliwh if cdr else _energy(evidence),
        duration_ms=max((session.ended_at or at) - session.started_at, timedelta()) // timedelta(milliseconds=1),
        running_gross=cdr.gross.amount if cdr else _gross(evidence),
        currency=session.grant.currency,
        is_rated=cdr is not None,
        started_at=session.started_at,
        ended_at=session.ended_at,
        last_reading_at=from_epoch_ms(readings[-1].at_ms) if readings else None,
        readings=len(readings),
        idle_price=None if cdr else _idle_price(evidence, at),
    )


def to_be_priced(sessions: QuerySet[ChargingSession]) -> QuerySet[ChargingSession]:
    """Load with live sessions all that pricing them so far reads."""
    loaded: QuerySet[ChargingSession] = sessions.select_related(
        "evse__station__location", "tariff_version", "grant", "seller"
    ).prefetch_related("seller__tax_registrations")
    return loaded


def running_sessions(sessions: Iterable[ChargingSession], *, at: datetime) -> list[RunningSession]:
    """Say how far live sessions are; ``sessions`` as ``to_be_priced`` loads them."""
    found = list(sessions)
    return [_running(evidence, at) for evidence in gather(found)] if found else []


def _running(evidence: Evidence, at: datetime) -> RunningSession:
    session, energy, gross, problem = evidence.session, None, None, ""
    try:
        register = register_so_far(evidence)
        energy = register[-1].energy_milliwh - register[0].energy_milliwh
        gross = gross_so_far(evidence, grant=running_terms(session))
    except CannotBePriced as error:
        problem = str(error)
    return RunningSession(
        session=session,
        energy_milliwh=energy,
        power_w=power_w(readings=evidence.readings, measured=evidence.powers, now_ms=to_epoch_ms(at)),
        gross=gross,
        currency=session.tariff_version.currency if session.tariff_version else "",
        lasts=max(at - session.started_at, timedelta()),
        problem=problem,
    )


def _state(evidence: Evidence) -> VehicleState | None:
    return VEHICLE_STATE.get(evidence.said[-1][1], VehicleState.IDLE) if evidence.said else None


def _energy(evidence: Evidence) -> int:
    try:
        register = register_so_far(evidence)
    except CannotBePriced:
        return 0
    return register[-1].energy_milliwh - register[0].energy_milliwh


def _idle_price(evidence: Evidence, at: datetime) -> IdlePrice | None:
    try:
        return idle_price_of(evidence, at=at)
    except CannotBePriced:
        return None


def _gross(evidence: Evidence) -> Decimal | None:
    try:
        return gross_so_far(evidence, grant=running_terms(evidence.session))
    except CannotBePriced:
        return None


def frames_still_needed(station_id: int, *, before: datetime) -> set[int]:
    """Return the raw frames of a station's sessions that are not settled, or not priced although somebody pays.

    before  when the frames were received at the latest
    """
    is_priced = Exists(Cdr.objects.filter(session=OuterRef("pk")))
    is_paid = Q(authorisation=AuthorisationStatus.ACCEPTED, tariff_version__isnull=False)
    open_ones = ChargingSession.objects.filter(
        ~Q(status=SessionStatus.SETTLED) | (is_paid & ~is_priced) | Q(late_evidence_at__isnull=False),
        station_id=station_id,
        start_received_at__lt=before,
    )
    ends = open_ones.values_list("start_frame_id", "end_frame_id")
    found = {frame_id for pair in ends for frame_id in pair if frame_id is not None}
    for model in (MeterReading, Measurement, StateChange, SignedRecord):
        found |= set(model.objects.filter(session__in=open_ones).values_list("frame_id", flat=True))
    return found


def open_reservations(station_id: int, *, at: datetime) -> list[KeptReservation]:
    """Return the reservations that a station keeps, without those that were used or are over."""
    closed = set(
        Reservation.objects.filter(station_id=station_id)
        .exclude(status=ReservationStatus.OPEN)
        .values_list("reservation_id", flat=True)
    )
    return [one for one in kept_reservations(station_id, at=at) if one.reservation_id not in closed]
