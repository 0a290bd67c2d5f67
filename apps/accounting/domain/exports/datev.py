"""DATEV-Format, Buchungsstapel: header version 700, category 21, format version 13 (developer.datev.de, DTVF).

Windows-1252, CRLF, semicolons, texts in quotes, a comma in amounts. A header of 31 fields, a line of 125 column names,
a line for each pair of accounts. What is decided here, and written down in docs/accounting.md:

- **VAT.** An automatic account (8400) takes the gross amount, and DATEV takes the VAT out of it, where its own
  arithmetic gives our cents; else, and where an amount would be cut in two, net and VAT stand apart: key 40 switches
  the account's automatic off and the VAT goes to the VAT account.
- **Which side.** ``Gegenkonto`` is revenue, bad debt or VAT where one of them is in it, ``Konto`` what they stand
  against (the receivable); else ``Konto`` is debited. Amounts are above zero, S or H says on which side ``Konto`` is.
- **Days.** ``Belegdatum`` is the day of posting, ``Leistungsdatum`` and the tax period go by the tax date.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from apps.accounting.domain.exports.bookings import Batch, Booking, Pair, Posted, pairs
from apps.core.domain.money import EXACT, round_half_up
from apps.ledger.domain.chart import Role
from apps.ledger.domain.vat import Vat

AUTOMATIC_OFF: Final = "40"
_BASES: Final = frozenset({Role.REVENUE_ENERGY, Role.REVENUE_SERVICES, Role.BAD_DEBT})
_OTHER_SIDE: Final = _BASES | {Role.VAT_PAYABLE}
_EMPTY: Final = '""'

COLUMNS: Final = (
    "Umsatz (ohne Soll/Haben-Kz)",
    "Soll/Haben-Kennzeichen",
    "WKZ Umsatz",
    "Kurs",
    "Basis-Umsatz",
    "WKZ Basis-Umsatz",
    "Konto",
    "Gegenkonto (ohne BU-Schlüssel)",
    "BU-Schlüssel",
    "Belegdatum",
    "Belegfeld 1",
    "Belegfeld 2",
    "Skonto",
    "Buchungstext",
    "Postensperre",
    "Diverse Adressnummer",
    "Geschäftspartnerbank",
    "Sachverhalt",
    "Zinssperre",
    "Beleglink",
    *(f"Beleginfo - {what} {number}" for number in range(1, 9) for what in ("Art", "Inhalt")),
    "KOST1 - Kostenstelle",
    "KOST2 - Kostenstelle",
    "Kost-Menge",
    "EU-Land u. UStID (Bestimmung)",
    "EU-Steuersatz (Bestimmung)",
    "Abw. Versteuerungsart",
    "Sachverhalt L+L",
    "Funktionsergänzung L+L",
    "BU 49 Hauptfunktionstyp",
    "BU 49 Hauptfunktionsnummer",
    "BU 49 Funktionsergänzung",
    *(f"Zusatzinformation{what} {number}" for number in range(1, 21) for what in (" - Art", "- Inhalt")),
    "Stück",
    "Gewicht",
    "Zahlweise",
    "Forderungsart",
    "Veranlagungsjahr",
    "Zugeordnete Fälligkeit",
    "Skontotyp",
    "Auftragsnummer",
    "Buchungstyp",
    "USt-Schlüssel (Anzahlungen)",
    "EU-Land (Anzahlungen)",
    "Sachverhalt L+L (Anzahlungen)",
    "EU-Steuersatz (Anzahlungen)",
    "Erlöskonto (Anzahlungen)",
    "Herkunft-Kz",
    "Buchungs GUID",
    "KOST-Datum",
    "SEPA-Mandatsreferenz",
    "Skontosperre",
    "Gesellschaftername",
    "Beteiligtennummer",
    "Identifikationsnummer",
    "Zeichnernummer",
    "Postensperre bis",
    "Bezeichnung SoBil-Sachverhalt",
    "Kennzeichen SoBil-Buchung",
    "Festschreibung",
    "Leistungsdatum",
    "Datum Zuord. Steuerperiode",
    "Fälligkeit",
    "Generalumkehr (GU)",
    "Steuersatz",
    "Land",
    "Abrechnungsreferenz",
    "BVV-Position",
    "EU-Land u. UStID (Ursprung)",
    "EU-Steuersatz (Ursprung)",
    "Abw. Skontokonto",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Whom DATEV knows the seller as, and how: numbers of adviser and client, chart (03, 04), digits, year's start."""

    consultant: int
    number: int
    chart: str
    account_length: int
    home: str
    year_begins: int = 1


def render(batch: Batch, client: Client) -> bytes:
    """Return the file of a batch."""
    lines = [_header(batch, client), ";".join(COLUMNS)]
    for booking in batch.bookings:
        lines += (_row(booking, pair, currency=batch.currency, home=client.home) for pair in _pairs(booking, batch))
    return "".join(f"{line}\r\n" for line in lines).encode("cp1252", "replace")


def _header(batch: Batch, client: Client) -> str:
    name = f"Wattledger {batch.first:%m/%Y}" + (f" Nachtrag {batch.number}" if batch.number else "")
    days = (f"{batch.first:%Y%m%d}", f"{batch.last:%Y%m%d}", quoted(name, 30), _EMPTY)
    kept = ("1", "0", "0", quoted(batch.currency))
    return header(
        client,
        category="21",
        name="Buchungsstapel",
        version="13",
        month=batch.first,
        made_at=batch.made_at,
        batch=(*days, *kept),
    )


def header(
    client: Client,
    *,
    category: str,
    name: str,
    version: str,
    month: date,
    made_at: datetime,
    batch: tuple[str, ...] = ("", "", _EMPTY, _EMPTY, "", "", "", _EMPTY),
) -> str:
    """Return the 31 fields of a header; batch: from the first day to the currency, of bookings alone."""
    year = month.year - (month.month < client.year_begins)
    written = f"{made_at:%Y%m%d%H%M%S}{made_at.microsecond // 1000:03d}"
    fields = [
        *(quoted("EXTF"), "700", category, quoted(name), version, written, "", quoted("RE"), _EMPTY, _EMPTY),
        *(str(client.consultant), str(client.number), f"{year}{client.year_begins:02d}01", str(client.account_length)),
        *batch,
        *("", _EMPTY, "", "", quoted(client.chart), "", "", _EMPTY, _EMPTY),
    ]
    return ";".join(fields)


def _pairs(booking: Booking, batch: Batch) -> list[tuple[Pair, bool]]:
    """Return a booking's pairs; True: the automatic of its account takes the VAT out of the amount."""
    joined = _with_gross_amounts(booking.entries, currency=batch.currency)
    automatic = [entry for entry in joined if entry.is_automatic]
    debits = sum(entry.amount > 0 for entry in joined)
    alone = min(debits, len(joined) - debits) == 1
    pivot = next(iter(entry for entry in joined if (entry.amount > 0) == (debits == 1)), None)
    if automatic and (not alone or (pivot in automatic and len(joined) > 2)):
        # An automatic account's amount would be cut in two, each with a rounding of its own.
        joined = tuple(replace(entry, is_automatic=False) for entry in booking.entries)
    return [(pair, pair.debit.is_automatic or pair.credit.is_automatic) for pair in pairs(joined)]


def _with_gross_amounts(entries: Sequence[Posted], *, currency: str) -> tuple[Posted, ...]:
    """Put the VAT into the amount on its automatic account, where DATEV takes just these cents out again."""
    found: list[Posted] = []
    taxes = [entry for entry in entries if entry.role == Role.VAT_PAYABLE]
    for entry in entries:
        if entry.role == Role.VAT_PAYABLE:
            continue
        if not (entry.is_automatic and entry.role in _BASES and entry.vat):
            found.append(replace(entry, is_automatic=False))
            continue
        tax = next((each for each in taxes if each.vat == entry.vat and (each.amount > 0) == (entry.amount > 0)), None)
        gross = entry.amount + (tax.amount if tax else 0)
        if _tax_in(gross, Vat.from_code(entry.vat).rate, currency=currency) == (tax.amount if tax else 0):
            found.append(replace(entry, amount=gross))
            if tax:
                taxes.remove(tax)
        else:
            found.append(replace(entry, is_automatic=False))
    return (*found, *taxes)


def _tax_in(gross: Decimal, rate: Decimal, *, currency: str) -> Decimal:
    return round_half_up(EXACT.divide(EXACT.multiply(gross, rate), 1 + rate), currency=currency)


def _row(booking: Booking, told: tuple[Pair, bool], *, currency: str, home: str) -> str:
    pair, is_automatic = told
    is_debited = pair.debit.role not in _OTHER_SIDE
    account, other = (pair.debit, pair.credit) if is_debited else (pair.credit, pair.debit)
    fields = dict.fromkeys(COLUMNS, "")
    fields.update(
        {
            "Umsatz (ohne Soll/Haben-Kz)": f"{pair.amount:f}".replace(".", ","),
            "Soll/Haben-Kennzeichen": quoted("S" if is_debited else "H"),
            "WKZ Umsatz": quoted(currency),
            "Konto": account.number,
            "Gegenkonto (ohne BU-Schlüssel)": other.number,
            "BU-Schlüssel": _EMPTY if is_automatic else quoted(_key(booking, pair)),
            "Belegdatum": f"{booking.posted_on:%d%m}",
            "Belegfeld 1": quoted(re.sub(r"[^A-Za-z0-9$&%*+/-]", "", booking.document), 36),
            "Buchungstext": quoted(booking.text, 60),
            "Beleginfo - Art 1": quoted("Journal"),
            "Beleginfo - Inhalt 1": quoted(booking.key, 210),
            "Festschreibung": "0",
        }
    )
    if booking.customer_number:
        fields["Beleginfo - Art 2"] = quoted("Kunde")
        fields["Beleginfo - Inhalt 2"] = quoted(f"{booking.customer_number} {booking.party}", 210)
    if vat := pair.debit.vat or pair.credit.vat:
        fields |= _tax_fields(Vat.from_code(vat), booking.tax_date, home=home)
    if booking.due_date is not None:
        fields["Fälligkeit"] = f"{booking.due_date:%d%m%Y}"
    return ";".join(fields[column] for column in COLUMNS)


def _key(booking: Booking, pair: Pair) -> str:
    """Return key 40 where an automatic account is posted to and its automatic must not act."""
    automatic = {entry.number for entry in booking.entries if entry.is_automatic}
    return AUTOMATIC_OFF if {pair.debit.number, pair.credit.number} & automatic else ""


def _tax_fields(vat: Vat, tax_date: date, *, home: str) -> dict[str, str]:
    fields = {"Leistungsdatum": f"{tax_date:%d%m%Y}", "Datum Zuord. Steuerperiode": f"{tax_date:%d%m%Y}"}
    if vat.country != home and vat.category == "S":
        fields["EU-Land u. UStID (Bestimmung)"] = quoted(vat.country)
        fields["EU-Steuersatz (Bestimmung)"] = f"{vat.rate * 100:.2f}".replace(".", ",")
    return fields


def quoted(value: str, most: int = 60) -> str:
    """Return a text field: quotes doubled, no control characters, not too long."""
    plain = "".join(character for character in value if character.isprintable())
    return '"{}"'.format(plain[:most].replace('"', '""'))


def file_name(batch: Batch) -> str:
    """Return the name that DATEV expects: ``EXTF_…``."""
    return f"EXTF_Buchungsstapel_{batch.first:%Y-%m}_{batch.number + 1}.csv"


def missing(parts: Iterable[tuple[str, object]]) -> str:
    """Return what a DATEV export needs and was not told, in words; blank: nothing."""
    names = [name for name, value in parts if value is None]
    return " and ".join(names)
