"""Ratings and their inputs as JSON documents: decimals as strings, the same to the byte for the same values (I8).

A charge record stores its inputs in this shape beside its rating, so that rating them again can be compared by hash.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, Final, cast

from apps.core.domain.money import EXACT
from apps.tariffs.domain.facts import (
    GrantTerms,
    Measured,
    RatingInputs,
    Reading,
    Reservation,
    SessionFacts,
    StateChange,
    VehicleState,
)
from apps.tariffs.domain.rated import (
    Adjustment,
    AdjustmentKind,
    CategoryTotal,
    ChargingPeriod,
    ExactAmount,
    PricedPart,
    RatedSession,
)
from apps.tariffs.domain.terms import Dimension, ZeroEnergyPolicy


def as_document(rated: RatedSession) -> dict[str, object]:
    """Return a rated session as a JSON-able dict; amounts, prices and rates are strings."""
    return {
        "currency": rated.currency,
        "energy_milliwh": rated.energy_milliwh,
        "charging_ms": rated.charging_ms,
        "idle_ms": rated.idle_ms,
        "idle_amount": _plain(rated.idle_amount),
        "periods": [_period_document(period) for period in rated.periods],
        "adjustments": [_adjustment_document(adjustment) for adjustment in rated.adjustments],
        "totals": _totals_document(rated.totals),
        "net": _money(rated.net),
        "tax": _money(rated.tax),
        "gross": _money(rated.gross),
        "exact": {"net": _plain(rated.exact.net), "gross": _plain(rated.exact.gross)},
        "zero_energy": None if rated.zero_energy is None else rated.zero_energy.value,
        "engine_version": rated.engine_version,
    }


def rated_from_document(document: Mapping[str, Any]) -> RatedSession:
    """Read what ``as_document`` wrote."""
    return RatedSession(
        currency=document["currency"],
        energy_milliwh=document["energy_milliwh"],
        charging_ms=document["charging_ms"],
        idle_ms=document["idle_ms"],
        idle_amount=Decimal(document["idle_amount"]),
        periods=tuple(_period(period) for period in document["periods"]),
        adjustments=tuple(_adjustment(adjustment) for adjustment in document["adjustments"]),
        totals=_totals(document["totals"]),
        net=Decimal(document["net"]),
        tax=Decimal(document["tax"]),
        gross=Decimal(document["gross"]),
        exact=ExactAmount(net=Decimal(document["exact"]["net"]), gross=Decimal(document["exact"]["gross"])),
        zero_energy=None if document["zero_energy"] is None else ZeroEnergyPolicy(document["zero_energy"]),
        engine_version=document["engine_version"],
    )


def canonical_bytes(document: Mapping[str, object]) -> bytes:
    """Return the one byte string of a document: UTF-8 JSON, keys sorted, no white space.

    :raises TypeError: the document holds a binary fraction or anything else JSON has no exact form for
    """
    _refuse_inexact(document)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def inputs_as_document(
    *, facts: SessionFacts, grant: GrantTerms, tax_rates: Mapping[str, Decimal]
) -> dict[str, object]:
    """Return what ``rate_session`` reads besides the tariff as a JSON-able dict; readings and the like as columns.

    What a session does not have (measurements, a reservation) has no key.
    """
    document: dict[str, object] = {
        "started_at_ms": facts.started_at_ms,
        "ended_at_ms": facts.ended_at_ms,
        "time_zone": facts.time_zone,
        "register": {
            "at_ms": [reading.at_ms for reading in facts.register],
            "energy_milliwh": [reading.energy_milliwh for reading in facts.register],
        },
        "states": {
            "at_ms": [change.at_ms for change in facts.states],
            "state": [change.state.value for change in facts.states],
        },
        "grant": {
            name: None if amount is None else _plain(amount)
            for name, amount in (
                ("discount_percent", grant.discount_percent),
                ("limit_amount", grant.limit_amount),
                ("waive_below", grant.waive_below),
            )
        }
        | ({"free_reason": grant.free_reason} if grant.free_reason else {}),
        "tax_rates": {str(category): _plain(rate) for category, rate in tax_rates.items()},
    }
    for name, samples in (("powers", facts.powers), ("currents", facts.currents)):
        if samples:
            document[name] = {
                "at_ms": [sample.at_ms for sample in samples],
                "value": [sample.value for sample in samples],
                "inferred": [sample.inferred for sample in samples],
            }
    if facts.reservation is not None:
        document["reservation"] = {
            "start_ms": facts.reservation.start_ms,
            "end_ms": facts.reservation.end_ms,
            "expired": facts.reservation.expired,
        }
    return document


def inputs_from_document(document: Mapping[str, object]) -> RatingInputs:
    """Return the inputs that ``inputs_as_document`` wrote.

    :raises KeyError: a field is missing; such a document was not written by it
    """
    # The shape is our own and was checked when written; only its values are converted.
    stored = cast("Mapping[str, Any]", document)
    register, states, grant = stored["register"], stored["states"], stored["grant"]
    facts = SessionFacts(
        started_at_ms=stored["started_at_ms"],
        ended_at_ms=stored["ended_at_ms"],
        time_zone=stored["time_zone"],
        register=tuple(map(_reading, register["at_ms"], register["energy_milliwh"])),
        states=tuple(
            StateChange(at_ms=at_ms, state=VehicleState(state))
            for at_ms, state in zip(states["at_ms"], states["state"], strict=True)
        ),
        powers=_measured(stored.get("powers")),
        currents=_measured(stored.get("currents")),
        reservation=Reservation(**stored["reservation"]) if "reservation" in stored else None,
    )
    return RatingInputs(
        facts=facts,
        grant=GrantTerms(
            discount_percent=_optional_decimal(grant.get("discount_percent")),
            limit_amount=_optional_decimal(grant["limit_amount"]),
            waive_below=_optional_decimal(grant["waive_below"]),
            free_reason=grant.get("free_reason", ""),
        ),
        tax_rates={name: Decimal(rate) for name, rate in stored["tax_rates"].items()},
    )


def _reading(at_ms: int, energy_milliwh: int) -> Reading:
    return Reading(at_ms=at_ms, energy_milliwh=energy_milliwh)


def _measured(columns: Mapping[str, Any] | None) -> tuple[Measured, ...]:
    if columns is None:
        return ()
    return tuple(
        Measured(at_ms=at_ms, value=value, inferred=inferred)
        for at_ms, value, inferred in zip(columns["at_ms"], columns["value"], columns["inferred"], strict=True)
    )


def _period(document: Mapping[str, Any]) -> ChargingPeriod:
    return ChargingPeriod(
        start_ms=document["start_ms"],
        end_ms=document["end_ms"],
        state=VehicleState(document["state"]),
        energy_milliwh=document["energy_milliwh"],
        charging_ms=document["charging_ms"],
        idle_ms=document["idle_ms"],
        start_register_milliwh=document["start_register_milliwh"],
        end_register_milliwh=document["end_register_milliwh"],
        parts=tuple(
            PricedPart(
                element_index=part["element_index"],
                dimension=Dimension(part["dimension"]),
                tax_category=part["tax_category"],
                quantity=part["quantity"],
                price=Decimal(part["price"]),
                amount=Decimal(part["amount"]),
                reason=part["reason"],
            )
            for part in document["parts"]
        ),
    )


def _adjustment(document: Mapping[str, Any]) -> Adjustment:
    return Adjustment(
        kind=AdjustmentKind(document["kind"]),
        reason=document["reason"],
        net=Decimal(document["net"]),
        tax=Decimal(document["tax"]),
        gross=Decimal(document["gross"]),
        split=_totals(document["split"]),
    )


def _totals(documents: Iterable[Mapping[str, str]]) -> tuple[CategoryTotal, ...]:
    return tuple(
        CategoryTotal(
            tax_category=total["tax_category"],
            rate=Decimal(total["rate"]),
            net=Decimal(total["net"]),
            tax=Decimal(total["tax"]),
            gross=Decimal(total["gross"]),
        )
        for total in documents
    )


def _period_document(period: ChargingPeriod) -> dict[str, object]:
    return {
        "start_ms": period.start_ms,
        "end_ms": period.end_ms,
        "state": period.state.value,
        "energy_milliwh": period.energy_milliwh,
        "charging_ms": period.charging_ms,
        "idle_ms": period.idle_ms,
        "start_register_milliwh": period.start_register_milliwh,
        "end_register_milliwh": period.end_register_milliwh,
        "parts": [_part_document(part) for part in period.parts],
    }


def _part_document(part: PricedPart) -> dict[str, object]:
    return {
        "element_index": part.element_index,
        "dimension": part.dimension.value,
        "tax_category": str(part.tax_category),
        "quantity": part.quantity,
        "price": _plain(part.price),
        "amount": _plain(part.amount),
        "reason": part.reason,
    }


def _adjustment_document(adjustment: Adjustment) -> dict[str, object]:
    return {
        "kind": adjustment.kind.value,
        "reason": adjustment.reason,
        "net": _money(adjustment.net),
        "tax": _money(adjustment.tax),
        "gross": _money(adjustment.gross),
        "split": _totals_document(adjustment.split),
    }


def _totals_document(totals: Iterable[CategoryTotal]) -> list[dict[str, object]]:
    return [
        {
            "tax_category": str(total.tax_category),
            "rate": _plain(total.rate),
            "net": _money(total.net),
            "tax": _money(total.tax),
            "gross": _money(total.gross),
        }
        for total in totals
    ]


def _money(amount: Decimal) -> str:
    """Write posted money with its currency's decimals; a zero has no sign."""
    return f"{abs(amount) if amount == 0 else amount:f}"


def _plain(number: Decimal) -> str:
    """Write a number without trailing zeros, so that equal numbers are equal text."""
    return f"{number.normalize(EXACT):f}" if number else "0"


def _optional_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


_PLAIN: Final = frozenset({str, int, bool, NoneType})


def _refuse_inexact(value: object) -> None:
    """Let through only what JSON writes exactly; json itself would write a binary fraction without a word."""
    items: Iterable[object]
    if isinstance(value, Mapping):
        items = value.values()
    elif isinstance(value, list | tuple):
        items = value
    elif value is None or isinstance(value, str | int):
        return
    else:
        raise TypeError(f"{type(value).__name__} {value!r} has no exact JSON form")
    for item in items:
        # Nearly all of a document is text and numbers: they are let through without a call each.
        if type(item) not in _PLAIN:
            _refuse_inexact(item)
