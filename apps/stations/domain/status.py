"""State tables of the hardware: registration, connectors (OCPP 1.6 §7.7), commands."""

from enum import StrEnum

from apps.core.domain.moves import check_move


class RegistrationStatus(StrEnum):
    """What BootNotification is answered with (OCPP 1.6 §7.45)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class ConnectorStatus(StrEnum):
    """OCPP 1.6 §7.7 ChargePointStatus, and UNKNOWN before the first message.

    OCCUPIED is 2.0.1's, of a connector with a cable in it: what the vehicle does is told by its transaction's events.
    """

    UNKNOWN = "Unknown"
    AVAILABLE = "Available"
    PREPARING = "Preparing"
    OCCUPIED = "Occupied"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class CommandStatus(StrEnum):
    REQUESTED = "requested"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"


NEXT: dict[CommandStatus, frozenset[CommandStatus]] = {
    CommandStatus.REQUESTED: frozenset({CommandStatus.SENT, CommandStatus.TIMED_OUT}),
    CommandStatus.SENT: frozenset({CommandStatus.ACCEPTED, CommandStatus.REJECTED, CommandStatus.TIMED_OUT}),
    CommandStatus.ACCEPTED: frozenset(),
    CommandStatus.REJECTED: frozenset(),
    CommandStatus.TIMED_OUT: frozenset(),
}


def advance(status: CommandStatus, to: CommandStatus) -> CommandStatus:
    """Return ``to``.

    :raises IllegalMove: a command does not go from ``status`` to ``to``
    """
    return check_move(NEXT, status, to)
