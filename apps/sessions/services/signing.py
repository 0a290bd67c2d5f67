"""Signed meter values: kept as they came, checked once it can be, and what of them may be billed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.core.bells import ring_on_commit
from apps.core.sweeps import one_by_one
from apps.sessions.domain.calibration import NotCalibrated, ToldSession, is_same_measurement, verified_register
from apps.sessions.domain.signed import (
    Encoding,
    Moment,
    SignatureVerdict,
    SignedFormat,
    SignedSample,
    StatedReading,
    Statement,
    Verdict,
)
from apps.sessions.models import ChargingSession, SignatureCheck, SignedRecord
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.verification import Key, check_record, engine
from apps.stations.models import MeterKey
from apps.stations.selectors import meter_keys_at
from apps.stations.services import report_meter_keys
from apps.tariffs.domain.facts import Reading

LOOKED_BACK: Final = timedelta(days=30)
"""How old a record, or a key's adoption, may be for the sweeper to find it."""


class Signed(NamedTuple):
    """The signed values that one message brought for a session."""

    session: ChargingSession
    samples: Sequence[SignedSample]
    received_at: datetime
    frame_id: int


def store_signed(messages: Iterable[Signed]) -> None:
    """Keep signed records, each once per session, and note the keys that came with them, in two statements at most.

    Checking them waits: it takes longer than what a station waits for its answer should.
    """
    brought = [(message, sample) for message in messages for sample in message.samples]
    if not brought:
        return
    rows = {(row.session_id, row.sha256): row for row in (_record(*one) for one in brought)}
    SignedRecord.objects.bulk_create([rows[key] for key in sorted(rows)], ignore_conflicts=True)
    keys = [(message.session, sample.public_key) for message, sample in brought if sample.public_key]
    if keys:
        report_meter_keys(
            ((session.station_id, session.evse_id, text) for session, text in keys),
            at=max(message.received_at for message, _ in brought),
        )
    # One bell a session: the others are found when it is rated, or by the sweeper.
    for session_id in sorted({message.session.pk for message, sample in brought if sample.moment is Moment.END}):
        ring_on_commit("session.signed", id=session_id)


def _record(message: Signed, sample: SignedSample) -> SignedRecord:
    return SignedRecord(
        session_id=message.session.pk,
        at=sample.at or message.received_at,
        received_at=message.received_at,
        moment=sample.moment,
        format=sample.format,
        encoding=sample.encoding,
        raw=sample.raw,
        sha256=sha256(sample.raw).hexdigest(),
        method=sample.method,
        encoding_method=sample.encoding_method,
        public_key=sample.public_key,
        frame_id=message.frame_id,
    )


@transaction.atomic
def check_signatures(*, session_id: int, at: datetime) -> int:
    """Check those of a session's records that were not, or whose verdict may change now; return how many.

    It may change with a key adopted since, or with another version of what checks; what is verified stays so.
    """
    session = locked_sessions().get(pk=session_id)
    due = [record for record in session.signed_records.prefetch_related("checks") if _is_due(session, record)]
    SignatureCheck.objects.bulk_create([_check(session, record, at) for record in due])
    return len(due)


def _is_due(session: ChargingSession, record: SignedRecord) -> bool:
    last = latest_check(record)
    if last is None:
        return True
    if last.verdict == Verdict.VERIFIED:
        return False
    adopted_since = MeterKey.objects.filter(station_id=session.station_id, adopted_at__gt=last.checked_at)
    return last.engine != engine() or adopted_since.exists()


def latest_check(record: SignedRecord) -> SignatureCheck | None:
    """Return the check that counts, of a record whose checks are loaded."""
    return max(record.checks.all(), key=lambda check: check.pk, default=None)


def _keys(session: ChargingSession, record: SignedRecord) -> Any:
    return meter_keys_at(station_id=session.station_id, evse_id=session.evse_id, at=record.at)


def _check(session: ChargingSession, record: SignedRecord, at: datetime) -> SignatureCheck:
    keys = [Key(id=key.pk, der=key.public_key, name=key.short_fingerprint) for key in _keys(session, record)]
    found = check_record(
        raw=bytes(record.raw), encoding=Encoding(record.encoding), format=SignedFormat(record.format), keys=keys
    )
    if found.verdict is Verdict.NO_KEY and _has_reported_key(session):
        found = replace(found, reason="The station reported a key for its meter, and nobody has adopted it yet.")
    return SignatureCheck(
        record=record,
        checked_at=at,
        verdict=found.verdict,
        reason=found.reason[:300],
        key_id=found.key_id,
        engine=engine(),
        meter=found.statement.meter,
        pagination=found.statement.pagination,
        statement=statement_document(found.statement),
    )


def _has_reported_key(session: ChargingSession) -> bool:
    return MeterKey.objects.filter(
        station_id=session.station_id, evse_id=session.evse_id, adopted_at__isnull=True
    ).exists()


def sweep_signatures(*, at: datetime, limit: int = 500) -> int:
    """Check the records that no bell has brought here, and those whose key was adopted since.

    Returns how many sessions were looked at.
    """
    since = at - LOOKED_BACK
    unchecked = SignedRecord.objects.filter(received_at__gte=since, checks__isnull=True)
    ids = list(unchecked.order_by("session_id").values_list("session_id", flat=True).distinct()[:limit])
    ids += _waiting_for_a_key(since, limit)
    return one_by_one(dict.fromkeys(ids), lambda session_id: check_signatures(session_id=session_id, at=at))


def _waiting_for_a_key(since: datetime, limit: int) -> list[int]:
    """Find sessions with a record that is not verified and was last checked before a key of its station was adopted."""
    stations = list(MeterKey.objects.filter(adopted_at__gte=since).values_list("station_id", flat=True).distinct())
    if not stations:
        return []
    checks = SignatureCheck.objects.filter(record=OuterRef("pk"))
    newest = MeterKey.objects.filter(station=OuterRef("record__session__station")).order_by("-adopted_at")
    newest = newest.filter(adopted_at__isnull=False)
    after = checks.filter(checked_at__gte=newest.values("adopted_at")[:1])
    waiting = SignedRecord.objects.filter(
        ~Exists(checks.filter(verdict=Verdict.VERIFIED)), ~Exists(after), session__station_id__in=stations
    )
    return list(waiting.order_by("session_id").values_list("session_id", flat=True).distinct()[:limit])


def verified_readings(session: ChargingSession, *, begin: Reading, end: Reading) -> tuple[Reading, Reading]:
    """Return a session's register at begin and end as its meter signed it; its records are checked already.

    begin, end  the register as the station told it

    :raises NotCalibrated: there is no verified pair, or it is not of this session
    """
    assert session.ended_at is not None
    checks = [latest_check(record) for record in session.signed_records.prefetch_related("checks").order_by("at", "pk")]
    known = [check for check in checks if check is not None]
    if not known:
        raise NotCalibrated("The station sent no signed meter values.")
    _check_not_replayed(session, known)
    told = ToldSession(started_at=session.started_at, ended_at=session.ended_at, begin=begin, end=end)
    return verified_register([as_verdict(check) for check in known], told)


def _check_not_replayed(session: ChargingSession, checks: Sequence[SignatureCheck]) -> None:
    """Refuse a record that states what a record of another session of this seller states."""
    verified = [check for check in checks if check.verdict == Verdict.VERIFIED]
    others = (
        SignatureCheck.objects.filter(
            meter__in={check.meter for check in verified},
            pagination__in={check.pagination for check in verified},
            verdict=Verdict.VERIFIED,
            record__session__seller_id=session.seller_id,
        )
        .exclude(record__session=session)
        .select_related("record__session__station")
    )
    for other in others:
        statement = as_verdict(other).statement
        if any(is_same_measurement(as_verdict(check).statement, statement) for check in verified):
            raise NotCalibrated(f"A signed value was sent for another session too ({other.record.session}).")


def statement_document(statement: Statement) -> dict[str, Any]:
    """Return a statement as it is stored."""
    readings = [{**asdict(reading), "at": reading.at.isoformat()} for reading in statement.readings]
    return {**asdict(statement), "readings": readings}


def as_verdict(check: SignatureCheck) -> SignatureVerdict:
    """Return a stored check as the domain reads it."""
    stored = check.statement
    readings = tuple(
        StatedReading(**{**reading, "at": datetime.fromisoformat(reading["at"]), "moment": Moment(reading["moment"])})
        for reading in stored["readings"]
    )
    return SignatureVerdict(
        verdict=Verdict(check.verdict),
        reason=check.reason,
        key_id=check.key_id,
        statement=Statement(**{**stored, "readings": readings}),
    )
