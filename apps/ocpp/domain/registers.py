"""Turn OCPP meter values into energy readings: integer milliwatt-hours of one register, or a note why not.

For energy only ``Energy.Active.Import.Register`` counts (the default measurand, OCPP 1.6 §7.31), in Wh or kWh, at the
outlet. Of one instant and context the total is taken; values per phase are added up, each phase once, only where no
total was sent. A number is money, so only ``^-?\\d{1,12}(\\.\\d{1,6})?$`` in ASCII is one; what is finer than a
milliwatt-hour is rounded half up; the text itself stays in the raw frame. Nothing here raises: what cannot be
read becomes a problem, which the caller brings to a person.

Beside it ``Power.Active.Import`` (W, kW) and ``Current.Import`` (A) are read by the same rule, as the sum of phases:
that is what OCPI's tariffs ask for ("sum of the … current over all phases", 2.2.1 mod_tariffs). One that cannot be read
is none, without a note: it says how strong the current was, not how much was delivered.

What a meter signed is kept as it came (``signed``) and is no reading: nobody has verified it yet.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from apps.ocpp.domain.instants import read_instant
from apps.ocpp.domain.signed import find_signed, is_signed
from apps.sessions.domain.commands import Measurand, MeasuredSample, MeterSample
from apps.sessions.domain.signed import SignedSample

ADDED_UP: Final = "the energy was sent per phase and added up"
"""The one note that nobody has to look at: the phases of one meter make its total."""
TWICE: Final = "two different values of one phase for one instant"
ENERGY_REGISTER: Final = "Energy.Active.Import.Register"
DEFAULT_CONTEXT: Final = "Sample.Periodic"
# Any longer text is noise; the library's own contexts have at most 18 characters.
_MAX_CONTEXT_CHARS: Final = 24

_NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)
_MILLIWH_PER_UNIT: Final = {"Wh": 1_000, "kWh": 1_000_000}
_MEASURED: Final = {
    "Power.Active.Import": (Measurand.POWER, {"W": 1_000, "kW": 1_000_000}),
    "Current.Import": (Measurand.CURRENT, {"A": 1_000}),
}
"""Measurand → what it is, and thousandths of a watt or ampere per unit; the first unit is the usual one."""
_PHASE: Final = {f"L{n}{to}": n for n in (1, 2, 3) for to in ("", "-N")}
"""OCPP 1.6 §7.33; what flows from phase to phase or through N is in none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The readings of one message, ``at`` ascending, and what was odd or could not be read.

    measured  power and current, ``at`` ascending
    signed    records that the meter signed, as they came
    """

    readings: tuple[MeterSample, ...] = ()
    measured: tuple[MeasuredSample, ...] = ()
    signed: tuple[SignedSample, ...] = ()
    problems: tuple[str, ...] = ()


NO_READINGS: Final = Readings()


def read_energy(value: Any, unit: Any = "Wh") -> int | None:
    """Read a register in mWh, or None for what is no number, or in no unit of energy, by our strict rule.

    ``value`` is a text in a sampled value, a JSON number (or, against the schema, a text) in meterStart and
    meterStop.
    """
    return _read_number(value, _MILLIWH_PER_UNIT.get(unit) if isinstance(unit, str) else None)


def _read_number(value: Any, factor: int | None) -> int | None:
    """Read ``value`` × ``factor``, rounded half up; None for what is no number or has no factor."""
    text = value if isinstance(value, str) else str(value) if type(value) in (int, Decimal) else ""
    if factor is None or not _NUMBER.fullmatch(text):
        return None
    return int((Decimal(text) * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def read_meter_values(meter_values: Any) -> Readings:
    """Read MeterValues.req's ``meterValue`` or StopTransaction.req's ``transactionData`` (OCPP 1.6 §7.32)."""
    if not isinstance(meter_values, list):
        return Readings(problems=("the meter values are not a list",))
    readings: list[MeterSample] = []
    measured: list[MeasuredSample] = []
    signed: list[SignedSample] = []
    problems: list[str] = []
    for meter_value in meter_values:
        if not isinstance(meter_value, dict) or not isinstance(meter_value.get("sampledValue"), list):
            problems.append("a meter value is not an object with a list of samples")
            continue
        at, notes = read_instant(meter_value.get("timestamp"))
        problems += notes
        signed += _read_signed(meter_value["sampledValue"], at)
        if at is not None:
            readings += _read_register(meter_value["sampledValue"], at, problems)
            measured += _read_measured(meter_value["sampledValue"], at)
    readings.sort(key=lambda reading: reading.at)
    measured.sort(key=lambda sample: sample.at)
    return Readings(
        readings=tuple(readings),
        measured=tuple(measured),
        signed=tuple(signed),
        problems=tuple(dict.fromkeys(problems)),
    )


def _read_signed(sampled: Iterable[Any], at: datetime | None) -> Iterator[SignedSample]:
    for sample in sampled:
        found = find_signed(sample, at=at) if isinstance(sample, dict) else None
        if found is not None:
            yield found


def _read_register(sampled: Iterable[Any], at: datetime, problems: list[str]) -> Iterator[MeterSample]:
    for context, samples in _by_context(sampled, problems).items():
        energy_milliwh = _energy_of(samples, problems)
        if energy_milliwh is not None:
            yield MeterSample(at=at, energy_milliwh=energy_milliwh, context=context)


def _by_context(sampled: Iterable[Any], problems: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Keep the samples of the energy register at the outlet, by their context."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for sample in sampled:
        if not isinstance(sample, dict):
            problems.append("a sample is not an object")
        elif _is_import_at_outlet(sample) and not is_signed(sample):
            context = str(sample.get("context", DEFAULT_CONTEXT))[:_MAX_CONTEXT_CHARS]
            kept.setdefault(context, []).append(sample)
    return kept


def _is_import_at_outlet(sample: dict[str, Any]) -> bool:
    measurand, location = sample.get("measurand", ENERGY_REGISTER), sample.get("location", "Outlet")
    return bool(measurand == ENERGY_REGISTER and location == "Outlet")


def _energy_of(samples: list[dict[str, Any]], problems: list[str]) -> int | None:
    """Read the register of one instant and context: its one total, else the sum of its phases, each told once."""
    told: dict[int | None, set[int | None]] = {}
    has_total = any(sample.get("phase") is None for sample in samples)
    for sample in samples:
        phase = sample.get("phase")
        number = _PHASE.get(phase) if isinstance(phase, str) else None
        if has_total and phase is not None:
            continue
        if phase is not None and number is None:
            problems.append(f"energy of no phase: {str(phase)[:40]!r}")
            return None
        told.setdefault(number, set()).add(_read_sample(sample, problems))
    if any(len(values) > 1 for values in told.values()):
        problems.append("two different totals for one instant" if has_total else TWICE)
        return None
    known = [value for values in told.values() for value in values if value is not None]
    # A part that cannot be read would make the sum too small: no reading is better than half of one.
    if len(known) != len(told):
        return None
    if not has_total:
        problems.append(ADDED_UP)
    return sum(known)


def _read_sample(sample: dict[str, Any], problems: list[str]) -> int | None:
    energy_milliwh = read_energy(sample.get("value"), sample.get("unit", "Wh"))
    if energy_milliwh is None:
        problems.append(f"no energy: {str(sample.get('value'))[:40]!r} {str(sample.get('unit', 'Wh'))[:20]!r}")
    return energy_milliwh


def _read_measured(sampled: Iterable[Any], at: datetime) -> Iterator[MeasuredSample]:
    """Read power and current of one instant: the total where one was sent, else the sum of the phases."""
    for name, (kind, factors) in _MEASURED.items():
        samples = [sample for sample in sampled if isinstance(sample, dict) and _is_at_outlet(sample, measurand=name)]
        value_milli = _strength_of(samples, factors) if samples else None
        if value_milli is not None and value_milli >= 0:
            yield MeasuredSample(at=at, kind=kind, value_milli=value_milli)


def _is_at_outlet(sample: dict[str, Any], *, measurand: str) -> bool:
    return bool(
        sample.get("measurand") == measurand
        and sample.get("location", "Outlet") == "Outlet"
        and sample.get("format", "Raw") == "Raw"
    )


def _strength_of(samples: Iterable[dict[str, Any]], factors: Mapping[str, int]) -> int | None:
    """Return thousandths of a watt or ampere; None if a phase cannot be read, or what was sent contradicts itself."""
    usual = next(iter(factors))
    totals: set[int | None] = set()
    phases: dict[int, set[int | None]] = {}
    for sample in samples:
        unit = sample.get("unit", usual)
        value = _read_number(sample.get("value"), factors.get(unit) if isinstance(unit, str) else None)
        phase = sample.get("phase")
        if phase is None:
            totals.add(value)
        elif isinstance(phase, str) and phase in _PHASE:
            phases.setdefault(_PHASE[phase], set()).add(value)
    told = [totals] if totals else list(phases.values())
    values = [value for one in told for value in one if value is not None]
    # Each told once and readable: half of a sum is worse than none.
    return sum(values) if values and len(values) == sum(map(len, told)) == len(told) else None
