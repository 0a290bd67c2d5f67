"""A charge record told step by step: each period with its prices, reasons and the readings that prove it.

Reads only what the record carries and the session's readings; computes no price. Shown by console, portal and API.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, cast

from django.db.models import Exists, OuterRef, QuerySet

from apps.core.clock import from_epoch_ms, to_epoch_ms
from apps.core.domain.money import EXACT
from apps.sessions.domain.proof import readings_around
from apps.sessions.models import Cdr, MeterReading
from apps.sessions.models.sessions import supply_end
from apps.tariffs.domain.rated import AdjustmentKind
from apps.tariffs.domain.sentences import Language, describe_adjustment, describe_reason, describe_restrictions
from apps.tariffs.domain.terms import Dimension, TariffTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class PartExplained:
    """One price of a period.

    energy_milliwh, span  the quantity: of ENERGY, of time; both None for FLAT · price per ``unit`` · amount unrounded
    element_no            which of the tariff's elements it is of, from 1
    rule                  when the tariff asks this price, in the reader's language
    reason, note          why it applied; the note is the reason where the rule does not say it already
    """

    dimension: Dimension
    element_no: int
    energy_milliwh: int | None
    span: timedelta | None
    price: Decimal
    unit: str
    amount: Decimal
    rule: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proves the register at an instant: one reading taken then, or the two it is interpolated between."""

    at: datetime
    register_milliwh: int | None
    readings: tuple[MeterReading, ...]

    @property
    def is_interpolated(self) -> bool:
        return len(self.readings) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodExplained:
    start_at: datetime
    end_at: datetime
    state: str
    energy_milliwh: int
    begin: Evidence
    end: Evidence
    parts: tuple[PartExplained, ...]

    @property
    def proof(self) -> tuple[MeterReading, ...]:
        """The readings that prove its begin and end, each once."""
        return tuple({reading.pk: reading for reading in (*self.begin.readings, *self.end.readings)}.values())

    @property
    def lasted(self) -> timedelta:
        return self.end_at - self.start_at


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentExplained:
    """A line beside the prices; ``reason`` in the reader's language, amounts as the record's document has them."""

    kind: AdjustmentKind
    reason: str
    net: str
    tax: str
    gross: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrExplained:
    """totals: as the record's document has them, amounts as strings; free_reason: why it costs nothing, if it does."""

    cdr: Cdr
    periods: tuple[PeriodExplained, ...]
    adjustments: tuple[AdjustmentExplained, ...]
    totals: tuple[dict[str, Any], ...]
    prices_include_tax: bool
    free_reason: str = ""


def current_revisions(records: QuerySet[Cdr]) -> QuerySet[Cdr]:
    """Leave out charge records that a later revision has replaced."""
    later = Cdr.objects.filter(
        session=OuterRef("session"), purpose=OuterRef("purpose"), revision__gt=OuterRef("revision")
    )
    return records.filter(~Exists(later))


def of_days(records: QuerySet[Cdr], *, first: date, end: date) -> QuerySet[Cdr]:
    """Narrow charge records to those whose supply ended on a local day from ``first`` until before ``end``."""
    # A local day is within a day of the same one in UTC; the sessions of a contract are found by when they ended.
    begin, until = (datetime.combine(day, time(), tzinfo=UTC) for day in (first, end))
    near = records.alias(supply_end=supply_end("session__")).filter(
        supply_end__gte=begin - timedelta(days=1), supply_end__lt=until + timedelta(days=1)
    )
    return near.filter(tax_date__gte=first, tax_date__lt=end)


_UNITS = {Dimension.ENERGY: "kWh", Dimension.TIME: "h", Dimension.PARKING_TIME: "h", Dimension.FLAT: ""}
_TIMED = (Dimension.TIME, Dimension.PARKING_TIME)


def explain_cdr(cdr: Cdr, *, readings: Sequence[MeterReading], language: Language = "en") -> CdrExplained:
    """Explain ``cdr`` with its session's ``readings`` (``at`` ascending)."""
    document = cast("dict[str, Any]", cdr.document)
    terms = cdr.tariff_version.terms()
    free_reason = free_reason_of(cdr)
    told = partial(_part, terms=terms, language=language)
    return CdrExplained(
        cdr=cdr,
        periods=tuple(_period(period, readings, told) for period in document["periods"]),
        adjustments=tuple(
            _adjustment(line, language=language, free_reason=free_reason) for line in document["adjustments"]
        ),
        totals=tuple(document["totals"]),
        prices_include_tax=terms.tax_included,
        free_reason=free_reason,
    )


def _period(
    period: dict[str, Any], readings: Sequence[MeterReading], told: Callable[[dict[str, Any]], PartExplained]
) -> PeriodExplained:
    return PeriodExplained(
        start_at=from_epoch_ms(period["start_ms"]),
        end_at=from_epoch_ms(period["end_ms"]),
        state=period["state"],
        energy_milliwh=period["energy_milliwh"],
        begin=_evidence(period["start_ms"], period["start_register_milliwh"], readings),
        end=_evidence(period["end_ms"], period["end_register_milliwh"], readings),
        parts=tuple(told(part) for part in period["parts"]),
    )


def _evidence(at_ms: int, register_milliwh: int | None, readings: Sequence[MeterReading]) -> Evidence:
    around = readings_around([to_epoch_ms(reading.at) for reading in readings], at_ms)
    proof = tuple(readings[position] for position in around)
    return Evidence(at=from_epoch_ms(at_ms), register_milliwh=register_milliwh, readings=proof)


def free_reason_of(cdr: Cdr) -> str:
    """Return why a record costs nothing, as the card said at the start; "" where it is billed."""
    return str(cast("dict[str, Any]", cdr.inputs)["grant"].get("free_reason", ""))


def adjustment_words(kind: AdjustmentKind, *, free_reason: str, language: Language) -> str:
    """Say what an adjustment is; what takes off everything of a card that charges free is the card's own reason."""
    is_free = free_reason and kind in (AdjustmentKind.DISCOUNT, AdjustmentKind.FLOOR)
    return free_reason if is_free else describe_adjustment(kind, language=language)


def _adjustment(line: dict[str, Any], *, language: Language, free_reason: str) -> AdjustmentExplained:
    """The engine's own words where the reader reads English: they say a discount's percentage too."""
    kind = AdjustmentKind(line["kind"])
    words = adjustment_words(kind, free_reason=free_reason, language=language)
    return AdjustmentExplained(
        kind=kind,
        reason=line["reason"] if language == "en" and words != free_reason else words,
        net=line["net"],
        tax=line["tax"],
        gross=line["gross"],
    )


def _part(part: dict[str, Any], *, terms: TariffTerms, language: Language) -> PartExplained:
    dimension = Dimension(part["dimension"])
    element_index = part["element_index"]
    when = describe_restrictions(terms.elements[element_index].restrictions)
    return PartExplained(
        dimension=dimension,
        element_no=element_index + 1,
        energy_milliwh=part["quantity"] if dimension is Dimension.ENERGY else None,
        span=timedelta(milliseconds=part["quantity"]) if dimension in _TIMED else None,
        price=EXACT.create_decimal(part["price"]),
        unit=_UNITS[dimension],
        amount=EXACT.create_decimal(part["amount"]),
        rule=describe_reason(terms, element_index=element_index, dimension=dimension, language=language),
        reason=part["reason"],
        note="" if part["reason"] == when else part["reason"],
    )
