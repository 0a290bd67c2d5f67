"""A site and the messages of its station, as the wire hands them over."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.core.audit import Violation, find_violations
from apps.sessions import services
from apps.sessions.domain.commands import (
    ConnectorStateCommand,
    EndCommand,
    MeterSample,
    ReadingsCommand,
    StartCommand,
    StartOutcome,
)
from apps.sessions.models import ChargingSession
from tests.factories import NOON, Site, make_site

KWH = 1_000_000
BEGIN = 1_000 * KWH


class Wire:
    """What the station of a site says; every message has its own frame id."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._frame_id = 0

    def frame(self) -> int:
        self._frame_id += 1
        return self._frame_id

    def start(self, **fields: Any) -> StartCommand:
        at = fields.get("started_at", NOON)
        values = {
            "station_id": self.site.station.pk,
            "evse_number": 1,
            "id_token": self.site.token.uid,
            "meter_start_milliwh": BEGIN,
            "started_at": at,
            "received_at": at,
            "frame_id": self.frame(),
        }
        return StartCommand(**{**values, **fields})

    def readings(self, transaction_id: int | None, *samples: tuple[datetime, int], **fields: Any) -> ReadingsCommand:
        values = {
            "station_id": self.site.station.pk,
            "evse_number": 1,
            "transaction_id": transaction_id,
            "samples": tuple(MeterSample(at=at, energy_milliwh=energy) for at, energy in samples),
            "received_at": samples[-1][0] if samples else NOON,
            "frame_id": self.frame(),
        }
        return ReadingsCommand(**{**values, **fields})

    def end(self, transaction_id: int, **fields: Any) -> EndCommand:
        at = fields.get("ended_at", NOON + timedelta(hours=1))
        values = {
            "station_id": self.site.station.pk,
            "transaction_id": transaction_id,
            "id_token": None,
            "meter_stop_milliwh": BEGIN + 10 * KWH,
            "ended_at": at,
            "reason": "Local",
            "samples": (),
            "received_at": at,
            "frame_id": self.frame(),
        }
        return EndCommand(**{**values, **fields})

    def status(self, status: str, at: datetime, **fields: Any) -> ConnectorStateCommand:
        values = {
            "station_id": self.site.station.pk,
            "evse_number": 1,
            "status": status,
            "error_code": "NoError",
            "at": at,
            "received_at": at,
            "frame_id": self.frame(),
        }
        return ConnectorStateCommand(**{**values, **fields})

    def begin(self, **fields: Any) -> StartOutcome:
        """Start one session and return its outcome."""
        (outcome,) = services.start_sessions((self.start(**fields),))
        return outcome

    def finish(self, transaction_id: int, **fields: Any) -> ChargingSession:
        """End one session and return it."""
        (outcome,) = services.end_sessions((self.end(transaction_id, **fields),))
        return ChargingSession.objects.get(pk=outcome.session_id)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def wire(site: Site) -> Wire:
    return Wire(site)


def violations() -> list[Violation]:
    """Return what the audit finds, but for I10: here no wire keeps frames."""
    return [violation for violation in find_violations() if violation.invariant != "I10"]


def session_of(outcome: Any) -> ChargingSession:
    return ChargingSession.objects.get(pk=outcome.session_id)


@pytest.fixture
def settled(wire: Wire) -> ChargingSession:
    """A session of 10 kWh in an hour, settled."""
    session = wire.finish(wire.begin().transaction_id)
    services.settle_sessions(session_ids=[session.pk], at=NOON + timedelta(hours=2))
    session.refresh_from_db()
    return session
