"""Read OCPP 2.0.1's meter values (part 2 §2.29, MeterValueType) by the rules of ``registers``.

A value is a JSON number beside ``unitOfMeasure`` (unit and a power of ten), where 1.6 has a text beside ``unit``. Each
sample is written as 1.6 writes it, and read by the one reader there is. ``signedMeterValue`` stands beside the value,
not in its place, and stays in the raw frame.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from apps.ocpp.domain.registers import Readings, read_meter_values

_MOST_DIGITS: Final = 12
"""Before the point, as in ``registers``; also the largest power of ten that is taken."""
_FINEST: Final = Decimal("0.000001")


def read_meter_values_201(meter_values: Any) -> Readings:
    """Read the ``meterValue`` of TransactionEvent or MeterValues; whatever it is, nothing raises."""
    if not isinstance(meter_values, list):
        return read_meter_values(meter_values)
    return read_meter_values([_as_in_16(meter_value) for meter_value in meter_values])


def _as_in_16(meter_value: Any) -> Any:
    if not isinstance(meter_value, dict) or not isinstance(meter_value.get("sampledValue"), list):
        return meter_value
    return {**meter_value, "sampledValue": [_sample_as_in_16(sample) for sample in meter_value["sampledValue"]]}


def _sample_as_in_16(sample: Any) -> Any:
    if not isinstance(sample, dict):
        return sample
    rest = {key: value for key, value in sample.items() if key not in ("unitOfMeasure", "format")}
    # Without a measure it is Wh; some stations write the unit as 1.6 does.
    measure = sample.get("unitOfMeasure", {"unit": sample["unit"]} if "unit" in sample else {})
    if not isinstance(measure, dict):
        return {**rest, "unit": None}
    unit = {"unit": measure["unit"]} if "unit" in measure else {}
    return {**rest, "value": _scaled(sample.get("value"), measure.get("multiplier", 0)), **unit}


def _scaled(value: Any, multiplier: Any) -> Any:
    """Return value × 10^multiplier as a plain decimal text of at most six decimals; what is no number as it came.

    A number that went through binary floating point may have seventeen digits; they are rounded half up.
    """
    if type(value) not in (int, Decimal) or type(multiplier) is not int or abs(multiplier) > _MOST_DIGITS:
        return value if multiplier == 0 else None
    number = Decimal(value)
    if not number.is_finite() or number.adjusted() + multiplier > _MOST_DIGITS:
        return None
    if number.adjusted() + multiplier < -_MOST_DIGITS:
        return "0"
    return f"{number.scaleb(multiplier).quantize(_FINEST, rounding=ROUND_HALF_UP):f}"
