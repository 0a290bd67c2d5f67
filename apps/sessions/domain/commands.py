"""What the wire asks of sessions, and what it gets back: version-neutral, plain values.

Every command carries ``frame_id``, the raw frame it came from, and ``note``: what was odd about it (schema
verdict, clock without zone, …), which goes to review and never suppresses an answer.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.sessions.domain.signed import SignedSample
from apps.sessions.domain.states import ReportedState
from apps.stations.domain.status import ConnectorStatus


class AuthorisationStatus(StrEnum):
    """OCPP 1.6 §7.2."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseCommand:
    """A station asks whether a token, as it sent it, may charge there at that instant."""

    station_id: int
    token: str
    at: datetime


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


class Phase(StrEnum):
    """What an event of a transaction speaks of (OCPP 2.0.1 TransactionEventEnumType)."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCommand:
    """A station says that a transaction began, or (OCPP 2.0.1) speaks of one that it named itself.

    The natural key is everything but ``received_at``, frame and notes; where there is a ``transaction_ref``, it is
    (station, that).

    evse_number    OCPP 1.6: connectorId; 0 with a transaction_ref: the event does not say
    id_token       "" with a transaction_ref: the event does not say
    meter_start_milliwh  None: unreadable, which goes to review; with a transaction_ref: the event does not say
    started_at     with a transaction_ref: the event's instant, whatever its phase
    transaction_ref  the station's own id of the transaction (OCPP 2.0.1), at most 36 characters
    reservation_id  of ours, that the station says the start uses; 0: it names none
    """

    station_id: int
    evse_number: int
    id_token: str
    meter_start_milliwh: int | None
    started_at: datetime
    received_at: datetime
    frame_id: int
    notes: tuple[str, ...] = ()
    transaction_ref: str | None = None
    phase: Phase = Phase.STARTED
    reservation_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOutcome:
    """transaction_id: random positive 31-bit, unique per station; the same for the same start repeated.

    id_token  on whose account the session runs, normalised; "" where no token was told
    ended_at  with a transaction_ref: when the session had ended before; None: it runs
    """

    session_id: int
    transaction_id: int
    status: AuthorisationStatus
    id_token: str = ""
    ended_at: datetime | None = None

    def speaks_of(self, token: str) -> bool:
        """Tell whether ``status`` is that of ``token``."""
        return token.strip().upper() == self.id_token


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
    """What became of a stop.

    session_id    None: it belongs to no session that is known
    contradicts   the session ended before with another register, which stands
    """

    session_id: int | None
    status: AuthorisationStatus
    contradicts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStateCommand:
    """A connector's status as reported (OCPP 1.6 §7.7); evse_number 0 is the whole station.

    connector_number  within the EVSE (OCPP 2.0.1); None: the EVSE has one state, as in 1.6
    """

    station_id: int
    evse_number: int
    status: str
    error_code: str
    at: datetime
    received_at: datetime
    frame_id: int
    connector_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStateOutcome:
    """session_id: whose timeline the state went into; None when it says nothing about a session."""

    session_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleStateCommand:
    """What an event says of a transaction's vehicle (OCPP 2.0.1 chargingState), and so of its connector.

    transaction_id    ours, as ``StartOutcome`` gives it
    connector_status  None: nothing · connector_number  None: the event does not say which of the EVSE's
    """

    station_id: int
    transaction_id: int
    state: ReportedState
    connector_status: ConnectorStatus | None
    connector_number: int | None
    at: datetime
    received_at: datetime
    frame_id: int
