"""Look over a tariff before it is published: what is surely wrong, and what is probably not meant.

``parse_tariff`` has already refused what is wrong in one field. Here are the errors that show only when fields are
taken together (TARIFFS.md "Linting a tariff"), the warnings, and the profiles of rules that hold for a kind of sale. An
error is certain: where a look at the tariff cannot tell, it is a warning or nothing. A finding says what to do.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.money import EXACT, minor_unit
from apps.tariffs.domain.price_text import DISPLAY_LIMIT, left_out_of_display
from apps.tariffs.domain.reach import (
    WHOLE_WEEK,
    Gap,
    Minutes,
    contradiction,
    energy_gaps,
    has_day,
    is_by_clock_alone,
    is_wider,
    name_minutes,
    week_minutes,
)
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    TariffTerms,
)
from apps.tariffs.domain.wording import WORDS


class Severity(StrEnum):
    """Publishing is refused with an error and asks with a warning."""

    ERROR = "error"
    WARNING = "warning"


class Profile(StrEnum):
    """A kind of sale with rules of its own.

    AD_HOC_FROM_50_KW   Regulation (EU) 2023/1804 (AFIR) art. 5(4), stations of 50 kW and more: a price per kWh, besides
                        it at most an occupancy fee per minute
    AD_HOC_BELOW_50_KW  the same, smaller stations: any components, which the price display puts in AFIR's order
    US_KWH_ONLY         states where electricity is sold by the kWh alone (NIST Handbook 44, section 3.40)
    CALIBRATION_LAW     meters whose energy alone is calibrated (German Eichrecht): nothing is priced by time
    """

    AD_HOC_FROM_50_KW = "ad_hoc_from_50_kw"
    AD_HOC_BELOW_50_KW = "ad_hoc_below_50_kw"
    US_KWH_ONLY = "us_kwh_only"
    CALIBRATION_LAW = "calibration_law"


_AD_HOC: Final = frozenset({Profile.AD_HOC_FROM_50_KW, Profile.AD_HOC_BELOW_50_KW})

SHOWN_BY_OCPP_2_1: Final = frozenset(field.name for field in fields(Restrictions)) - {"holiday"}
"""The restrictions that a station of OCPP 2.1 can show from a tariff it is sent (TariffConditionsType). Stations of
OCPP 1.6 and 2.0.1 show the price text, which says every restriction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at.

    code     stable name of the rule
    path     where in the document (``elements[2].restrictions.end_time``), "" for the whole tariff
    message  what is wrong and what to do, a sentence
    """

    severity: Severity
    code: str
    path: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def lint_tariff(
    terms: TariffTerms,
    *,
    profiles: Collection[Profile] = (),
    tax_rates: Mapping[str, Decimal] | None = None,
    shown: Collection[str] | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> tuple[Finding, ...]:
    """Return everything to look at before a tariff is published, errors first, each in the order of the document.

    tax_rates   fractions of the net per category, where the country is known: limits are compared across sides
    shown       names of the restrictions that the station's display can show; None: it shows the price text
    valid_from, valid_to  local days for which the version is meant, half-open; None: not known, open
    """
    context = _Context(terms, frozenset(profiles), tax_rates, shown, valid_from, valid_to)
    findings = [finding for rule in _RULES for finding in rule(context)]
    return tuple(sorted(findings, key=lambda finding: not finding.is_error))


@dataclass(frozen=True, slots=True)
class _Context:
    """What a rule may look at."""

    terms: TariffTerms
    profiles: frozenset[Profile]
    tax_rates: Mapping[str, Decimal] | None
    shown: Collection[str] | None
    valid_from: date | None
    valid_to: date | None

    def restrictions(self) -> Iterator[tuple[str, Restrictions]]:
        """Yield the path and the restrictions of each element."""
        for at, element in enumerate(self.terms.elements):
            yield f"elements[{at}].restrictions", element.restrictions

    def components(self) -> Iterator[tuple[str, PriceComponent, Restrictions]]:
        """Yield the path of each component, itself and its element's restrictions."""
        for at, element in enumerate(self.terms.elements):
            for index, component in enumerate(element.price_components):
                yield f"elements[{at}].price_components[{index}]", component, element.restrictions

    def priced(self, *dimensions: Dimension) -> Iterator[tuple[str, PriceComponent, Restrictions]]:
        """Yield the components that cost a session something; those of reservations are another sale."""
        for path, component, restrictions in self.components():
            if component.dimension in dimensions and component.price and restrictions.reservation is None:
                yield path, component, restrictions


_Rule = Callable[[_Context], Iterator[Finding]]


def _error(code: str, path: str, message: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, path=path, message=message)


def _warning(code: str, path: str, message: str) -> Finding:
    return Finding(severity=Severity.WARNING, code=code, path=path, message=message)


# --- errors: what can never be ---------------------------------------------------------------------------------------


def _never_holds(context: _Context) -> Iterator[Finding]:
    holidays = context.terms.holidays
    for path, restrictions in context.restrictions():
        name = contradiction(restrictions)
        if name is not None:
            yield _error(
                "never_holds", f"{path}.{name}", "This never holds with the element's other restrictions; change one."
            )
        elif restrictions.holiday and not holidays:
            yield _error(
                "never_holds", f"{path}.holiday", "The tariff lists no holidays; list them or remove the element."
            )
        elif not has_day(restrictions, holidays=holidays):
            yield _error("never_holds", path, "No day has this date, day of the week and holiday; widen one of them.")
        elif not has_day(restrictions, holidays=holidays, not_before=context.valid_from):
            yield _warning(
                "over",
                path,
                f"No day from {context.valid_from} on is left for this element; remove it or renew its days.",
            )


def _limits_that_exclude_each_other(context: _Context) -> Iterator[Finding]:
    """Compare the least and the most price across sides; the same side is ``parse_tariff``'s."""
    least, most = context.terms.min_price, context.terms.max_price
    if least is None or most is None:
        return
    lowest, highest = _rate_span(context)
    if least.excl_vat is not None and most.incl_vat is not None and _gross(least.excl_vat, lowest) > most.incl_vat:
        yield _error(
            "min_above_max",
            "max_price.incl_vat",
            f"The most a session costs with tax ({most.incl_vat:f}) is below the least without ({least.excl_vat:f}); "
            "raise the one or lower the other.",
        )
    if highest is None or least.incl_vat is None or most.excl_vat is None:
        return
    if least.incl_vat > _gross(most.excl_vat, highest):
        yield _error(
            "min_above_max",
            "max_price.excl_vat",
            f"The most a session costs without tax ({most.excl_vat:f}) never reaches the least with tax "
            f"({least.incl_vat:f}); raise the one or lower the other.",
        )


def _rate_span(context: _Context) -> tuple[Decimal, Decimal | None]:
    """Return the lowest and the highest tax rate that the tariff's categories have; 0 and None where unknown."""
    categories = {component.tax_category for _, component, _ in context.components()}
    rates = [(context.tax_rates or {}).get(category) for category in categories]
    known = [rate for rate in rates if rate is not None]
    return (min(known), max(known)) if known and len(known) == len(rates) else (Decimal(0), None)


def _gross(net: Decimal, rate: Decimal) -> Decimal:
    return EXACT.multiply(net, 1 + rate)


# --- warnings: what is probably not meant ----------------------------------------------------------------------------


def _limits_whose_sides_disagree(context: _Context) -> Iterator[Finding]:
    lowest, highest = _rate_span(context)
    for path, limit in (("min_price", context.terms.min_price), ("max_price", context.terms.max_price)):
        if highest is None or limit is None or limit.excl_vat is None or limit.incl_vat is None:
            continue
        # Either side may have been rounded to the minor unit.
        grain = Decimal(1).scaleb(-minor_unit(context.terms.currency))
        low, high = _gross(limit.excl_vat, lowest), _gross(limit.excl_vat, highest)
        if not low - grain <= limit.incl_vat <= high + grain:
            wanted = f"{low.normalize():f}" if low == high else f"{low.normalize():f} to {high.normalize():f}"
            yield _warning(
                "sides_disagree",
                path,
                f"{limit.excl_vat:f} without tax is {wanted} with tax, not {limit.incl_vat:f}; correct one of the two.",
            )


def _steps(context: _Context) -> Iterator[Finding]:
    for path, component, _ in context.components():
        if component.step_size > 1 and component.dimension is not Dimension.FLAT:
            yield _warning(
                "step_size",
                f"{path}.step_size",
                "The driver pays for more than was delivered, and OCPI 3 has no steps; set the step to 1.",
            )


def _windows(context: _Context) -> Iterator[Finding]:
    for path, restrictions in context.restrictions():
        if restrictions.end_time == time(23, 59):
            yield _warning(
                "last_minute",
                f"{path}.end_time",
                "The last minute of the day is left out; 00:00 is the end of the day.",
            )
        if restrictions.end_time is not None and restrictions.end_time == (restrictions.start_time or time(0)):
            yield _warning(
                "restricts_nothing",
                f"{path}.end_time",
                "Start and end are the same, which is all day here and may be never elsewhere; leave both out.",
            )
        if len(restrictions.day_of_week) == len(WEEK):
            yield _warning("restricts_nothing", f"{path}.day_of_week", "All seven days are listed; leave them out.")
        if restrictions.holiday is False and not context.terms.holidays:
            yield _warning(
                "restricts_nothing", f"{path}.holiday", "The tariff lists no holidays; list them or leave this out."
            )


def _unreachable(context: _Context) -> Iterator[Finding]:
    """Find components that an earlier one, or earlier ones together, always win over."""
    by_dimension: dict[tuple[Dimension, ReservationRestriction | None], _Earlier] = {}
    has_holidays = bool(context.terms.holidays)
    for at, element in enumerate(context.terms.elements):
        shadowed = []
        for index, component in enumerate(element.price_components):
            earlier = by_dimension.setdefault((component.dimension, element.restrictions.reservation), _Earlier())
            if earlier.covers(element.restrictions, has_holidays=has_holidays):
                shadowed.append(index)
            else:
                earlier.add(element.restrictions)
        if len(shadowed) == len(element.price_components):
            yield _warning(
                "unreachable",
                f"elements[{at}]",
                "Earlier elements always win over this one, so it never prices anything; move it up or remove it.",
            )
            continue
        for index in shadowed:
            yield _warning(
                "unreachable",
                f"elements[{at}].price_components[{index}]",
                f"Earlier elements always have a price for {element.price_components[index].dimension}, so this one "
                "is never charged; move the element up or remove the price.",
            )


class _Earlier:
    """The restrictions of earlier elements with a dimension, and the minutes covered whatever else holds."""

    def __init__(self) -> None:
        self._minutes: Minutes = 0
        self._restrictions: list[Restrictions] = []

    def covers(self, restrictions: Restrictions, *, has_holidays: bool) -> bool:
        return not week_minutes(restrictions) & ~self._minutes or any(
            is_wider(earlier, restrictions, has_holidays=has_holidays) for earlier in self._restrictions
        )

    def add(self, restrictions: Restrictions) -> None:
        self._restrictions.append(restrictions)
        if is_by_clock_alone(restrictions):
            self._minutes |= week_minutes(restrictions)


def _energy_gaps(context: _Context) -> Iterator[Finding]:
    gaps = energy_gaps(context.terms, valid_from=context.valid_from, valid_to=context.valid_to)
    if gaps and not any(component.dimension is Dimension.ENERGY for _, component, _ in context.components()):
        yield _warning(
            "no_energy_price", "elements", "Energy has no price and so costs nothing; add a price per kWh if it should."
        )
        return
    for gap in gaps:
        yield _warning(
            "no_energy_price",
            "elements",
            f"Energy costs nothing {_name_gap(gap)}; add a last element without restrictions if it should cost.",
        )


def _name_gap(gap: Gap) -> str:
    words = [name_minutes(gap.minutes)]
    if gap.minutes != WHOLE_WEEK:
        words.insert(0, "on")
    if gap.is_holiday is not None:
        words.append("(holidays)" if gap.is_holiday else "(no holidays)")
    if gap.start_date is not None:
        words.append(f"from {gap.start_date}")
    if gap.end_date is not None:
        words.append(f"until {gap.end_date}")
    return " ".join(words)


def _idle_rules_without_idle_price(context: _Context) -> Iterator[Finding]:
    idle = context.terms.idle
    if (idle.max_amount is None and idle.quiet_start is None) or any(context.priced(Dimension.PARKING_TIME)):
        return
    yield _warning("idle_unpriced", "idle", "Idling costs nothing in this tariff; remove these rules or add its price.")


def _not_shown(context: _Context) -> Iterator[Finding]:
    if context.shown is None:
        yield from _left_out_of_displays(context)
        return
    for path, restrictions in context.restrictions():
        for name in (field.name for field in fields(restrictions)):
            if getattr(restrictions, name) not in (None, ()) and name not in context.shown:
                yield _warning(
                    "not_shown",
                    f"{path}.{name}",
                    "The station's display cannot show this restriction; say it in the tariff's text.",
                )


def _left_out_of_displays(context: _Context) -> Iterator[Finding]:
    """Find what a display has no room for, in the first language in which it has none."""
    for language in WORDS:
        if left_out := left_out_of_display(context.terms, language=language, on=context.valid_from):
            yield _warning(
                "not_shown",
                "elements",
                f"A station's display has room for {DISPLAY_LIMIT} characters and leaves out ({language}): "
                f"{'; '.join(left_out)}. Use fewer elements, or see that drivers read the rest elsewhere.",
            )
            return


def _uncapped(context: _Context) -> Iterator[Finding]:
    """Find time without a limit: a car that is forgotten must not cost without end (TARIFFS.md "Objects")."""
    if context.terms.max_price is not None:
        return
    found = _error if context.profiles & _AD_HOC else _warning
    for path, component, restrictions in context.priced(Dimension.TIME, Dimension.PARKING_TIME):
        is_idle = component.dimension is Dimension.PARKING_TIME
        own_bound = restrictions.max_idle_time if is_idle else restrictions.max_charging_time
        if own_bound is not None or restrictions.max_duration is not None:
            continue
        if is_idle and context.terms.idle.max_amount is not None:
            continue
        remedy = "set a cap on idle time or the most a session costs" if is_idle else "set the most a session costs"
        yield found("uncapped", path, f"This runs on without end, which ad hoc sale does not allow; {remedy}.")


# --- profiles --------------------------------------------------------------------------------------------------------


def _ad_hoc(context: _Context) -> Iterator[Finding]:
    if context.profiles & _AD_HOC and not context.terms.tax_included:
        yield _error(
            "ad_hoc_net", "tax_included", "Drivers without a contract are shown prices with tax; state them so."
        )


def _ad_hoc_from_50_kw(context: _Context) -> Iterator[Finding]:
    if Profile.AD_HOC_FROM_50_KW not in context.profiles:
        return
    yield from _not_by_energy(context, "ad_hoc_not_by_energy")
    for path, _, _ in context.priced(Dimension.FLAT):
        yield _error(
            "ad_hoc_fee",
            path,
            "From 50 kW on ad hoc sale is by the kWh with at most an occupancy fee per minute; remove the session fee.",
        )
    for path, _, restrictions in context.priced(Dimension.TIME):
        # Long occupancy may cost while the vehicle still charges, but the first minutes are no long occupancy.
        if not (restrictions.min_duration or restrictions.min_charging_time):
            yield _error(
                "ad_hoc_time",
                path,
                "From 50 kW on charging time has no price of its own in ad hoc sale; remove it, or let it begin after "
                "a grace period as an occupancy fee.",
            )
    if context.terms.min_price is not None and _is_positive(context.terms.min_price):
        yield _warning(
            "ad_hoc_min_price",
            "min_price",
            "From 50 kW on ad hoc sale is by the kWh; a least price may count as a session fee, so remove it.",
        )


def _us_kwh_only(context: _Context) -> Iterator[Finding]:
    if Profile.US_KWH_ONLY not in context.profiles:
        return
    yield from _not_by_energy(context, "kwh_only_not_by_energy")
    for path, _, _ in context.priced(Dimension.TIME):
        yield _error("kwh_only_time", path, "Charging is sold by the kWh alone here; remove the price of time.")
    for path, component, _ in context.priced(Dimension.FLAT, Dimension.PARKING_TIME):
        what = "session fee" if component.dimension is Dimension.FLAT else "idle fee"
        yield _warning(
            "kwh_only_fee", path, f"Check that a {what} beside the price per kWh is allowed here, and show it apart."
        )


def _not_by_energy(context: _Context, code: str) -> Iterator[Finding]:
    if any(context.priced(*Dimension)) and not any(context.priced(Dimension.ENERGY)):
        yield _error(code, "elements", "What is sold is energy; add a price per kWh.")


def _calibration_law(context: _Context) -> Iterator[Finding]:
    if Profile.CALIBRATION_LAW not in context.profiles:
        return
    for path, component, _ in context.priced(Dimension.TIME, Dimension.PARKING_TIME):
        yield _error(
            "calibration_time",
            path,
            f"The meter is calibrated for energy alone; remove the price of {component.dimension}.",
        )
    for path, restrictions in context.restrictions():
        for name in _UNCALIBRATED:
            if getattr(restrictions, name) is not None:
                yield _warning(
                    "calibration_measured",
                    f"{path}.{name}",
                    "The price depends on a value for which the meter is not calibrated; remove this restriction.",
                )


_UNCALIBRATED: Final = tuple(
    f"{bound}_{what}"
    for what in ("current", "power", "duration", "charging_time", "idle_time")
    for bound in ("min", "max")
)


def _is_positive(limit: PriceLimit) -> bool:
    return bool(limit.excl_vat or limit.incl_vat)


_RULES: Final[tuple[_Rule, ...]] = (
    _never_holds,
    _limits_that_exclude_each_other,
    _ad_hoc,
    _ad_hoc_from_50_kw,
    _us_kwh_only,
    _calibration_law,
    _uncapped,
    _unreachable,
    _energy_gaps,
    _windows,
    _steps,
    _limits_whose_sides_disagree,
    _idle_rules_without_idle_price,
    _not_shown,
)
