"""What the wire asks of sessions, and what it gets back: version-neutral, plain values.

Every command carries ``frame_id``, the raw frame it came from, and ``note``: what was odd about it (schema
verdict, clock without zone, …), which goes to review and never suppresses an answer.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.sessions.domain.signed import SignedSample


class AuthorisationStatus(StrEnum):
    """OCPP 1.6 §7.2."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSample:
    """A register reading: ``energy_milliwh`` of Energy.Active.Import.Register at ``at``.

    context  OCPP reading context: Transaction.Begin, Sample.Periodic, Transaction.End, …
    """

    at: datetime
    energy_milliwh: int
    context: str = "Sample.Periodic"


class Measurand(StrEnum):
    """What a station measures besides energy, as far as a tariff may ask for it."""

    POWER = "power"
    CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSample:
    """Power in milliwatts or current in milliamperes, the sum of all phases, at ``at``; never negative."""

    at: datetime
    kind: Measurand
    value_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCommand:
    """A station says that a transaction began. The natural key is everything but ``received_at``, frame and notes.

    evse_number    OCPP 1.6: connectorId
    meter_start_milliwh  None: unreadable, which goes to review
    """

    station_id: int
    evse_number: int
    id_token: str
    meter_start_milliwh: int | None
    started_at: datetime
    received_at: datetime
    frame_id: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOutcome:
    """transaction_id: random positive 31-bit, unique per station; the same for the same start repeated."""

    session_id: int
    transaction_id: int
    status: AuthorisationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsCommand:
    """Readings of a transaction, or (transaction_id None) of a connector."""

    station_id: int
    evse_number: int
    transaction_id: int | None
    samples: tuple[MeterSample, ...]
    received_at: datetime
    frame_id: int
    notes: tuple[str, ...] = ()
    measured: tuple[MeasuredSample, ...] = ()
    signed: tuple[SignedSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsOutcome:
    """session_id: None when no session of this station could be found; the raw frame keeps what was said."""

    session_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCommand:
    """A station says that a transaction ended."""

    station_id: int
    transaction_id: int
    id_token: str | None
    meter_stop_milliwh: int | None
    ended_at: datetime
    reason: str
    samples: tuple[MeterSample, ...]
    received_at: datetime
    frame_id: int
    notes: tuple[str, ...] = ()
    measured: tuple[MeasuredSample, ...] = ()
    signed: tuple[SignedSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOutcome:
    session_id: int | None
    status: AuthorisationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStateCommand:
    """A connector's status as reported (OCPP 1.6 §7.7); evse_number 0 is the whole station."""

    station_id: int
    evse_number: int
    status: str
    error_code: str
    at: datetime
    received_at: datetime
    frame_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStateOutcome:
    """session_id: whose timeline the state went into; None when it says nothing about a session."""

    session_id: int | None
