"""A tariff version as OCPI 2.2.1 or 2.3.0 JSON for partners.

OCPI has no idle cap, no quiet hours, no holidays, no thresholds of charging or idle time and no zero-energy policy. A
rule whose absence makes the stated price at most higher is left out and said so (``losses``). A restriction is never
left out, since its element would then price what it does not price here: such a tariff is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.money import EXACT
from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.ocpi import MOST_TEXT, Envelope
from apps.tariffs.domain.reader import Problem
from apps.tariffs.domain.terms import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Restrictions,
    TariffElement,
    TariffTerms,
    ZeroEnergyPolicy,
)


class OcpiVersion(StrEnum):
    """The version of OCPI a tariff is written in."""

    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTariff:
    """A tariff as an OCPI Tariff object (``dump_json`` writes it), and what OCPI cannot carry and was left out."""

    document: dict[str, object]
    losses: tuple[Problem, ...]


class NotInOcpi(ValueError):
    """The tariff prices by what OCPI has no words for; all such places at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


_PRICE_STEP: Final = Decimal("0.000001")
_CARRIED: Final = (
    *("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power", "min_duration", "max_duration"),
)
_NOT_CARRIED: Final = ("min_charging_time", "max_charging_time", "min_idle_time", "max_idle_time")


def export_tariff(
    terms: TariffTerms,
    *,
    envelope: Envelope,
    tax_rates: Mapping[TaxCategory, Decimal],
    version: OcpiVersion = OcpiVersion.V2_2_1,
) -> ExportedTariff:
    """Write a tariff as an OCPI Tariff object.

    OCPI 2.2.1 knows only prices without VAT: gross ones are divided by their rate, to 6 decimals half up.

    tax_rates  fractions of the net per category used, in the charger's country on the day (``tax_rates_of``)

    :raises NotInOcpi: a restriction that OCPI does not have, or a category without a rate
    """
    writer = _Writer(terms, tax_rates, version)
    document = writer.tariff(envelope)
    if writer.problems:
        raise NotInOcpi(tuple(writer.problems))
    return ExportedTariff(document=document, losses=tuple(writer.losses))


class _Writer:
    """Writes one tariff and notes what is lost or cannot be written."""

    def __init__(self, terms: TariffTerms, tax_rates: Mapping[TaxCategory, Decimal], version: OcpiVersion) -> None:
        self.problems: list[Problem] = []
        self.losses: list[Problem] = []
        self._terms = terms
        self._tax_rates = tax_rates
        self._version = version
        self._is_made_net = terms.tax_included and version is OcpiVersion.V2_2_1

    def tariff(self, envelope: Envelope) -> dict[str, object]:
        self._note_tariff_losses()
        fields: dict[str, object | None] = {
            "country_code": envelope.country_code,
            "party_id": envelope.party_id,
            "id": envelope.id,
            "currency": self._terms.currency,
            "type": None if envelope.type is None else envelope.type.value,
            "tariff_alt_text": self._texts(envelope.texts) or None,
            "tariff_alt_url": envelope.url,
            "tax_included": self._tax_included(),
            "elements": [self._element(item, f"elements[{at}]") for at, item in enumerate(self._terms.elements)],
            "min_price": self._limit(self._terms.min_price, "min_price"),
            "max_price": self._limit(self._terms.max_price, "max_price"),
            "start_date_time": _instant(envelope.valid_from),
            "end_date_time": _instant(envelope.valid_to),
            "last_updated": _instant(envelope.last_updated),
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _note_tariff_losses(self) -> None:
        terms = self._terms
        if terms.idle.max_amount is not None:
            self._lose("idle.max_amount", "OCPI has no cap on idle time: partners see a price that may be higher")
        if terms.idle.quiet_start is not None:
            self._lose("idle.quiet_start", "OCPI has no quiet hours: partners see idle time priced in them")
        if terms.zero_energy is not ZeroEnergyPolicy.FULL and _prices_more_than_energy(terms):
            self._lose("zero_energy", "OCPI prices sessions without energy in full: partners may expect a price")

    def _tax_included(self) -> str | None:
        if self._version is OcpiVersion.V2_2_1:
            return None
        return "YES" if self._terms.tax_included else "NO"

    def _texts(self, texts: Mapping[str, str]) -> list[dict[str, str]]:
        for language, text in texts.items():
            if len(text) > MOST_TEXT:
                self._lose(f"tariff_alt_text.{language}", f"cut after {MOST_TEXT} characters, the most OCPI takes")
        return [{"language": language, "text": text[:MOST_TEXT]} for language, text in texts.items()]

    def _element(self, element: TariffElement, path: str) -> dict[str, object]:
        components = [
            self._component(component, f"{path}.price_components[{at}]")
            for at, component in enumerate(element.price_components)
        ]
        restrictions = self._restrictions(element.restrictions, f"{path}.restrictions")
        return {"price_components": components} | ({"restrictions": restrictions} if restrictions else {})

    def _component(self, component: PriceComponent, path: str) -> dict[str, object]:
        rate = self._rate(component.tax_category, path)
        fields: dict[str, object] = {
            "type": component.dimension.value,
            "price": self._price(component.price, rate, f"{path}.price"),
        }
        if component.tax_category != TaxCategory.EXEMPT:
            fields["vat"] = rate * 100
        return fields | {"step_size": component.step_size}

    def _rate(self, category: str, path: str) -> Decimal:
        rate = self._tax_rates.get(TaxCategory(category))
        if rate is None and category != TaxCategory.EXEMPT:
            self.problems.append(Problem(path=f"{path}.tax_category", message=f"no {category} tax rate is known here"))
        return rate or Decimal(0)

    def _price(self, price: Decimal, rate: Decimal, path: str) -> Decimal:
        if not self._is_made_net:
            return price
        net = EXACT.divide(price, 1 + rate).quantize(_PRICE_STEP, context=EXACT)
        if net * (1 + rate) != price:
            self._lose(path, f"{price:f} with tax is {net:f} without, rounded; a partner's total may differ by a cent")
        return net

    def _restrictions(self, restrictions: Restrictions, path: str) -> dict[str, object]:
        for name in _NOT_CARRIED:
            if getattr(restrictions, name):
                self.problems.append(Problem(path=f"{path}.{name}", message=f"OCPI has no {name}"))
        if restrictions.holiday is not None:
            self.problems.append(Problem(path=f"{path}.holiday", message="OCPI has no holidays"))
        fields: dict[str, object | None] = {
            "start_time": _clock(restrictions.start_time),
            "end_time": _clock(restrictions.end_time),
            "start_date": restrictions.start_date and restrictions.start_date.isoformat(),
            "end_date": restrictions.end_date and restrictions.end_date.isoformat(),
            **{name: getattr(restrictions, name) for name in _CARRIED},
            "day_of_week": [day.value for day in restrictions.day_of_week] or None,
            "reservation": restrictions.reservation and restrictions.reservation.value,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _limit(self, limit: PriceLimit | None, path: str) -> dict[str, Decimal] | None:
        if limit is None:
            return None
        net, gross = limit.excl_vat, limit.incl_vat
        if net is None:
            net = self._harmless_net(limit, path)
        names = ("excl_vat", "incl_vat") if self._version is OcpiVersion.V2_2_1 else ("before_taxes", "after_taxes")
        return {name: amount for name, amount in zip(names, (net, gross), strict=True) if amount is not None}

    def _harmless_net(self, limit: PriceLimit, path: str) -> Decimal:
        """Return a net bound, which OCPI requires, that never binds before the gross one does."""
        assert limit.incl_vat is not None, "a limit has at least one side"
        rates = [
            self._rate(component.tax_category, path)
            for element in self._terms.elements
            for component in element.price_components
        ]
        is_least = path == "min_price"
        rate = max(rates) if is_least else min(rates)
        net = EXACT.divide(limit.incl_vat, 1 + rate)
        net = net.quantize(_PRICE_STEP, rounding=ROUND_FLOOR if is_least else ROUND_CEILING, context=EXACT)
        self._lose(path, f"OCPI requires a limit before tax: {net:f} is written, which never binds first")
        return net

    def _lose(self, path: str, message: str) -> None:
        self.losses.append(Problem(path=path, message=message))


def _prices_more_than_energy(terms: TariffTerms) -> bool:
    """Whether a session without energy would cost something if it were priced in full."""
    components = [component for element in terms.elements for component in element.price_components]
    return terms.min_price is not None or any(
        component.dimension is not Dimension.ENERGY and component.price for component in components
    )


def _clock(clock: time | None) -> str | None:
    return None if clock is None else f"{clock:%H:%M}"


def _instant(at: datetime | None) -> str | None:
    """Write a UTC instant as OCPI does, to the second or the millisecond."""
    if at is None:
        return None
    utc = at.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + "Z"
