"""How a session begins: once, however often the station says so, and whatever it says."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from django.db import transaction

from apps.contracts.domain.tokens import normalise_uid
from apps.core.rows import insert_rows
from apps.sessions.domain.clocks import believed_at, is_plausible, is_repeated_start
from apps.sessions.domain.commands import AuthorisationStatus, Phase, StartCommand, StartOutcome
from apps.sessions.domain.status import SessionStatus, advance
from apps.sessions.domain.tokens import hash_token
from apps.sessions.models import ChargingSession, MeterReading, StartGrant
from apps.sessions.services.limits import request_stop
from apps.sessions.services.lookup import TransactionRef, by_ref, locked_sessions
from apps.sessions.services.numbering import draw_transaction_ids
from apps.sessions.services.payers import write_decisions
from apps.sessions.services.permission import Permission, Request, permit
from apps.sessions.services.reservations import Beginning, use_reservations
from apps.stations.models import Evse
from apps.stations.wakeups import tell_boards_on_commit
from apps.tariffs.models import TariffVersion

TOLD_AT_ONCE: Final = timedelta(minutes=5)
"""A start told later than this was let begin by its station, which was offline: what it delivers has to be paid."""
CONTRACT_GRANT_LASTS: Final = timedelta(minutes=15)
"""A grant made from a contract is used up by the very start that made it."""
_MAX_TOKEN_CHARS: Final = 36
_MOST_EVSES: Final = 100
"""No station has more; a higher number is none that an EVSE is added for."""

_STRAY: Final = "The station named connector "
"""How the reason begins that a session keeps of a connector its station does not have."""
PLACE_UNTOLD: Final = "The station has not said at which connector."
"""The reason that a session keeps of a transaction (OCPP 2.0.1) whose events named none of several connectors."""

StartKey: TypeAlias = tuple[int, int | str, str, int | None, datetime] | TransactionRef
"""(station id, EVSE id or the reason that names a stray connector, token, meter start, start), or (station id, the
station's own transaction id): what makes a start told twice the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """A start at a station we know; ``token`` is normalised.

    homes  the EVSE it names; or all its station has, ascending by number, where it has none of that number
    stray  which connector was named that the station does not have, or that none was; "" where it has it
    is_added  the station had no connector at all until it named this one
    """

    command: StartCommand
    homes: tuple[Evse, ...]
    token: str
    stray: str
    is_added: bool = False

    @property
    def evse(self) -> Evse:
        return self.homes[0]

    @property
    def key(self) -> StartKey:
        command = self.command
        if command.transaction_ref is not None:
            return command.station_id, command.transaction_ref
        place = self.stray or self.evse.pk
        return (command.station_id, place, self.token, command.meter_start_milliwh, command.started_at)


@transaction.atomic(savepoint=False)
def start_sessions(commands: tuple[StartCommand, ...]) -> tuple[StartOutcome, ...]:
    """Begin a session for each start; a repeated start finds the session it began and the same answer.

    Natural key: station, EVSE, id token, meter start and instant, against a session that is live or whose start was
    received within 72 h with a plausible clock. An unknown or blocked card's session is kept and billed to nobody.

    A connector that the station does not have is no reason to lose a session: it is kept for a person to look at. A
    station that was set up with none gets the one that it names.
    """
    if not commands:
        return ()
    starts = _on_locked_evses(commands)
    sessions = _find_begun(starts)
    fresh: dict[StartKey, _Start] = {}
    for start in starts:
        if start.key not in sessions:
            fresh.setdefault(start.key, start)
    if fresh:
        sessions |= dict(zip(fresh, _begin(_housed(list(fresh.values()))), strict=True))
    return tuple(outcome_of(sessions[start.key]) for start in starts)


def claim(session: ChargingSession, *, token: str, command: StartCommand) -> None:
    """Let a session that waited for its token run on the token's account, if it may; the caller saves.

    session  locked, with EVSE, station and location loaded · token  normalised
    """
    session.evse.station = session.station
    start = _Start(command=command, homes=(session.evse,), token=token, stray="")
    (permission,) = _permissions([start])
    _set_account(session, start, permission)
    session.review_reasons = [*session.review_reasons, *permission.sentences]
    _use([start], [permission], [session])
    use_reservations([_beginning(start, session)])


def outcome_of(session: ChargingSession) -> StartOutcome:
    return StartOutcome(
        session_id=session.pk,
        transaction_id=session.transaction_id,
        status=AuthorisationStatus(session.authorisation),
        id_token=session.id_token,
    )


def _on_locked_evses(commands: Sequence[StartCommand]) -> list[_Start]:
    """Lock the EVSEs in pk order, so that the same start on two processes is looked up by one after the other."""
    by_station = _lock_evses({command.station_id for command in commands})
    bare = [command for command in commands if command.station_id not in by_station]
    if bare:
        rows = {(command.station_id, _likely_number(command)): command for command in bare}
        new = [Evse(station_id=station_id, number=number) for station_id, number in sorted(rows)]
        Evse.objects.bulk_create(new, ignore_conflicts=True)
        by_station |= _lock_evses({command.station_id for command in bare})
    added = {command.station_id for command in bare}
    return [
        _start_of(command, by_station[command.station_id], is_added=command.station_id in added) for command in commands
    ]


def _lock_evses(station_ids: Collection[int]) -> dict[int, dict[int, Evse]]:
    evses = (
        Evse.objects.select_for_update(no_key=True, of=("self",))
        .filter(station_id__in=station_ids)
        .select_related("station__location")
        .order_by("pk")
    )
    by_station: dict[int, dict[int, Evse]] = {}
    for evse in evses:
        by_station.setdefault(evse.station_id, {})[evse.number] = evse
    return by_station


def _likely_number(command: StartCommand) -> int:
    return command.evse_number if 1 <= command.evse_number <= _MOST_EVSES else 1


def _start_of(command: StartCommand, by_number: dict[int, Evse], *, is_added: bool) -> _Start:
    homes = _homes_of(command, by_number)
    return _Start(
        command=command,
        homes=homes,
        token=normalise_uid(command.id_token)[:_MAX_TOKEN_CHARS],
        stray=_stray(command, homes),
        is_added=is_added,
    )


def _stray(command: StartCommand, homes: Sequence[Evse]) -> str:
    if any(home.number == command.evse_number for home in homes):
        return ""
    if command.evse_number == 0 and command.transaction_ref is not None:
        return PLACE_UNTOLD if len(homes) > 1 else ""
    return f"{_STRAY}{command.evse_number}, which it does not have."


def _homes_of(command: StartCommand, by_number: dict[int, Evse]) -> tuple[Evse, ...]:
    if command.evse_number in by_number:
        return (by_number[command.evse_number],)
    return tuple(by_number[number] for number in sorted(by_number))


def _housed(starts: Sequence[_Start]) -> list[_Start]:
    """Give each stray start the lowest EVSE of its station at which nobody charges, or the lowest; in order."""
    homes = {home.pk for start in starts if len(start.homes) > 1 for home in start.homes}
    if not homes:
        return list(starts)
    live = ChargingSession.objects.filter(evse_id__in=homes, status=SessionStatus.LIVE)
    taken = set(live.values_list("evse_id", flat=True)) | {start.evse.pk for start in starts if len(start.homes) == 1}
    housed = []
    for start in starts:
        home = next((home for home in start.homes if home.pk not in taken), start.evse)
        taken.add(home.pk)
        housed.append(replace(start, homes=(home,)))
    return housed


def _find_begun(starts: Sequence[_Start]) -> dict[StartKey, ChargingSession]:
    """Find the sessions that these starts repeat; the newest where a clock that restarts made several."""
    refs = {
        (start.command.station_id, start.command.transaction_ref)
        for start in starts
        if start.command.transaction_ref is not None
    }
    found: dict[StartKey, ChargingSession] = dict(by_ref(ChargingSession.objects.all(), refs).items())
    return found | _find_repeated([start for start in starts if start.command.transaction_ref is None])


def _find_repeated(starts: Sequence[_Start]) -> dict[StartKey, ChargingSession]:
    if not starts:
        return {}
    candidates = ChargingSession.objects.filter(
        transaction_ref__isnull=True,
        evse_id__in={home.pk for start in starts for home in start.homes},
        started_at__in={start.command.started_at for start in starts},
    ).order_by("pk")
    by_key: dict[StartKey, list[ChargingSession]] = {}
    for session in candidates:
        stray = (reason for reason in session.review_reasons if reason.startswith(_STRAY))
        place = next(stray, session.evse_id)
        key = (session.station_id, place, session.id_token, session.meter_start_milliwh, session.started_at)
        by_key.setdefault(key, []).append(session)
    return {
        start.key: session
        for start in starts
        for session in by_key.get(start.key, [])
        if is_repeated_start(
            is_live=session.status == SessionStatus.LIVE,
            started_at=session.started_at,
            start_received_at=session.start_received_at,
            received_at=start.command.received_at,
        )
    }


def _begin(starts: Sequence[_Start]) -> list[ChargingSession]:
    """Write the new sessions with their grants and begin readings."""
    permissions = _permissions(starts)
    sessions = [_new_session(*pair) for pair in zip(starts, permissions, strict=True)]
    draw_transaction_ids(sessions)
    displace(sessions)
    insert_rows(sessions)
    _use(starts, permissions, sessions)
    _write_begin_readings(sessions)
    tell_boards_on_commit(session.station_id for session in sessions)
    for session in use_reservations([_beginning(*pair) for pair in zip(starts, sessions, strict=True)]):
        session.save(update_fields=["reserved_from"])
    return sessions


def _beginning(start: _Start, session: ChargingSession) -> Beginning:
    command = start.command
    return Beginning(
        session=session,
        started_at=command.started_at,
        received_at=command.received_at,
        named_id=command.reservation_id,
    )


def _use(starts: Sequence[_Start], permissions: Sequence[Permission], sessions: Sequence[ChargingSession]) -> None:
    """Let stored sessions use up what permits them."""
    _write_grants(starts, permissions, sessions)
    write_decisions(zip(sessions, permissions, strict=True))
    _mark_versions_used(starts, permissions)
    _stop_misused(starts, permissions, sessions)


def _permissions(starts: Sequence[_Start]) -> list[Permission]:
    """Ask for each start's token; a named transaction (OCPP 2.0.1) that nobody has claimed yet asks for nothing."""
    asking = [start for start in starts if start.token or start.command.transaction_ref is None]
    requests = [
        Request(
            token=start.token,
            evse=start.evse,
            at=believed_at(start.command.started_at, start.command.received_at),
            is_under_way=_was_offline(start.command),
        )
        for start in asking
    ]
    answers = dict(zip((start.key for start in asking), permit(requests), strict=True)) if requests else {}
    return [answers.get(start.key, Permission(status=AuthorisationStatus.INVALID)) for start in starts]


def _was_offline(command: StartCommand) -> bool:
    """Tell whether the station let it begin by itself; a clock that was never set says nothing of that."""
    is_late = command.received_at - command.started_at > TOLD_AT_ONCE
    return is_late and is_plausible(command.started_at, command.received_at)


def _new_session(start: _Start, permission: Permission) -> ChargingSession:
    location, command = start.evse.station.location, start.command
    session = ChargingSession(
        seller_id=location.owner_id,
        station_id=command.station_id,
        evse=start.evse,
        time_zone=location.time_zone,
        is_under_calibration_law=start.evse.station.is_under_calibration_law,
        transaction_ref=command.transaction_ref,
        begun_at=command.started_at if command.transaction_ref and command.phase is Phase.STARTED else None,
        claimed_at=command.started_at if command.transaction_ref and _claims(start) else None,
        # One that is first heard of at its end was over before: it must not take the EVSE from who charges now.
        status=SessionStatus.UNRESOLVED if command.phase is Phase.ENDED else SessionStatus.LIVE,
        started_at=command.started_at,
        start_received_at=command.received_at,
        start_frame_id=command.frame_id,
        meter_start_milliwh=command.meter_start_milliwh,
        review_reasons=[*command.notes, *_oddities(start), *permission.sentences],
    )
    _set_account(session, start, permission)
    return session


def _set_account(session: ChargingSession, start: _Start, permission: Permission) -> None:
    """Say on whose account the session runs."""
    # Nothing of a contract sticks to a session that it does not pay for.
    token = permission.token if permission.status is AuthorisationStatus.ACCEPTED else None
    session.id_token, session.token = start.token, permission.token
    session.contract_id = permission.grant.contract_id if permission.grant else token.contract_id if token else None
    session.vehicle_id = token.vehicle_id if token else None
    session.cost_centre_id = token.cost_centre_id if token else None
    session.home_charger = permission.home
    session.authorisation, session.tariff_version = permission.status, permission.version


def _claims(start: _Start) -> bool:
    """Tell whether the event brings the token on whose account the transaction runs; an end may bring another's."""
    return bool(start.token) and start.command.phase is not Phase.ENDED


def _oddities(start: _Start) -> Iterable[str]:
    """Say what a person must look at before the session is billed."""
    command = start.command
    if command.meter_start_milliwh is None and command.transaction_ref is None:
        yield "The begin reading could not be read."
    if start.stray:
        yield start.stray
    if start.is_added:
        yield f"The station was set up without connectors; connector {start.evse.number} was added when it charged."
    if not is_plausible(command.started_at, command.received_at):
        yield (
            f"The station's clock said {command.started_at:%Y-%m-%d %H:%M} UTC for a start received at "
            f"{command.received_at:%Y-%m-%d %H:%M} UTC."
        )


def displace(sessions: Sequence[ChargingSession]) -> None:
    """Leave one live session on each EVSE, the latest begun; whoever held it before is unresolved until its stop."""
    live = {
        session.evse_id: session
        for session in locked_sessions().filter(
            evse_id__in={session.evse_id for session in sessions}, status=SessionStatus.LIVE
        )
    }
    displaced = []
    for session in sessions:
        if session.status != SessionStatus.LIVE:
            continue
        holder = live.get(session.evse_id)
        if holder is not None and _began_before(session, holder):
            session.status = SessionStatus.UNRESOLVED
            continue
        if holder is not None:
            holder.status = advance(SessionStatus(holder.status), SessionStatus.UNRESOLVED)
            displaced.append(holder.pk)
        live[session.evse_id] = session
    stored = [pk for pk in displaced if pk is not None]
    if stored:
        ChargingSession.objects.filter(pk__in=stored).update(status=SessionStatus.UNRESOLVED)


def _began_before(session: ChargingSession, holder: ChargingSession) -> bool:
    """Tell whether a start that arrives now is older than the live session's, as far as both clocks are believed."""
    return (
        session.started_at < holder.started_at
        and is_plausible(session.started_at, session.start_received_at)
        and is_plausible(holder.started_at, holder.start_received_at)
    )


def _write_grants(
    starts: Sequence[_Start], permissions: Sequence[Permission], sessions: Sequence[ChargingSession]
) -> None:
    """Use up the grants that were written before, and make one from the contract for each accepted card."""
    used, made = [], []
    for start, permission, session in zip(starts, permissions, sessions, strict=True):
        if permission.grant is not None:
            permission.grant.used_by_session = session
            used.append(permission.grant)
        elif permission.version is not None:
            made.append(_grant_from_contract(start, permission, session))
    if used:
        StartGrant.objects.bulk_update(used, ["used_by_session"])
    insert_rows(made)


def _grant_from_contract(start: _Start, permission: Permission, session: ChargingSession) -> StartGrant:
    version = permission.version
    assert version is not None
    return StartGrant(
        seller_id=session.seller_id,
        station_id=session.station_id,
        evse=start.evse,
        token_hash=hash_token(start.token),
        tariff_version=version,
        contract_id=session.contract_id,
        currency=version.currency,
        discount_percent=permission.discount_percent,
        free_reason=permission.free_reason,
        reserved_amount=permission.reserved,
        granted_at=start.command.received_at,
        expires_at=start.command.received_at + CONTRACT_GRANT_LASTS,
        used_by_session=session,
    )


def _mark_versions_used(starts: Sequence[_Start], permissions: Sequence[Permission]) -> None:
    """Freeze the tariff versions that these sessions are the first to use."""
    unused = {
        permission.version.pk: start.command.received_at
        for start, permission in reversed(list(zip(starts, permissions, strict=True)))
        if permission.version is not None and permission.version.used_at is None
    }
    for version_id in sorted(unused):
        TariffVersion.objects.filter(pk=version_id, used_at__isnull=True).update(used_at=unused[version_id])


def _stop_misused(
    starts: Sequence[_Start], permissions: Sequence[Permission], sessions: Sequence[ChargingSession]
) -> None:
    """Ask for the stop of what a paid token began elsewhere, too late or again: some stations go on after Invalid."""
    for start, permission, session in zip(starts, permissions, sessions, strict=True):
        if permission.stop:
            request_stop(session_id=session.pk, at=start.command.received_at, reason=permission.stop)


def _write_begin_readings(sessions: Sequence[ChargingSession]) -> None:
    """Keep the register that a start names; in OCPP 2.0.1 it is a sample like the others, with its own instant."""
    insert_rows(
        [
            MeterReading(
                session=session,
                at=session.started_at,
                energy_milliwh=session.meter_start_milliwh,
                context="Transaction.Begin",
                frame_id=session.start_frame_id,
            )
            for session in sessions
            if session.meter_start_milliwh is not None
            and session.transaction_ref is None
            and session.start_frame_id is not None
        ]
    )
