"""Meter readings and vehicle states on the way; and the stop when a grant's limit is reached."""

from apps.sessions.domain.commands import (
    ConnectorStateCommand,
    ConnectorStateOutcome,
    ReadingsCommand,
    ReadingsOutcome,
)


def record_readings(commands: tuple[ReadingsCommand, ...]) -> tuple[ReadingsOutcome, ...]:
    """Store the readings of sessions, each (session, instant, energy) once; after the end too.

    A command without a transaction, or with an id that is not positive, belongs to its EVSE's live session; another
    station's id never matches. A session whose cost reaches its grant's limit is asked to stop, once.
    """
    raise NotImplementedError


def record_connector_states(commands: tuple[ConnectorStateCommand, ...]) -> tuple[ConnectorStateOutcome, ...]:
    """Store what connectors report, extend the timelines of sessions, settle ended ones once Available."""
    raise NotImplementedError
