"""Read a price case: a tariff in OCPI's own shape and a session, as JSON, into what the engine prices.

Owns the shape ``{id, kind, semantics, status, source, timezone, currency, tariff, session, expected, notes}`` that
``manage.py rate`` reads. The tariff is translated into our document and goes through ``parse_tariff``, the one gate.
A case is priced by OCPI's letter, so its zero-energy policy is ``full``. Numbers are exact: ``load_json`` reads
fractions as ``Decimal``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from apps.core.domain.zones import is_zone
from apps.tariffs.domain.casefile_sessions import SessionReader
from apps.tariffs.domain.facts import SessionFacts
from apps.tariffs.domain.parse import TariffError, parse_tariff
from apps.tariffs.domain.reader import Problem, Reader, inside
from apps.tariffs.domain.terms import TariffTerms, ZeroEnergyPolicy

_CASE_FIELDS: Final = (
    *("id", "kind", "semantics", "status", "source", "timezone", "currency", "tariff", "session", "expected", "notes"),
)
_ENVELOPE: Final = frozenset(
    [
        *("id", "country_code", "party_id", "type", "tariff_alt_text", "tariff_alt_url"),
        *("start_date_time", "end_date_time", "energy_mix", "last_updated", "preauthorize_amount"),
    ]
)
"""Fields of OCPI's Tariff that say whose it is and when it holds: a case has already chosen its tariff."""
_NOT_HERE: Final = frozenset({"zero_energy", "settle_after"})
_LIMIT_NAMES: Final[Mapping[str, str]] = {"before_taxes": "excl_vat", "after_taxes": "incl_vat"}
_TAX_INCLUDED: Final = ("YES", "NO", "N/A")
_NO_VAT: Final = "no vat"
_NOTHING: Final = {"elements": ({"price_components": [{"type": "FLAT", "price": "0"}]},)}
"""Stands in for what was noted as missing, so that the gate does not say it again."""


class CaseError(ValueError):
    """The document is no case that we price; all its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCase:
    """A tariff and a session, ready to be priced.

    facts      None when the session is for review: there is no price then
    tax_rates  fraction of the net for each ``vat`` that the tariff names ("vat 20"), and 0 for "no vat"
    has_net, has_gross  False for the side that cannot be worked out: the tariff says that its prices are without
               (or with) tax and names no rate
    review     why nothing is priced, in sentences; empty when it is
    warnings   what is odd but changes no price, in sentences
    """

    case_id: str
    terms: TariffTerms
    facts: SessionFacts | None
    tax_rates: Mapping[str, Decimal]
    has_net: bool
    has_gross: bool
    review: tuple[str, ...]
    warnings: tuple[str, ...]


def id_of(document: object) -> str | None:
    """Return the case's id where it has one, for a line about a case that cannot be read."""
    value = document.get("id") if isinstance(document, Mapping) else None
    return value if isinstance(value, str) else None


def read_case(document: object) -> PriceCase:
    """Check a case and return what to price.

    :raises CaseError: with every problem found, paths of the tariff without a prefix (``elements[0].restrictions``)
    """
    if isinstance(document, Mapping) and "model" in document:
        raise CaseError((Problem(path="model", message="a billing case has no session to price"),))
    reader = Reader()
    fields = reader.object_of(document, "", known=_CASE_FIELDS)
    time_zone = reader.text(fields, "timezone", "")
    if time_zone is not None and not is_zone(time_zone):
        reader.note("timezone", f"{time_zone!r} is no IANA time zone")
    case_id = reader.text(fields, "id", "")
    translation = _Translation(fields)
    terms = None
    try:
        terms = parse_tariff(translation.document, tax_categories=tuple(translation.rates))
    except TariffError as error:
        reader.problems += [*translation.problems, *error.problems]
    else:
        reader.problems += translation.problems
    sessions = SessionReader(time_zone or "")
    read = sessions.session(fields.get("session"))
    reader.problems += sessions.problems
    if reader.problems or terms is None or case_id is None or read is None:
        raise CaseError(tuple(reader.problems))
    return PriceCase(
        case_id=case_id,
        terms=terms,
        facts=read.facts,
        tax_rates=translation.rates,
        has_net=translation.states_tax or not terms.tax_included,
        has_gross=translation.states_tax or terms.tax_included,
        review=read.review,
        warnings=read.warnings,
    )


class _Translation(Reader):
    """A case's tariff as our tariff document.

    document    for ``parse_tariff``; fields that neither OCPI nor we know are left in for it to refuse by path
    rates       tax category → fraction of the net
    states_tax  False: the tariff tells on which side of the tax its prices are, but not the tax
    """

    def __init__(self, case: Mapping[str, object]) -> None:
        super().__init__()
        self.rates: dict[str, Decimal] = {}
        # A segmentation case asks where a session is cut, not what it costs, and writes no prices.
        self._unpriced = case.get("kind") == "segmentation"
        tariff = case.get("tariff")
        if not isinstance(tariff, Mapping):
            self.note("tariff", "required" if tariff is None else "must be an object")
            tariff = _NOTHING
        self._tax_included = self._side(tariff)
        self.document = self._tariff(tariff, case.get("currency"))
        names_rate = any(name != _NO_VAT for name in self.rates)
        self.states_tax = names_rate or tariff.get("tax_included") in (None, "N/A")

    def _side(self, tariff: Mapping[str, object]) -> str:
        """Return on which side of the tax prices are; OCPI 2.2.1 knows only net ones."""
        if tariff.get("tax_included") is None:
            return "NO"
        stated = self.choice(tariff, "tax_included", "", among=_TAX_INCLUDED)
        return "YES" if stated == "YES" else "NO"

    def _tariff(self, tariff: Mapping[str, object], currency: object) -> dict[str, object]:
        document = {name: value for name, value in _present(tariff).items() if name not in _ENVELOPE}
        for name in _NOT_HERE & document.keys():
            self.note(name, "has no effect here: a case is priced by OCPI's letter")
            del document[name]
        document["tax_included"] = self._tax_included
        if currency is not None and document.setdefault("currency", currency) != currency:
            self.note("currency", f"the case says {currency!r}, the tariff {document['currency']!r}")
        for name in ("min_price", "max_price"):
            if name in document:
                document[name] = self._limit(document[name], name)
        elements = self.items(document, "elements", "") or _NOTHING["elements"]
        document["elements"] = [self._element(item, f"elements[{at}]") for at, item in enumerate(elements)]
        return {**document, "zero_energy": ZeroEnergyPolicy.FULL.value}

    def _limit(self, value: object, path: str) -> object:
        """Translate OCPI 2.3.0's PriceLimit, and a bare number, into our two sides."""
        if isinstance(value, Mapping):
            present = _present(value)
            for name, side in _LIMIT_NAMES.items():
                if name in present and side in present:
                    self.note(inside(path, name), f"{side} already states this side")
            return {_LIMIT_NAMES.get(name, name): amount for name, amount in present.items()}
        return {"incl_vat" if self._tax_included == "YES" else "excl_vat": value}

    def _element(self, value: object, path: str) -> object:
        if not isinstance(value, Mapping):
            return value
        element = {name: inner for name, inner in _present(value).items() if name != "id"}
        components = element.get("price_components")
        if isinstance(components, list):
            element["price_components"] = [
                self._component(item, f"{path}.price_components[{at}]") for at, item in enumerate(components)
            ]
        if isinstance(element.get("restrictions"), Mapping):
            element["restrictions"] = _restrictions(element["restrictions"])
        return element

    def _component(self, value: object, path: str) -> object:
        if not isinstance(value, Mapping):
            return value
        component = _wholes(_present(value), "step_size")
        if "tax_category" in component:
            self.note(inside(path, "tax_category"), "unknown field")
        if self._unpriced:
            component.setdefault("price", "0")
        component["tax_category"] = self._category(component, path)
        component.pop("vat", None)
        return component

    def _category(self, component: Mapping[str, object], path: str) -> str:
        """Return the tax category that stands for this component's percentage, noting its rate."""
        name, rate = _NO_VAT, Decimal(0)
        if "vat" in component:
            percent = self.decimal(component, "vat", path) or Decimal(0)
            if percent > 100:
                self.note(inside(path, "vat"), f"{percent} is above 100 %")
            name, rate = f"vat {percent.normalize():f}", percent.scaleb(-2)
        self.rates.setdefault(name, rate)
        return name


def _restrictions(restrictions: object) -> object:
    """Read the end of a day written as 24:00, which OCPI writes 00:00, and whole seconds written with a point."""
    assert isinstance(restrictions, Mapping)
    present = _wholes(
        _present(restrictions),
        *(f"{bound}_{what}" for bound in ("min", "max") for what in ("duration", "charging_time", "idle_time")),
    )
    if present.get("end_time") == "24:00":
        present["end_time"] = "00:00"
    return present


def _wholes(fields: dict[str, object], *names: str) -> dict[str, object]:
    """Turn 1800.0 into 1800 where a whole number is meant; a real fraction is left for the gate to refuse."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, Decimal) and value.adjusted() < 12 and value == value.to_integral_value():
            fields[name] = int(value)
    return fields


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    """Leave out the nulls: many OCPI systems write one where they mean that the field is absent."""
    return {str(name): value for name, value in fields.items() if value is not None}
