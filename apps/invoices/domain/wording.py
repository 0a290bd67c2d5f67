"""The words of a printed document, per language. A new language is a new entry; every entry says everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a document says besides its facts; ``day`` and ``moment`` are Django date formats, {…} is filled in."""

    day: str
    moment: str
    clock: str
    invoice: str
    receipt: str
    credit_note: str
    simplified_invoice: str
    number: str
    customer_number: str
    contract: str
    issue_date: str
    supply_period: str
    due_date: str
    purchase_order: str
    vat_id: str
    register: str
    page: str
    of: str
    session: str
    energy: str
    price: str
    net_amount: str
    gross_amount: str
    vehicle: str
    card: str
    cost_centre: str
    cost_centre_reference: str
    no_cost_centre: str
    by_cost_centre: str
    no_energy: str
    prices_contain_vat: str
    prices_without_vat: str
    vat: str
    net_total: str
    gross_total: str
    credit_total: str
    vat_on: str
    contained_vat: str
    credits: str
    credits_receipt: str
    credits_part: str
    part_of_amount: str
    replaces: str
    settled_by_receipt: str
    replaced: str
    reason: str
    how_to_pay: str
    settlement: str
    set_off: str
    service: str
    pay_by: str
    nothing_to_pay: str
    credited: str
    payment: str
    paid_by_hold: str
    hold_released: str
    paid_back: str
    on_file: str
    recipient: str
    reference: str
    scan_to_pay: str
    annex: str
    receipt_annex: str
    annex_intro: str
    record: str
    meter_begin: str
    meter_end: str
    signed: str
    signed_verdicts: Mapping[str, str]
    signed_key: str
    from_to: str
    meter: str
    unrounded: str
    free_of_charge: str
    categories: Mapping[str, str]
    units: Mapping[str, str]


_ENGLISH: Final = Words(
    day="j F Y",
    moment="j M Y, H:i",
    clock="H:i",
    invoice="Invoice",
    receipt="Receipt",
    credit_note="Credit note",
    simplified_invoice="Simplified invoice",
    number="Number",
    customer_number="Customer",
    contract="Contract",
    issue_date="Date of issue",
    supply_period="Supply",
    due_date="Due",
    purchase_order="Your order",
    vat_id="VAT ID",
    register="Register",
    page="Page",
    of="of",
    session="Charging session",
    energy="Energy",
    price="Price",
    net_amount="Net",
    gross_amount="Amount",
    vehicle="Vehicle",
    card="Card",
    cost_centre="Cost centre",
    cost_centre_reference="Your reference",
    no_cost_centre="without a cost centre",
    by_cost_centre="By cost centre",
    no_energy="no energy delivered",
    prices_contain_vat="prices include VAT",
    prices_without_vat="prices without VAT",
    vat="VAT",
    net_total="Total without VAT",
    gross_total="Total",
    credit_total="Total credited",
    vat_on="VAT {rate} on {net}",
    contained_vat="of which VAT {rate} on {net}",
    credits="This credit note takes back lines of invoice {number} of {date}.",
    credits_receipt="This credit note takes back receipt {number} of {date}.",
    credits_part="This credit note takes back a part of document {number} of {date}.",
    part_of_amount="Part of the amount",
    replaces="This invoice stands in the stead of receipt {number} of {date}.",
    settled_by_receipt="{amount} were paid by card with that receipt. There is nothing more to pay.",
    replaced="Invoice {number} stands in its stead; what was paid settles that one.",
    reason="Reason",
    how_to_pay="How to pay",
    settlement="Settlement",
    set_off="The amount is set off against what was collected for you.",
    service="Service",
    pay_by="Please transfer {amount} by {date}.",
    nothing_to_pay="There is nothing to pay.",
    credited="The amount is set off against what is open, or paid back.",
    payment="Payment",
    paid_by_hold="{amount} is charged to the card you paid with; what was reserved beyond that is released.",
    hold_released="Nothing is charged. If an amount was reserved on your card, it is released.",
    paid_back="What you paid of it is paid back to the card you paid with.",
    on_file="If a card or a direct debit mandate is on file with us, we collect the amount from it; "
    "please do not transfer it as well.",
    recipient="Recipient",
    reference="Reference",
    scan_to_pay="Scan with your banking app",
    annex="How each session was priced",
    receipt_annex="Why this price",
    annex_intro="Each row is a stretch of time in which neither the price nor the reported state of the vehicle "
    "changed. Meter values inside a session are interpolated between two readings of the meter.",
    record="Charge record",
    meter_begin="Meter at begin",
    meter_end="Meter at end",
    signed="Signed meter values",
    signed_verdicts={
        "verified": "verified",
        "refused": "refused: the meter's key did not sign them",
        "no key": "not verified: no key of the meter is known",
        "unknown format": "not verified here: unknown format",
        "not verifiable": "not verifiable here",
        "not checked yet": "not checked yet",
    },
    signed_key="key {key}",
    from_to="From – to",
    meter="Meter",
    unrounded="Unrounded",
    free_of_charge="nothing charged",
    categories={
        "S": "standard or reduced rate",
        "Z": "zero rated",
        "E": "exempt",
        "AE": "reverse charge",
        "O": "not subject to VAT",
    },
    units={"kWh": "kWh", "min": "min", "h": "h", "session": "session"},
)

_GERMAN: Final = Words(
    day="j. F Y",
    moment="j. M Y, H:i",
    clock="H:i",
    invoice="Rechnung",
    receipt="Quittung",
    credit_note="Rechnungskorrektur",
    simplified_invoice="Kleinbetragsrechnung",
    number="Nummer",
    customer_number="Kundennummer",
    contract="Vertrag",
    issue_date="Rechnungsdatum",
    supply_period="Lieferzeitraum",
    due_date="Fällig",
    purchase_order="Ihre Bestellung",
    vat_id="USt-IdNr.",
    register="Register",
    page="Seite",
    of="von",
    session="Ladevorgang",
    energy="Energie",
    price="Preis",
    net_amount="Netto",
    gross_amount="Betrag",
    vehicle="Fahrzeug",
    card="Karte",
    cost_centre="Kostenstelle",
    cost_centre_reference="Ihr Zeichen",
    no_cost_centre="ohne Kostenstelle",
    by_cost_centre="Nach Kostenstellen",
    no_energy="keine Energie geliefert",
    prices_contain_vat="Preise enthalten Umsatzsteuer",
    prices_without_vat="Preise ohne Umsatzsteuer",
    vat="USt.",
    net_total="Summe netto",
    gross_total="Gesamtbetrag",
    credit_total="Gutgeschriebener Betrag",
    vat_on="USt. {rate} auf {net}",
    contained_vat="darin USt. {rate} auf {net}",
    credits="Diese Rechnungskorrektur nimmt Positionen der Rechnung {number} vom {date} zurück.",
    credits_receipt="Diese Rechnungskorrektur nimmt die Quittung {number} vom {date} zurück.",
    credits_part="Diese Rechnungskorrektur nimmt einen Teil des Belegs {number} vom {date} zurück.",
    part_of_amount="Teilbetrag",
    replaces="Diese Rechnung tritt an die Stelle der Quittung {number} vom {date}.",
    settled_by_receipt="{amount} wurden mit dieser Quittung per Karte bezahlt. Es ist nichts mehr zu zahlen.",
    replaced="An ihre Stelle tritt die Rechnung {number}; das Gezahlte begleicht sie.",
    reason="Grund",
    how_to_pay="Zahlung",
    settlement="Ausgleich",
    set_off="Der Betrag wird mit dem verrechnet, was für Sie eingenommen wurde.",
    service="Leistung",
    pay_by="Bitte überweisen Sie {amount} bis zum {date}.",
    nothing_to_pay="Es ist nichts zu zahlen.",
    credited="Der Betrag wird mit Offenem verrechnet oder zurückgezahlt.",
    payment="Zahlung",
    paid_by_hold="{amount} werden der Karte belastet, mit der Sie gezahlt haben; "
    "was darüber hinaus reserviert war, wird freigegeben.",
    hold_released="Es wird nichts berechnet. War auf Ihrer Karte ein Betrag reserviert, wird er freigegeben.",
    paid_back="Was Sie davon gezahlt haben, wird auf die Karte zurückgezahlt, mit der Sie gezahlt haben.",
    on_file="Liegt uns eine Karte oder ein SEPA-Lastschriftmandat vor, ziehen wir den Betrag ein; "
    "bitte überweisen Sie ihn dann nicht zusätzlich.",
    recipient="Empfänger",
    reference="Verwendungszweck",
    scan_to_pay="Mit der Banking-App scannen",
    annex="So wurde jeder Ladevorgang berechnet",
    receipt_annex="So kommt der Preis zustande",
    annex_intro="Jede Zeile ist ein Abschnitt, in dem sich weder der Preis noch der gemeldete Zustand des Fahrzeugs "
    "geändert hat. Zählerstände innerhalb eines Vorgangs sind zwischen zwei Ablesungen interpoliert.",
    record="Ladebeleg",
    meter_begin="Zählerstand Beginn",
    meter_end="Zählerstand Ende",
    signed="Signierte Messwerte",
    signed_verdicts={
        "verified": "geprüft",
        "refused": "abgewiesen: nicht mit dem Schlüssel des Zählers signiert",
        "no key": "nicht geprüft: kein Schlüssel des Zählers bekannt",
        "unknown format": "hier nicht geprüft: unbekanntes Format",
        "not verifiable": "hier nicht prüfbar",
        "not checked yet": "noch nicht geprüft",
    },
    signed_key="Schlüssel {key}",
    from_to="Von – bis",
    meter="Zähler",
    unrounded="Ungerundet",
    free_of_charge="nicht berechnet",
    categories={
        "S": "Regel- oder ermäßigter Satz",
        "Z": "Nullsatz",
        "E": "steuerfrei",
        "AE": "Steuerschuldnerschaft des Leistungsempfängers",
        "O": "nicht steuerbar",
    },
    units={"kWh": "kWh", "min": "Min.", "h": "Std.", "session": "Ladevorgang"},
)

WORDS: Final[Mapping[str, Words]] = {"en": _ENGLISH, "de": _GERMAN}

# What a document must say where it charges no VAT, by ``core.domain.tax.TaxDecision.legal_text`` and language.
LEGAL_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    # Directive 2006/112/EC, art. 226 (11a) prescribes the words "Reverse charge" in each language.
    "reverse_charge": {
        "en": "Reverse charge: the recipient owes the VAT.",
        "de": "Steuerschuldnerschaft des Leistungsempfängers.",
        "fr": "Autoliquidation : la TVA est due par le preneur.",
        "nl": "Btw verlegd: de btw is verschuldigd door de afnemer.",
    },
    "outside_scope": {
        "en": "Not subject to VAT: supplied outside the European Union.",
        "de": "Nicht steuerbar: Ort der Leistung außerhalb der Europäischen Union.",
        "fr": "Opération non soumise à la TVA : lieu de prestation hors de l'Union européenne.",
        "nl": "Niet aan btw onderworpen: plaats van levering buiten de Europese Unie.",
    },
}


def legal_text(key: str, *, language: str) -> str:
    """Return the sentence that a tax decision asks for, in the document's language; "" where it asks for none."""
    return LEGAL_TEXTS[key][language] if key else ""
