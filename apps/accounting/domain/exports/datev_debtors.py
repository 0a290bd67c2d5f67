"""DATEV-Format, Debitoren/Kreditoren: header version 700, category 16, format version 5 (developer.datev.de).

Who stands behind the debtor accounts of a booking batch: read before it, so that the accounts have names. Windows-1252,
CRLF, semicolons, texts in quotes, 31 fields in the header, 254 columns. What we do not know stays empty, and an empty
field changes nothing of what the adviser keeps there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from apps.accounting.domain.exports.datev import Client, header, quoted

_COMPANY, _UNSAID = "2", "0"
_STREET: Final = "STR"


def _bank(number: int) -> tuple[str, ...]:
    return (
        f"Bankleitzahl {number}",
        f"Bankbezeichnung {number}",
        f"Bank-Kontonummer {number}",
        f"Länderkennzeichen {number}",
        f"IBAN-Nr. {number}",
        f"IBAN{number} korrekt",
        f"SWIFT-Code {number}",
        f"Abw. Kontoinhaber {number}",
        f"Kennz. Hauptbankverb. {number}",
        f"Bankverb {number} Gültig von",
        f"Bankverb {number} Gültig bis",
    )


COLUMNS: Final = (
    "Konto",
    "Name (Adressattyp Unternehmen)",
    "Unternehmensgegenstand",
    "Name (Adressattyp natürl. Person)",
    "Vorname (Adressattyp natürl. Person)",
    "Name (Adressattyp keine Angabe)",
    "Adressattyp",
    "Kurzbezeichnung",
    "EU-Land",
    "EU-UStID",
    *("Anrede", "Titel/Akad. Grad", "Adelstitel", "Namensvorsatz", "Adressart"),
    *("Straße", "Postfach", "Postleitzahl", "Ort", "Land", "Versandzusatz", "Adresszusatz"),
    *("Abweichende Anrede", "Abw. Zustellbezeichnung 1", "Abw. Zustellbezeichnung 2", "Kennz. Korrespondenzadresse"),
    *("Adresse Gültig von", "Adresse Gültig bis"),
    *("Telefon", "Bemerkung (Telefon)", "Telefon GL", "Bemerkung (Telefon GL)", "E-Mail", "Bemerkung (E-Mail)"),
    *("Internet", "Bemerkung (Internet)", "Fax", "Bemerkung (Fax)", "Sonstige", "Bemerkung (Sonstige)"),
    *(name for number in range(1, 6) for name in _bank(number)),
    *("Leerfeld", "Briefanrede", "Grußformel", "Kundennummer", "Steuernummer", "Sprache", "Ansprechpartner"),
    *("Vertreter", "Sachbearbeiter", "Diverse-Konto", "Ausgabeziel", "Währungssteuerung", "Kreditlimit (Debitor)"),
    *("Zahlungsbedingung", "Fälligkeit in Tagen (Debitor)", "Skonto in Prozent (Debitor)"),
    *("Kreditoren-Ziel 1 Tg.", "Kreditoren-Skonto 1 %", "Kreditoren-Ziel 2 Tg.", "Kreditoren-Skonto 2 %"),
    *("Kreditoren-Ziel 3 Brutto Tg.", "Kreditoren-Ziel 4 Tg.", "Kreditoren-Skonto 4 %"),
    *("Kreditoren-Ziel 5 Tg.", "Kreditoren-Skonto 5 %", "Mahnung", "Kontoauszug"),
    *("Mahntext 1", "Mahntext 2", "Mahntext 3", "Kontoauszugstext", "Mahnlimit Betrag", "Mahnlimit %"),
    *("Zinsberechnung", "Mahnzinssatz 1", "Mahnzinssatz 2", "Mahnzinssatz 3"),
    *("Lastschrift", "Verfahren", "Mandantenbank", "Zahlungsträger"),
    *(f"Indiv. Feld {number}" for number in range(1, 16)),
    *(
        f"{name} (Rechnungsadresse)"
        for name in (
            *("Abweichende Anrede", "Adressart", "Straße", "Postfach", "Postleitzahl", "Ort", "Land"),
            *("Versandzusatz", "Adresszusatz", "Abw. Zustellbezeichnung 1", "Abw. Zustellbezeichnung 2"),
            *("Adresse Gültig von", "Adresse Gültig bis"),
        )
    ),
    *(name for number in range(6, 11) for name in _bank(number)),
    *("Nummer Fremdsystem", "Insolvent"),
    *(f"Mandatsreferenz {number}" for number in range(1, 11)),
    *("Verknüpftes OPOS-Konto", "Mahnsperre bis", "Lastschriftsperre bis", "Zahlungssperre bis"),
    *("Gebührenberechnung", "Mahngebühr 1", "Mahngebühr 2", "Mahngebühr 3"),
    *("Pauschalenberechnung", "Verzugspauschale 1", "Verzugspauschale 2", "Verzugspauschale 3"),
    *("Alternativer Suchname", "Status"),
    *("Anschrift manuell geändert (Korrespondenzadresse)", "Anschrift individuell (Korrespondenzadresse)"),
    *("Anschrift manuell geändert (Rechnungsadresse)", "Anschrift individuell (Rechnungsadresse)"),
    *("Fristberechnung bei Debitor", "Mahnfrist 1", "Mahnfrist 2", "Mahnfrist 3", "Letzte Frist"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtorMaster:
    """A customer as DATEV keeps them. account: as the batch tells it · country: ISO 3166-1 alpha-2 · vat_id: or blank.

    is_company  a private person has one name here, of which nothing says where the first one ends
    """

    account: str
    number: str
    name: str
    is_company: bool
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    email: str


def render(debtors: Iterable[DebtorMaster], client: Client, *, month: date, made_at: datetime) -> bytes:
    """Return the file of debtors, ascending by account; month: the booking batch's first day."""
    head = header(client, category="16", name="Debitoren/Kreditoren", version="5", month=month, made_at=made_at)
    rows = [_row(debtor) for debtor in sorted(debtors, key=lambda debtor: debtor.account)]
    return "".join(f"{line}\r\n" for line in (head, ";".join(COLUMNS), *rows)).encode("cp1252", "replace")


def file_name(month: date, number: int) -> str:
    """Return the name that DATEV expects: ``EXTF_…``; number: how many files of the month came before."""
    return f"EXTF_Debitoren_Kreditoren_{month:%Y-%m}_{number + 1}.csv"


def _row(debtor: DebtorMaster) -> str:
    fields = dict.fromkeys(COLUMNS, "")
    name = "Name (Adressattyp Unternehmen)" if debtor.is_company else "Name (Adressattyp keine Angabe)"
    fields |= {
        "Konto": debtor.account,
        name: quoted(debtor.name, 50),
        "Adressattyp": quoted(_COMPANY if debtor.is_company else _UNSAID),
        "Kurzbezeichnung": quoted(debtor.name, 15),
        "Adressart": quoted(_STREET),
        "Straße": quoted(debtor.street, 36),
        "Postleitzahl": quoted(debtor.postcode, 10),
        "Ort": quoted(debtor.city, 30),
        "Land": quoted(debtor.country, 2),
        "E-Mail": quoted(debtor.email, 60),
        "Kundennummer": quoted(debtor.number, 15),
    }
    if debtor.vat_id[:2].isalpha() and debtor.vat_id:
        fields |= {"EU-Land": quoted(debtor.vat_id[:2].upper()), "EU-UStID": quoted(debtor.vat_id[2:], 13)}
    return ";".join(fields[column] for column in COLUMNS)
