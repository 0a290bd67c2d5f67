"""Tell the price of a case as plain JSON values: decimals as texts, instants as UTC with a Z."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from apps.core.domain.money import EXACT
from apps.tariffs.domain.casefiles import PriceCase
from apps.tariffs.domain.facts import GrantTerms, VehicleState
from apps.tariffs.domain.rated import Adjustment, ChargingPeriod, PricedPart, RatedSession
from apps.tariffs.domain.rating import rate_session
from apps.tariffs.domain.terms import Dimension

Line = dict[str, object]

_KWH: Final = Decimal(1_000_000)
_HOUR: Final = Decimal(3_600_000)
_PICO: Final = Decimal("0.000000000001")
_UNITS: Final = {
    Dimension.ENERGY: (_KWH, "kWh"),
    Dimension.TIME: (_HOUR, "h"),
    Dimension.PARKING_TIME: (_HOUR, "h"),
    Dimension.FLAT: (Decimal(1), "session"),
}


def price_line(case: PriceCase) -> Line:
    """Price a case by OCPI's letter, without a grant, and return its line; a case for review has no price.

    ``total_cost`` is rounded as we bill it, ``exact_cost`` not at all; a side that cannot be worked out is None.

    :raises ValueError: the engine cannot price these facts
    """
    rated = None
    if case.facts is not None:
        rated = rate_session(facts=case.facts, terms=case.terms, grant=GrantTerms(), tax_rates=case.tax_rates)
    return {
        "id": case.case_id,
        "currency": case.terms.currency,
        "total_cost": None if rated is None else _cost(case, rated.net, rated.gross),
        "exact_cost": None if rated is None else _cost(case, rated.exact.net, rated.exact.gross, shortest=True),
        "periods": [] if rated is None else [_period(period) for period in rated.periods],
        "adjustments": [] if rated is None else _adjustments(case, rated),
        "review": list(case.review),
        "warnings": list(case.warnings),
    }


def _cost(case: PriceCase, net: Decimal, gross: Decimal, *, shortest: bool = False) -> dict[str, str | None]:
    told = _plain if shortest else _as_is
    return {
        "excl_vat": told(net) if case.has_net else None,
        "incl_vat": told(gross) if case.has_gross else None,
    }


def _adjustments(case: PriceCase, rated: RatedSession) -> list[Line]:
    return [_adjustment(case, adjustment) for adjustment in rated.adjustments]


def _adjustment(case: PriceCase, adjustment: Adjustment) -> Line:
    return {
        "kind": adjustment.kind.value,
        "reason": adjustment.reason,
        **_cost(case, adjustment.net, adjustment.gross),
    }


def _period(period: ChargingPeriod) -> Line:
    return {
        "start": _instant(period.start_ms),
        "end": _instant(period.end_ms),
        "state": period.state.value,
        "dimensions": [{"type": name, "volume": volume} for name, volume in _volumes(period)],
        "parts": [_part(part) for part in period.parts],
    }


def _volumes(period: ChargingPeriod) -> Iterator[tuple[str, str]]:
    """Tell what was metered in a period, in the words of OCPI 2.2.1 mod_cdrs, CdrDimensionType."""
    if period.energy_milliwh:
        yield "ENERGY", _in_units(period.energy_milliwh, _KWH)
    if period.charging_ms:
        yield "TIME", _in_units(period.charging_ms, _HOUR)
    if period.idle_ms:
        yield "PARKING_TIME", _in_units(period.idle_ms, _HOUR)
    if period.state is VehicleState.RESERVED:
        yield "RESERVATION_TIME", _in_units(period.end_ms - period.start_ms, _HOUR)


def _part(part: PricedPart) -> Line:
    per_unit, unit = _UNITS[part.dimension]
    return {
        "element": part.element_index,
        "dimension": part.dimension.value,
        "tax_category": part.tax_category,
        "quantity": _in_units(part.quantity, per_unit),
        "unit": unit,
        "price": _plain(part.price),
        "amount": _plain(part.amount),
        "reason": part.reason,
    }


def _in_units(quantity: int, per_unit: Decimal) -> str:
    """Tell a whole number of milliwatt-hours or milliseconds in kWh or h; a third is cut at 12 decimals."""
    return _plain(EXACT.divide(Decimal(quantity), per_unit).quantize(_PICO, context=EXACT))


def _plain(number: Decimal) -> str:
    """Write a decimal without exponent and without zeros at its end."""
    return f"{number.normalize(EXACT):f}"


def _as_is(amount: Decimal) -> str:
    return f"{amount:f}"


def _instant(at_ms: int) -> str:
    seconds, millis = divmod(at_ms, 1000)
    text = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"
