"""Turn OCPP meter values into energy readings: integer milliwatt-hours of one register, or a note why not.

Only ``Energy.Active.Import.Register`` counts (the default measurand, OCPP 1.6 §7.31), in Wh or kWh, at the
outlet. Of one instant and context the total is taken; values per phase are added up only where no total was
sent. A number is money, so only ``^-?\\d{1,12}(\\.\\d{1,6})?$`` in ASCII is one; what is finer than a
milliwatt-hour is rounded half up; the text itself stays in the raw frame. Nothing here raises: what cannot be
read becomes a problem, which the caller brings to a person.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from apps.ocpp.domain.instants import read_instant
from apps.sessions.domain.commands import MeterSample

ENERGY_REGISTER: Final = "Energy.Active.Import.Register"
DEFAULT_CONTEXT: Final = "Sample.Periodic"
# Any longer text is noise; the library's own contexts have at most 18 characters.
_MAX_CONTEXT_CHARS: Final = 24

_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_MILLIWH_PER_UNIT: Final = {"Wh": 1_000, "kWh": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The readings of one message, ``at`` ascending, and what was odd or could not be read."""

    readings: tuple[MeterSample, ...] = ()
    problems: tuple[str, ...] = ()


NO_READINGS: Final = Readings()


def read_energy(value: Any, unit: str = "Wh") -> int | None:
    """Read a register in mWh, or None for what is no number, or in no unit of energy, by our strict rule.

    ``value`` is a text in a sampled value, a JSON number (or, against the schema, a text) in meterStart and
    meterStop.
    """
    factor = _MILLIWH_PER_UNIT.get(unit) if isinstance(unit, str) else None
    text = value if isinstance(value, str) else str(value) if type(value) in (int, Decimal) else ""
    if factor is None or not _NUMBER.fullmatch(text):
        return None
    return int((Decimal(text) * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def read_meter_values(meter_values: Any) -> Readings:
    """Read MeterValues.req's ``meterValue`` or StopTransaction.req's ``transactionData`` (OCPP 1.6 §7.32)."""
    if not isinstance(meter_values, list):
        return Readings(problems=("the meter values are not a list",))
    readings: list[MeterSample] = []
    problems: list[str] = []
    for meter_value in meter_values:
        found, odd = _read_meter_value(meter_value)
        readings += found
        problems += odd
    readings.sort(key=lambda reading: reading.at)
    return Readings(readings=tuple(readings), problems=tuple(dict.fromkeys(problems)))


def _read_meter_value(meter_value: Any) -> tuple[list[MeterSample], list[str]]:
    if not isinstance(meter_value, dict) or not isinstance(meter_value.get("sampledValue"), list):
        return [], ["a meter value is not an object with a list of samples"]
    at, notes = read_instant(meter_value.get("timestamp"))
    problems = list(notes)
    if at is None:
        return [], problems
    readings = []
    for context, samples in _by_context(meter_value["sampledValue"], problems).items():
        energy_milliwh = _energy_of(samples, problems)
        if energy_milliwh is not None:
            readings.append(MeterSample(at=at, energy_milliwh=energy_milliwh, context=context))
    return readings, problems


def _by_context(sampled: Iterable[Any], problems: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Keep the samples of the energy register at the outlet, by their context."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for sample in sampled:
        if not isinstance(sample, dict):
            problems.append("a sample is not an object")
        elif _is_import_at_outlet(sample):
            context = str(sample.get("context", DEFAULT_CONTEXT))[:_MAX_CONTEXT_CHARS]
            kept.setdefault(context, []).append(sample)
    return kept


def _is_import_at_outlet(sample: dict[str, Any]) -> bool:
    measurand, location = sample.get("measurand", ENERGY_REGISTER), sample.get("location", "Outlet")
    return bool(measurand == ENERGY_REGISTER and location == "Outlet")


def _energy_of(samples: list[dict[str, Any]], problems: list[str]) -> int | None:
    """Read the register of one instant and context: its one total, else the sum of its phases."""
    totals = [sample for sample in samples if sample.get("phase") is None]
    values = [_read_sample(sample, problems) for sample in totals or samples]
    # A part that cannot be read would make the sum too small: no reading is better than half of one.
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        return None
    if not totals:
        problems.append("the energy was sent per phase and added up")
        return sum(known)
    if len(set(known)) > 1:
        problems.append("two different totals for one instant")
        return None
    return known[0]


def _read_sample(sample: dict[str, Any], problems: list[str]) -> int | None:
    if sample.get("format", "Raw") != "Raw":
        problems.append("a signed value is kept in the frame, not read")
        return None
    energy_milliwh = read_energy(sample.get("value"), sample.get("unit", "Wh"))
    if energy_milliwh is None:
        problems.append(f"no energy: {str(sample.get('value'))[:40]!r} {str(sample.get('unit', 'Wh'))[:20]!r}")
    return energy_milliwh
