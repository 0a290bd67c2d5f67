"""What the chargers said, looked for in the database: exactly that, once, and nothing else."""

from collections.abc import Sequence
from datetime import datetime

from apps.ocpp.models import Direction, Frame
from apps.sessions.models import ChargingSession, MeterReading
from apps.stations.models import ChargingStation
from bench import chargers


def assert_samples_kept(stations: Sequence[ChargingStation], done: Sequence[int], since: datetime) -> None:
    """Assert that the readings of each station are its begin and the samples that were answered."""
    for index, (station, samples) in enumerate(zip(stations, done, strict=True)):
        said = [_kept(chargers.sample(index, number, since=since)) for number in range(samples + 1)]
        assert _readings(station) == said, f"{station} said {len(said)} readings"


def assert_sessions_kept(stations: Sequence[ChargingStation], done: Sequence[int], since: datetime) -> None:
    """Assert that each station's sessions and readings are those that were answered, none waiting for a person."""
    for index, (station, sessions) in enumerate(zip(stations, done, strict=True)):
        said = [
            [_kept(one) for one in chargers.session_samples(index, number, since=since)] for number in range(sessions)
        ]
        assert _readings(station) == [reading for session in said for reading in session], station
        rows = ChargingSession.objects.filter(station=station).order_by("started_at")
        ends = [(*session[-1], []) for session in said]
        kept = list(rows.values_list("ended_at", "meter_stop_milliwh", "review_reasons"))
        assert kept == ends, station


def assert_each_answered_once(stations: Sequence[ChargingStation], *, messages: int, commands: int = 0) -> None:
    """Assert that each call was kept and answered once, the stations' and ours."""
    frames = Frame.objects.filter(station__in=stations)
    counts = [frames.filter(direction=direction).count() for direction in (Direction.IN, Direction.OUT)]
    assert counts == [messages + commands, messages + commands], (counts, messages, commands)


def _readings(station: ChargingStation) -> list[tuple[datetime, int]]:
    rows = MeterReading.objects.filter(session__station=station).order_by("at", "energy_milliwh")
    return list(rows.values_list("at", "energy_milliwh"))


def _kept(said: tuple[datetime, int]) -> tuple[datetime, int]:
    """Return a reading as it is stored, in milliwatt-hours."""
    at, wh = said
    return at, wh * 1000
