"""Tariffs of other systems: an OCPI 2.2.1 or 2.3.0 Tariff object becomes our document (``ocpi_export.py`` goes back).

OCPI states VAT as a bare percentage, we a tax category: the caller's rates translate, and a percentage that none of
them is, is a problem and no guess. What does not price (id, texts, validity) is the envelope. A field that OCPI does
not know is refused here too: a restriction that is read as none makes another tariff.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.domain.tax import NoTaxRate, TaxCategory, find_rate
from apps.tariffs.domain.parse import Problem, TariffError, parse_tariff
from apps.tariffs.domain.reader import Reader
from apps.tariffs.domain.terms import TariffTerms


class TariffType(StrEnum):
    """What sessions a tariff is meant for (OCPI 2.2.1 mod_tariffs, TariffType)."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What OCPI says of a tariff besides its prices (OCPI 2.2.1 mod_tariffs, Tariff object).

    id                    at most 36 characters, unique in the system that owns the tariff
    country_code, party_id  of the operator who owns it
    type                  None: for all sessions
    texts                 language (ISO 639-1) → what the driver is told besides the prices
    valid_from, valid_to  half-open, UTC; None: open
    """

    id: str
    country_code: str | None = None
    party_id: str | None = None
    type: TariffType | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    last_updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTariff:
    """A tariff of another system as ours.

    document  as ``parse_tariff`` reads it, JSON-able; already checked
    notes     how it was read where OCPI says it in other words, and what was left out; paths are those of the source
    """

    envelope: Envelope
    document: dict[str, object]
    terms: TariffTerms
    notes: tuple[Problem, ...]


def tax_rates_of(*, country: str, on: date) -> dict[TaxCategory, Decimal]:
    """Return the rate of each tax category that the rule book has for a country and day, fractions of the net."""
    rates: dict[TaxCategory, Decimal] = {}
    for category in TaxCategory:
        try:
            rates[category] = find_rate(country=country, category=category, on=on)
        except NoTaxRate:
            continue
    return rates


_ENVELOPE_FIELDS: Final = (
    *("country_code", "party_id", "id", "type", "tariff_alt_text", "tariff_alt_url"),
    *("start_date_time", "end_date_time", "last_updated"),
)
_LEFT_OUT: Final[Mapping[str, str]] = {
    "energy_mix": "the energy mix belongs to the location and is left out",
    "preauthorize_amount": "how much is reserved is set for the station and is left out",
}
_PRICE_FIELDS: Final = ("currency", "tax_included", "elements", "min_price", "max_price")
_ELEMENT_FIELDS: Final = ("price_components", "restrictions")
_COMPONENT_FIELDS: Final = ("type", "price", "vat", "step_size")
_RESTRICTION_FIELDS: Final = (
    *("start_time", "end_time", "start_date", "end_date"),
    *("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power", "min_duration", "max_duration"),
    *("day_of_week", "reservation"),
)
_DECIMAL_RESTRICTIONS: Final = ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power")
_LIMIT_NAMES: Final[Mapping[str, str]] = {"excl_vat": "before_taxes", "incl_vat": "after_taxes"}
"""Of OCPI 2.2.1 (Price class) → of OCPI 2.3.0 (PriceLimit class)."""
_MOST_ID: Final = 36
MOST_TEXT: Final = 512
"""OCPI 2.2.1 types, DisplayText."""

_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-zA-Z]{2}", re.ASCII)


def import_tariff(document: object, *, tax_rates: Mapping[TaxCategory, Decimal]) -> ImportedTariff:
    """Make our document of an OCPI 2.2.1 or 2.3.0 Tariff object, as ``load_json`` returns it.

    A component without ``vat`` is exempt ("no VAT is applicable", OCPI 2.2.1 PriceComponent), one with 0 is taxed at
    zero. A field that is null counts as not given.

    tax_rates  fractions of the net per category, in the charger's country on the day (``tax_rates_of``)

    :raises TariffError: with every problem found, by the paths of the document handed in
    """
    reader = _OcpiReader(tax_rates)
    fields = reader.given(document, "", known=(*_ENVELOPE_FIELDS, *_LEFT_OUT, *_PRICE_FIELDS))
    envelope = reader.envelope(fields)
    ours = reader.prices(fields)
    try:
        terms = parse_tariff(ours)
    except TariffError as error:
        noted = {problem.path for problem in reader.problems}
        reader.problems += [problem for problem in error.problems if problem.path not in noted]
    if reader.problems:
        raise TariffError(tuple(reader.problems))
    return ImportedTariff(envelope=envelope, document=ours, terms=terms, notes=tuple(reader.notes))


class _OcpiReader(Reader):
    """Turns OCPI's fields into ours and leaves the values of prices for ``parse_tariff`` to judge."""

    def __init__(self, tax_rates: Mapping[TaxCategory, Decimal]) -> None:
        super().__init__()
        self.notes: list[Problem] = []
        self._tax_rates = tax_rates
        self._noted_vats: set[Decimal | None] = set()

    def given(self, value: object, path: str, *, known: Collection[str]) -> dict[str, object]:
        """Return the known fields of an object that are not null."""
        fields = self.object_of(value, path, known=known)
        return {name: item for name, item in fields.items() if name in known and item is not None}

    def envelope(self, fields: Mapping[str, object]) -> Envelope:
        for name, reason in _LEFT_OUT.items():
            if name in fields:
                self.notes.append(Problem(path=name, message=reason))
        kind = self.choice(fields, "type", "", among=tuple(TariffType)) if "type" in fields else None
        envelope = Envelope(
            id=self._id(fields),
            country_code=self._optional_text(fields, "country_code"),
            party_id=self._optional_text(fields, "party_id"),
            type=None if kind is None else TariffType(kind),
            texts=self._texts(fields),
            url=self._optional_text(fields, "tariff_alt_url"),
            valid_from=self._instant(fields, "start_date_time"),
            valid_to=self._instant(fields, "end_date_time"),
            last_updated=self._instant(fields, "last_updated"),
        )
        if envelope.valid_from and envelope.valid_to and envelope.valid_from >= envelope.valid_to:
            self.note("end_date_time", "is not after start_date_time")
        return envelope

    def prices(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return the fields that price, in our words."""
        document = {name: fields[name] for name in ("currency",) if name in fields}
        document["tax_included"] = self._tax_included(fields)
        if "elements" in fields:
            document["elements"] = fields["elements"]
        if isinstance(fields.get("elements"), list):
            elements = self.items(fields, "elements", "", may_be_empty=True)
            document["elements"] = [self._element(item, f"elements[{at}]") for at, item in enumerate(elements)]
        for name in ("min_price", "max_price"):
            if name in fields:
                document[name] = self._limit(fields[name], name)
        return document

    def _id(self, fields: Mapping[str, object]) -> str:
        value = self.text(fields, "id", "")
        if value is not None and len(value) > _MOST_ID:
            self.note("id", f"longer than {_MOST_ID} characters")
        return value or ""

    def _optional_text(self, fields: Mapping[str, object], name: str) -> str | None:
        return self.text(fields, name, "") if name in fields else None

    def _texts(self, fields: Mapping[str, object]) -> dict[str, str]:
        texts: dict[str, str] = {}
        items = self.items(fields, "tariff_alt_text", "", may_be_empty=True) if "tariff_alt_text" in fields else ()
        for at, item in enumerate(items):
            path = f"tariff_alt_text[{at}]"
            entry = self.given(item, path, known=("language", "text"))
            language, text = self.text(entry, "language", path), self.text(entry, "text", path)
            if language is None or text is None:
                continue
            if not _LANGUAGE.fullmatch(language):
                self.note(f"{path}.language", f"{language!r} is no ISO 639-1 language of two letters")
            elif language.lower() in texts:
                self.note(f"{path}.language", f"a second text in {language!r}")
            if len(text) > MOST_TEXT:
                self.note(f"{path}.text", f"longer than {MOST_TEXT} characters")
            texts[language.lower()] = text
        return texts

    def _instant(self, fields: Mapping[str, object], name: str) -> datetime | None:
        value = self.text(fields, name, "") if name in fields else None
        if value is None:
            return None
        try:
            if _INSTANT.fullmatch(value):
                # Without a Z it is UTC all the same (OCPI 2.2.1 types, DateTime).
                return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            pass
        self.note(name, f"{value!r} is no UTC instant YYYY-MM-DDTHH:MM:SSZ")
        return None

    def _tax_included(self, fields: Mapping[str, object]) -> str:
        """Return YES or NO; prices of OCPI 2.2.1, which does not ask, are without VAT."""
        if "tax_included" not in fields:
            return "NO"
        value = self.choice(fields, "tax_included", "", among=("YES", "NO", "N/A"))
        if value == "N/A":
            self.notes.append(Problem(path="tax_included", message="no tax applies: read as prices without tax"))
        return "YES" if value == "YES" else "NO"

    def _element(self, value: object, path: str) -> dict[str, object]:
        element = self.given(value, path, known=_ELEMENT_FIELDS)
        components = element.get("price_components")
        if isinstance(components, list):
            element["price_components"] = [
                self._component(item, f"{path}.price_components[{at}]") for at, item in enumerate(components)
            ]
        if "restrictions" in element:
            element["restrictions"] = self._restrictions(element["restrictions"], f"{path}.restrictions")
        return element

    def _component(self, value: object, path: str) -> dict[str, object]:
        component = self.given(value, path, known=_COMPONENT_FIELDS)
        category = self._tax_category(component, path)
        component.pop("vat", None)
        component["tax_category"] = category.value
        _write_out(component, ("price",))
        return component

    def _tax_category(self, component: Mapping[str, object], path: str) -> TaxCategory:
        if "vat" not in component:
            self._note_vat(None, path, "no vat: read as exempt from tax; choose its category if it is taxed")
            return TaxCategory.EXEMPT
        vat = self.decimal(component, "vat", path)
        for category, rate in self._tax_rates.items():
            if vat is not None and rate * 100 == vat and (vat or category is TaxCategory.ZERO):
                self._note_vat(vat, path, f"{vat.normalize():f} % is read as the tax category {category}")
                return category
        if vat is not None:
            known = ", ".join(
                f"{(rate * 100).normalize():f} % ({name})" for name, rate in self._tax_rates.items() if rate
            )
            self.note(f"{path}.vat", f"{vat:f} % is no rate here; known are {known or 'none'}")
        return TaxCategory.STANDARD

    def _note_vat(self, vat: Decimal | None, path: str, message: str) -> None:
        """Say once per percentage how it was read."""
        if vat not in self._noted_vats:
            self._noted_vats.add(vat)
            self.notes.append(Problem(path=f"{path}.vat", message=message))

    def _restrictions(self, value: object, path: str) -> dict[str, object]:
        restrictions = self.given(value, path, known=_RESTRICTION_FIELDS)
        if restrictions.get("end_time") == "24:00":
            self.notes.append(Problem(path=f"{path}.end_time", message="24:00 is read as 00:00, the end of the day"))
            restrictions["end_time"] = "00:00"
        _write_out(restrictions, _DECIMAL_RESTRICTIONS)
        return restrictions

    def _limit(self, value: object, path: str) -> object:
        names = {ours: ours for ours in _LIMIT_NAMES} | {theirs: ours for ours, theirs in _LIMIT_NAMES.items()}
        limit = self.given(value, path, known=tuple(names))
        _write_out(limit, tuple(names))
        return {names[name]: item for name, item in limit.items()}


def _write_out(fields: dict[str, object], names: Collection[str]) -> None:
    """Turn exact numbers into decimal strings, as a stored document has them; leave the rest to be refused."""
    for name in names:
        item = fields.get(name)
        if isinstance(item, Decimal) and item.is_finite() and abs(item.adjusted()) < _MOST_ID:
            fields[name] = f"{item:f}"
        elif isinstance(item, int) and not isinstance(item, bool) and abs(item) < 10**_MOST_ID:
            fields[name] = str(item)
