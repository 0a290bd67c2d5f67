"""The charts of accounts that are shipped, and how a seller's own numbers lie over them.

Journals are posted by role. Which number a role has for the accountant depends on the chart that the seller chose and,
for revenue, VAT and bad debt, on the VAT an entry stands under. Looked for, most special first::

    DE|S|0.1900   this very VAT
    abroad S      the category, where another country's VAT applies than the seller's own
    abroad        whatever the category there
    S             the category at home
    (blank)       anything

So a row with a blank key answers every question, and each role needs one in each chart (a test names those without).
Shipped numbers have four digits; with longer accounts zeros follow (8400, 84000), as DATEV does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from apps.ledger.domain.chart import CHART, Role
from apps.ledger.domain.vat import Vat


class ChartKind(StrEnum):
    INTERNATIONAL = "international"
    SKR03 = "skr03"
    SKR04 = "skr04"


CHART_NAMES: Final[Mapping[ChartKind, str]] = {
    ChartKind.INTERNATIONAL: "Plain international chart",
    ChartKind.SKR03: "SKR 03 (Germany, DATEV, by process)",
    ChartKind.SKR04: "SKR 04 (Germany, DATEV, by balance sheet)",
}

Key = tuple[Role, str]


class NumberedAccount(NamedTuple):
    """An account as the accountant knows it; is_automatic: their software takes the VAT out of what is posted there."""

    number: str
    name: str
    is_automatic: bool = False


def _international() -> Mapping[Key, NumberedAccount]:
    return {(role, ""): NumberedAccount(row.code, row.name) for role, row in CHART.items()}


# Numbers, names and automatic accounts as DATEV's charts of 2025 have them; Stripe's clearing is a bank account of its
# own there. 1410/1210 are receivables "ohne Kontokorrent": the collective accounts 1400/1200 take no postings.
_SKR03: Final[Mapping[Key, NumberedAccount]] = {
    (Role.BANK, ""): NumberedAccount("1200", "Bank"),
    (Role.PAYOUT_IN_TRANSIT, ""): NumberedAccount("1360", "Geldtransit"),
    (Role.STRIPE_CLEARING, ""): NumberedAccount("1210", "Stripe (Bank 1)"),
    (Role.DISPUTED, ""): NumberedAccount("1500", "Sonstige Vermögensgegenstände"),
    (Role.RECEIVABLE, ""): NumberedAccount("1410", "Forderungen aus L+L ohne Kontokorrent"),
    (Role.DUE_FROM_PLATFORM, ""): NumberedAccount("1501", "Sonstige Vermögensgegenstände bis 1 Jahr"),
    (Role.INPUT_VAT, ""): NumberedAccount("1570", "Abziehbare Vorsteuer"),
    (Role.INPUT_VAT, "DE|S|0.1900"): NumberedAccount("1576", "Abziehbare Vorsteuer 19 %"),
    (Role.INPUT_VAT, "DE|S|0.0700"): NumberedAccount("1571", "Abziehbare Vorsteuer 7 %"),
    (Role.VAT_PAYABLE, ""): NumberedAccount("1770", "Umsatzsteuer"),
    (Role.VAT_PAYABLE, "DE|S|0.1900"): NumberedAccount("1776", "Umsatzsteuer 19 %"),
    (Role.VAT_PAYABLE, "DE|S|0.0700"): NumberedAccount("1771", "Umsatzsteuer 7 %"),
    (Role.VAT_PAYABLE, "abroad"): NumberedAccount("1767", "USt aus im anderen EU-Land steuerpflichtigen Lieferungen"),
    (Role.DUE_TO_OWNER, ""): NumberedAccount("1700", "Sonstige Verbindlichkeiten"),
    (Role.HOME_RECEIVABLE, ""): NumberedAccount("1502", "Sonstige Vermögensgegenstände, Laden zu Hause"),
    (Role.HOME_PAYABLE, ""): NumberedAccount("1701", "Sonstige Verbindlichkeiten bis 1 Jahr"),
    (Role.PREPAYMENT, ""): NumberedAccount("1710", "Erhaltene Anzahlungen"),
    (Role.PREPAYMENT_TAXED, ""): NumberedAccount("1719", "Erhaltene Anzahlungen bis 1 Jahr"),
    (Role.DEFERRED_FEES, ""): NumberedAccount("0990", "Passive Rechnungsabgrenzung"),
    (Role.OPENING_BALANCES, ""): NumberedAccount("9008", "Saldenvorträge Debitoren"),
    (Role.REVENUE_ENERGY, ""): NumberedAccount("8200", "Erlöse"),
    (Role.REVENUE_ENERGY, "DE|S|0.1900"): NumberedAccount("8400", "Erlöse 19 % USt", is_automatic=True),
    (Role.REVENUE_ENERGY, "DE|S|0.0700"): NumberedAccount("8300", "Erlöse 7 % USt", is_automatic=True),
    (Role.REVENUE_ENERGY, "AE"): NumberedAccount("8337", "Erlöse aus Leistungen nach § 13b UStG"),
    (Role.REVENUE_ENERGY, "E"): NumberedAccount("8100", "Steuerfreie Umsätze § 4 Nr. 8 ff. UStG"),
    (Role.REVENUE_ENERGY, "O"): NumberedAccount("8338", "Im Inland nicht steuerbare Umsätze (Drittland)"),
    (Role.REVENUE_ENERGY, "abroad S"): NumberedAccount("8320", "Erlöse aus im anderen EU-Land stpfl. Lieferungen"),
    (Role.REVENUE_ENERGY, "abroad AE"): NumberedAccount("8339", "Im Inland nicht steuerbare Umsätze (EU-Land)"),
    (Role.REVENUE_SERVICES, ""): NumberedAccount("8200", "Erlöse"),
    (Role.REVENUE_SERVICES, "DE|S|0.1900"): NumberedAccount("8401", "Erlöse 19 % USt, Dienste", is_automatic=True),
    (Role.REVENUE_SERVICES, "DE|S|0.0700"): NumberedAccount("8301", "Erlöse 7 % USt, Dienste", is_automatic=True),
    (Role.REVENUE_SERVICES, "AE"): NumberedAccount("8337", "Erlöse aus Leistungen nach § 13b UStG"),
    (Role.REVENUE_SERVICES, "E"): NumberedAccount("8100", "Steuerfreie Umsätze § 4 Nr. 8 ff. UStG"),
    (Role.REVENUE_SERVICES, "O"): NumberedAccount("8338", "Im Inland nicht steuerbare Umsätze (Drittland)"),
    (Role.REVENUE_SERVICES, "abroad AE"): NumberedAccount("8336", "Im anderen EU-Land stpfl. sonstige Leistungen"),
    (Role.OTHER_INCOME, ""): NumberedAccount("2700", "Andere betriebliche Erträge"),
    (Role.PAYMENT_FEES, ""): NumberedAccount("4970", "Nebenkosten des Geldverkehrs"),
    (Role.BAD_DEBT, ""): NumberedAccount("2400", "Forderungsverluste (übliche Höhe)"),
    (Role.BAD_DEBT, "DE|S|0.1900"): NumberedAccount("2406", "Forderungsverluste 19 % USt", is_automatic=True),
    (Role.BAD_DEBT, "DE|S|0.0700"): NumberedAccount("2401", "Forderungsverluste 7 % USt", is_automatic=True),
    (Role.PLATFORM_FEES, ""): NumberedAccount("4760", "Verkaufsprovisionen"),
}

_SKR04: Final[Mapping[Key, NumberedAccount]] = {
    (Role.BANK, ""): NumberedAccount("1800", "Bank"),
    (Role.PAYOUT_IN_TRANSIT, ""): NumberedAccount("1460", "Geldtransit"),
    (Role.STRIPE_CLEARING, ""): NumberedAccount("1810", "Stripe (Bank 1)"),
    (Role.DISPUTED, ""): NumberedAccount("1300", "Sonstige Vermögensgegenstände"),
    (Role.RECEIVABLE, ""): NumberedAccount("1210", "Forderungen aus L+L ohne Kontokorrent"),
    (Role.DUE_FROM_PLATFORM, ""): NumberedAccount("1301", "Sonstige Vermögensgegenstände bis 1 Jahr"),
    (Role.INPUT_VAT, ""): NumberedAccount("1400", "Abziehbare Vorsteuer"),
    (Role.INPUT_VAT, "DE|S|0.1900"): NumberedAccount("1406", "Abziehbare Vorsteuer 19 %"),
    (Role.INPUT_VAT, "DE|S|0.0700"): NumberedAccount("1401", "Abziehbare Vorsteuer 7 %"),
    (Role.VAT_PAYABLE, ""): NumberedAccount("3800", "Umsatzsteuer"),
    (Role.VAT_PAYABLE, "DE|S|0.1900"): NumberedAccount("3806", "Umsatzsteuer 19 %"),
    (Role.VAT_PAYABLE, "DE|S|0.0700"): NumberedAccount("3801", "Umsatzsteuer 7 %"),
    (Role.VAT_PAYABLE, "abroad"): NumberedAccount("3817", "USt aus im anderen EU-Land steuerpflichtigen Lieferungen"),
    (Role.DUE_TO_OWNER, ""): NumberedAccount("3500", "Sonstige Verbindlichkeiten"),
    (Role.HOME_RECEIVABLE, ""): NumberedAccount("1302", "Sonstige Vermögensgegenstände, Laden zu Hause"),
    (Role.HOME_PAYABLE, ""): NumberedAccount("3501", "Sonstige Verbindlichkeiten bis 1 Jahr"),
    (Role.PREPAYMENT, ""): NumberedAccount("3250", "Erhaltene Anzahlungen auf Bestellungen"),
    (Role.PREPAYMENT_TAXED, ""): NumberedAccount("3280", "Erhaltene Anzahlungen bis 1 Jahr"),
    (Role.DEFERRED_FEES, ""): NumberedAccount("3900", "Passive Rechnungsabgrenzung"),
    (Role.OPENING_BALANCES, ""): NumberedAccount("9008", "Saldenvorträge Debitoren"),
    (Role.REVENUE_ENERGY, ""): NumberedAccount("4200", "Erlöse"),
    (Role.REVENUE_ENERGY, "DE|S|0.1900"): NumberedAccount("4400", "Erlöse 19 % USt", is_automatic=True),
    (Role.REVENUE_ENERGY, "DE|S|0.0700"): NumberedAccount("4300", "Erlöse 7 % USt", is_automatic=True),
    (Role.REVENUE_ENERGY, "AE"): NumberedAccount("4337", "Erlöse aus Leistungen nach § 13b UStG"),
    (Role.REVENUE_ENERGY, "E"): NumberedAccount("4100", "Steuerfreie Umsätze § 4 Nr. 8 ff. UStG"),
    (Role.REVENUE_ENERGY, "O"): NumberedAccount("4338", "Im Inland nicht steuerbare Umsätze (Drittland)"),
    (Role.REVENUE_ENERGY, "abroad S"): NumberedAccount("4320", "Erlöse aus im anderen EU-Land stpfl. Lieferungen"),
    (Role.REVENUE_ENERGY, "abroad AE"): NumberedAccount("4339", "Im Inland nicht steuerbare Umsätze (EU-Land)"),
    (Role.REVENUE_SERVICES, ""): NumberedAccount("4200", "Erlöse"),
    (Role.REVENUE_SERVICES, "DE|S|0.1900"): NumberedAccount("4401", "Erlöse 19 % USt, Dienste", is_automatic=True),
    (Role.REVENUE_SERVICES, "DE|S|0.0700"): NumberedAccount("4301", "Erlöse 7 % USt, Dienste", is_automatic=True),
    (Role.REVENUE_SERVICES, "AE"): NumberedAccount("4337", "Erlöse aus Leistungen nach § 13b UStG"),
    (Role.REVENUE_SERVICES, "E"): NumberedAccount("4100", "Steuerfreie Umsätze § 4 Nr. 8 ff. UStG"),
    (Role.REVENUE_SERVICES, "O"): NumberedAccount("4338", "Im Inland nicht steuerbare Umsätze (Drittland)"),
    (Role.REVENUE_SERVICES, "abroad AE"): NumberedAccount("4336", "Im anderen EU-Land stpfl. sonstige Leistungen"),
    (Role.OTHER_INCOME, ""): NumberedAccount("4830", "Sonstige betriebliche Erträge"),
    (Role.PAYMENT_FEES, ""): NumberedAccount("6855", "Nebenkosten des Geldverkehrs"),
    (Role.BAD_DEBT, ""): NumberedAccount("6930", "Forderungsverluste (übliche Höhe)"),
    (Role.BAD_DEBT, "DE|S|0.1900"): NumberedAccount("6936", "Forderungsverluste 19 % USt", is_automatic=True),
    (Role.BAD_DEBT, "DE|S|0.0700"): NumberedAccount("6931", "Forderungsverluste 7 % USt", is_automatic=True),
    (Role.PLATFORM_FEES, ""): NumberedAccount("6770", "Verkaufsprovisionen"),
}

CHARTS: Final[Mapping[ChartKind, Mapping[Key, NumberedAccount]]] = {
    ChartKind.INTERNATIONAL: _international(),
    ChartKind.SKR03: _SKR03,
    ChartKind.SKR04: _SKR04,
}


class BadNumber(ValueError):
    """The number is none of this chart's; the message says what one looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """Which number each role has for a seller on a day.

    home    the seller's own country, ISO 3166-1 alpha-2
    length  digits of an account in SKR 03 and 04; 4 to 8
    own     what the seller changed, over what is shipped
    """

    kind: ChartKind
    home: str
    length: int = 4
    own: Mapping[Key, NumberedAccount] = field(default_factory=dict)

    @property
    def is_datev(self) -> bool:
        return self.kind in (ChartKind.SKR03, ChartKind.SKR04)

    @property
    def rows(self) -> Mapping[Key, NumberedAccount]:
        """Every role and VAT that has a number, as it stands."""
        shipped = CHARTS[self.kind]
        if self.is_datev:
            shipped = {key: row._replace(number=row.number.ljust(self.length, "0")) for key, row in shipped.items()}
        return {**shipped, **self.own}

    def account(self, role: Role, vat: str = "") -> NumberedAccount:
        """Return a role's account for entries under ``vat`` (``Vat.code``; blank: none)."""
        rows = self.rows
        return next(rows[role, key] for key in vat_keys(vat, home=self.home) if (role, key) in rows)

    def check(self, number: str) -> str:
        """Return the number as it is kept.

        :raises BadNumber: too long, or in a DATEV chart not exactly as many digits as its accounts have
        """
        number = number.strip()
        if self.is_datev and not (len(number) == self.length and number.isascii() and number.isdecimal()):
            raise BadNumber(f"“{number}” is no account of this chart: it has {self.length} digits.")
        if not 0 < len(number) <= 20:
            raise BadNumber("An account's number has 1 to 20 characters.")
        return number


def vat_keys(vat: str, *, home: str) -> tuple[str, ...]:
    """Return the keys under which an entry's account is looked for, most special first."""
    if not vat:
        return ("",)
    parts = Vat.from_code(vat)
    if parts.country != home:
        return (vat, f"abroad {parts.category}", "abroad", "")
    return (vat, parts.category, "")


def key_in_words(key: str) -> str:
    """Say which entries a key stands for: ``VAT of DE, 19 %``, ``reverse charge``."""
    if "|" in key:
        vat = Vat.from_code(key)
        category = "" if vat.category == "S" else f"{vat.category} "
        return f"VAT of {vat.country}, {category}{(vat.rate * 100).normalize():f} %"
    names = {"AE": "reverse charge", "E": "exempt", "O": "not taxable", "Z": "zero rate", "S": "other rates"}
    place, _, category = key.rpartition(" ")
    if key == "abroad":
        return "another country's VAT"
    said = names.get(category, category)
    return f"another country: {said}" if place else said or "all others"
