"""Reservations of a contract's card: made when the station agrees, then used by a charge, expired, or given up.

What a used one cost is in its charge's record. An expired one is a session of its own, of kind ``reservation``, settled
at once. One that was given up costs nothing, as does one whose station cannot say that it was kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from apps.contracts.domain.tokens import TokenVerdict
from apps.contracts.selectors import find_token
from apps.contracts.services import find_tariff
from apps.core.bells import ring_on_commit
from apps.sessions.domain.commands import AuthorisationStatus
from apps.sessions.domain.reservations import TOLERANCE, UNHEARD_FOR, ReservationStatus, is_used_by
from apps.sessions.domain.status import SessionStatus
from apps.sessions.domain.tokens import hash_token
from apps.sessions.models import ChargingSession, Reservation, StartGrant
from apps.sessions.services.news import tell_settled
from apps.sessions.services.numbering import draw_transaction_ids
from apps.stations.models import Evse
from apps.tariffs.models import TariffVersion

_ALL: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A session as it begins on a contract's account. named_id: the reservation that its station names; 0: none."""

    session: ChargingSession
    started_at: datetime
    received_at: datetime
    named_id: int


@transaction.atomic
def record_reservation(
    *, station_id: int, reservation_id: int, evse_number: int, token: str, expires_at: datetime, at: datetime
) -> Reservation | None:
    """Write down that a station keeps an EVSE for a card; the same reservation again is the first.

    None where nobody could be billed for it: the card may not charge or has no tariff here, no single EVSE is kept, or
    it is over already.

    token  as the station was told · at  when it agreed
    """
    known = Reservation.objects.filter(station_id=station_id, reservation_id=reservation_id).first()
    evse = Evse.objects.select_related("station__location").filter(station_id=station_id, number=evse_number).first()
    if known is not None or evse is None or expires_at <= at:
        return known
    owner_id = evse.station.location.owner_id
    finding = find_token(seller_id=owner_id, uid=token, at=at)
    if finding.token is None or finding.verdict is not TokenVerdict.VALID:
        return None
    choice = find_tariff(token=finding.token, evse=evse, at=at)
    if choice.version is None:
        return None
    # What prices something is never changed again.
    TariffVersion.objects.filter(pk=choice.version.pk, used_at__isnull=True).update(used_at=at)
    reservation, _ = Reservation.objects.get_or_create(
        station_id=station_id,
        reservation_id=reservation_id,
        defaults={
            "seller_id": owner_id,
            "evse": evse,
            "token": finding.token,
            "contract_id": finding.token.contract_id,
            "tariff_version": choice.version,
            "discount_percent": choice.discount_percent,
            "reserved_at": at,
            "expires_at": expires_at,
        },
    )
    return reservation


def use_reservations(beginnings: Sequence[Beginning]) -> list[ChargingSession]:
    """Let sessions that begin use their contract's reservation of the EVSE; the caller saves those that are returned.

    The one that the station names, else the one of the moment: many stations name none.
    """
    paid = [one for one in beginnings if one.session.contract_id is not None and one.session.is_billable]
    if not paid:
        return []
    rows = list(
        Reservation.objects.select_for_update(no_key=True)
        .filter(
            evse_id__in={one.session.evse_id for one in paid},
            contract_id__in={one.session.contract_id for one in paid},
            status__in=[ReservationStatus.OPEN, ReservationStatus.EXPIRED],
        )
        .order_by("pk")
    )
    using = []
    for one in paid:
        reservation = _reservation_of(one, rows)
        if reservation is not None:
            rows.remove(reservation)
            one.session.reserved_from = min(reservation.reserved_at, one.started_at)
            reservation.set_closed(ReservationStatus.USED, at=one.received_at, session=one.session)
            _take_back(reservation, at=one.received_at)
            using.append(one.session)
    return using


def _reservation_of(one: Beginning, rows: Iterable[Reservation]) -> Reservation | None:
    session = one.session
    fitting = [
        row
        for row in rows
        if (row.evse_id, row.contract_id) == (session.evse_id, session.contract_id)
        and is_used_by(
            started_at=one.started_at,
            reserved_at=row.reserved_at,
            expires_at=row.expires_at,
            is_named=row.reservation_id == one.named_id,
        )
    ]
    return next((row for row in fitting if row.reservation_id == one.named_id), next(iter(fitting), None))


def _take_back(reservation: Reservation, *, at: datetime) -> None:
    """Let the session of a reservation that nobody seemed to come for cost nothing: it is priced with its charge."""
    session = reservation.expired_session
    if session is not None:
        session.set_late_evidence(at)
        ring_on_commit("session.late_evidence", id=session.pk)


@transaction.atomic
def cancel_reservation(*, station_id: int, reservation_id: int, at: datetime) -> bool:
    """Give up an open reservation, which then costs nothing; False: there is none."""
    reservation = _lock_open(station_id=station_id, reservation_id=reservation_id)
    if reservation is None:
        return False
    reservation.set_closed(ReservationStatus.CANCELLED, at=at)
    return True


@transaction.atomic
def expire_reservation(*, station_id: int, reservation_id: int, at: datetime, frame_id: int | None = None) -> bool:
    """Make a session of an open reservation that nobody came for; False: there is none.

    frame_id  of the raw frame in which the station said so; None: its time is over
    """
    reservation = _lock_open(station_id=station_id, reservation_id=reservation_id)
    if reservation is None:
        return False
    session = _expired_session(reservation, at=at, frame_id=frame_id)
    reservation.set_closed(ReservationStatus.EXPIRED, at=at, session=session)
    tell_settled([session], at=at)
    ring_on_commit("session.settled", id=session.pk)
    return True


def _lock_open(*, station_id: int, reservation_id: int) -> Reservation | None:
    return (
        Reservation.objects.select_for_update(no_key=True)
        .filter(station_id=station_id, reservation_id=reservation_id, status=ReservationStatus.OPEN)
        .first()
    )


def _expired_session(reservation: Reservation, *, at: datetime, frame_id: int | None) -> ChargingSession:
    """Write the session of kind ``reservation``, with a grant that carries the contract's terms."""
    over_at = max(reservation.reserved_at, min(reservation.expires_at, at))
    session = ChargingSession(
        kind=ChargingSession.Kind.RESERVATION,
        seller_id=reservation.seller_id,
        station_id=reservation.station_id,
        evse_id=reservation.evse_id,
        id_token=reservation.token.uid,
        token=reservation.token,
        contract_id=reservation.contract_id,
        authorisation=AuthorisationStatus.ACCEPTED,
        tariff_version=reservation.tariff_version,
        time_zone=reservation.evse.station.location.time_zone,
        status=SessionStatus.SETTLED,
        started_at=over_at,
        start_received_at=at,
        start_frame_id=frame_id,
        reserved_from=reservation.reserved_at,
        ended_at=over_at,
        end_received_at=at,
        settled_at=at,
    )
    draw_transaction_ids([session])
    session.save()
    StartGrant.objects.create(
        seller_id=reservation.seller_id,
        station_id=reservation.station_id,
        evse_id=reservation.evse_id,
        token_hash=hash_token(reservation.token.uid),
        tariff_version=reservation.tariff_version,
        contract_id=reservation.contract_id,
        currency=reservation.tariff_version.currency,
        discount_percent=reservation.discount_percent,
        free_reason=reservation.token.free_reason if reservation.discount_percent == _ALL else "",
        granted_at=reservation.reserved_at,
        expires_at=reservation.expires_at,
        used_by_session=session,
    )
    return session


def sweep_reservations(*, at: datetime) -> int:
    """Close the reservations whose time is over, by query; return how many those were.

    They expire once their station has been there for a while after the end, so that a charge told late has been told;
    one whose station has not been heard of since is given up after 72 h: nobody can say that it was kept.
    """
    over = Reservation.objects.filter(status=ReservationStatus.OPEN, expires_at__lte=at - TOLERANCE)
    count = 0
    for reservation in over.select_related("station").order_by("pk"):
        names = {"station_id": reservation.station_id, "reservation_id": reservation.reservation_id}
        if _has_told_all(reservation, at):
            count += expire_reservation(**names, at=at)
        elif at - reservation.expires_at >= UNHEARD_FOR:
            count += cancel_reservation(**names, at=at)
    return count


def _has_told_all(reservation: Reservation, at: datetime) -> bool:
    since = reservation.station.connected_at
    return reservation.station.is_online(at) and since is not None and at - since >= TOLERANCE
