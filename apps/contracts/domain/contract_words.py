"""The words of a contract's document and of the mails about it, per language. Every entry says everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from apps.contracts.domain.renewals import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWords:
    """``day`` is a strftime pattern; {…} is filled in."""

    day: str
    title: Mapping[str, str]
    number: str
    version: str
    customer_number: str
    first_day: str
    term_heading: str
    term_open: str
    term_ends: str
    term_renews: str
    until_further_notice: str
    terms: str
    price_sheet: str
    prices_from: str
    sites: str
    at_group: str
    no_price: str
    discount: str
    plan: str
    plan_fee: Mapping[str, str]
    plan_in_advance: str
    plan_included: str
    plan_included_each: str
    plan_step: str
    plan_step_last: str
    plan_minimum: str
    plan_maximum: str
    plan_net: str
    plan_gross: str
    cards: str
    card: str
    driver: str
    vehicle: str
    cost_centre: str
    charges_free: str
    signature: str
    page: str
    of: str
    offer_subject: str
    offer_body: str
    accepted_subject: str
    accepted_body: str
    renewal_subject: str
    renewal_body: str
    ended_subject: str
    ended_body: str


_ENGLISH: Final = ContractWords(
    day="%d %b %Y",
    title=MappingProxyType({"original": "Charging contract", "amendment": "Amendment of a charging contract"}),
    number="Contract",
    version="Version",
    customer_number="Customer",
    first_day="Applies from",
    term_heading="Term",
    term_open="It runs until further notice. Either side may end it with {notice} days of notice.",
    term_ends="It ends with {last}, without notice.",
    term_renews="It runs until {last} and is renewed by {months} months each time, unless either side ends it with "
    "{notice} days of notice to the end of its term.",
    until_further_notice="until further notice",
    terms="Terms",
    price_sheet="Price sheet",
    prices_from="Prices as of {day}.",
    sites="Sites",
    at_group="At sites of {group}",
    no_price="No price is set here yet: charging begins when there is one.",
    discount="{percent} % off every price of a session",
    plan="Plan",
    plan_fee=MappingProxyType({"month": "Base fee a month: {amount}", "quarter": "Base fee a quarter: {amount}"}),
    plan_in_advance="due in advance",
    plan_included="Included in each period: {kwh} kWh",
    plan_included_each="Included in each period for each vehicle: {kwh} kWh",
    plan_step="Up to {up_to} kWh of a period: {amount} a kWh besides the price",
    plan_step_last="Each further kWh: {amount} besides the price",
    plan_minimum="A period's sessions come to at least {amount}",
    plan_maximum="A period's sessions come to at most {amount}",
    plan_net="Amounts without VAT.",
    plan_gross="Amounts include VAT.",
    cards="Cards",
    card="Card",
    driver="Driver",
    vehicle="Vehicle",
    cost_centre="Cost centre",
    charges_free="charges free",
    signature="It is accepted electronically; name, time, address and the hash of this exact file are kept with it.",
    page="Page",
    of="of",
    offer_subject="{seller}: contract {number} for you to accept",
    offer_body="Good day,\n\n{seller} offers you contract {number}, version {version}, which applies from "
    "{first}. The "
    "document is attached.\n\nRead and accept it here, until the end of {first}:\n{link}\n\n{seller}\n",
    accepted_subject="{seller}: contract {number} is accepted",
    accepted_body="Good day,\n\ncontract {number}, version {version}, was accepted by {name} at {at} UTC and "
    "applies from "
    "{first}. The exact document is attached; keep it. Its SHA-256 is\n{hash}\n\n{seller}\n",
    renewal_subject="{seller}: contract {number} will be renewed",
    renewal_body="Good day,\n\ncontract {number} runs until {last}. It is then renewed by {months} months. If "
    "you do not "
    "want that, give notice on {notice} at the latest.\n\n{seller}\n",
    ended_subject="{seller}: contract {number} ends",
    ended_body="Good day,\n\ncontract {number} ends with {last}. Its cards charge until then; what was charged "
    "is billed "
    "as ever.\n\n{seller}\n",
)

_GERMAN: Final = ContractWords(
    day="%d.%m.%Y",
    title=MappingProxyType({"original": "Ladevertrag", "amendment": "Änderung eines Ladevertrags"}),
    number="Vertrag",
    version="Fassung",
    customer_number="Kundennummer",
    first_day="Gilt ab",
    term_heading="Laufzeit",
    term_open="Er läuft auf unbestimmte Zeit. Jede Seite kann ihn mit einer Frist von {notice} Tagen kündigen.",
    term_ends="Er endet mit dem {last}, ohne dass es einer Kündigung bedarf.",
    term_renews="Er läuft bis zum {last} und verlängert sich jeweils um {months} Monate, wenn ihn nicht eine "
    "Seite mit "
    "einer Frist von {notice} Tagen zum Ende der Laufzeit kündigt.",
    until_further_notice="auf unbestimmte Zeit",
    terms="Bedingungen",
    price_sheet="Preisblatt",
    prices_from="Preise mit Stand vom {day}.",
    sites="Standorte",
    at_group="An Standorten der Gruppe „{group}“",
    no_price="Hier ist noch kein Preis festgelegt: Geladen wird, sobald es einen gibt.",
    discount="{percent} % Nachlass auf jeden Preis eines Ladevorgangs",
    plan="Tarifpaket",
    plan_fee=MappingProxyType(
        {"month": "Grundgebühr je Monat: {amount}", "quarter": "Grundgebühr je Quartal: {amount}"}
    ),
    plan_in_advance="im Voraus fällig",
    plan_included="Je Zeitraum enthalten: {kwh} kWh",
    plan_included_each="Je Zeitraum und Fahrzeug enthalten: {kwh} kWh",
    plan_step="Bis {up_to} kWh eines Zeitraums: {amount} je kWh zusätzlich zum Preis",
    plan_step_last="Jede weitere kWh: {amount} zusätzlich zum Preis",
    plan_minimum="Die Ladevorgänge eines Zeitraums kosten mindestens {amount}",
    plan_maximum="Die Ladevorgänge eines Zeitraums kosten höchstens {amount}",
    plan_net="Beträge ohne Umsatzsteuer.",
    plan_gross="Beträge enthalten die Umsatzsteuer.",
    cards="Karten",
    card="Karte",
    driver="Fahrer",
    vehicle="Fahrzeug",
    cost_centre="Kostenstelle",
    charges_free="lädt kostenlos",
    signature="Er wird elektronisch angenommen; Name, Zeitpunkt, Adresse und der Hashwert genau dieser Datei "
    "werden mit "
    "ihm aufbewahrt.",
    page="Seite",
    of="von",
    offer_subject="{seller}: Vertrag {number} zur Annahme",
    offer_body="Guten Tag,\n\n{seller} bietet Ihnen den Vertrag {number}, Fassung {version}, an. Er gilt ab "
    "{first}; das "
    "Dokument hängt an.\n\nLesen und annehmen können Sie ihn hier, bis zum Ende des {first}:\n{link}\n\n{seller}\n",
    accepted_subject="{seller}: Vertrag {number} ist angenommen",
    accepted_body="Guten Tag,\n\nder Vertrag {number}, Fassung {version}, wurde von {name} um {at} UTC "
    "angenommen und gilt "
    "ab {first}. Das genaue Dokument hängt an; bewahren Sie es auf. Sein SHA-256 ist\n{hash}\n\n{seller}\n",
    renewal_subject="{seller}: Vertrag {number} verlängert sich",
    renewal_body="Guten Tag,\n\nder Vertrag {number} läuft bis zum {last}. Danach verlängert er sich um "
    "{months} Monate. "
    "Wenn Sie das nicht möchten, kündigen Sie bitte spätestens am {notice}.\n\n{seller}\n",
    ended_subject="{seller}: Vertrag {number} endet",
    ended_body="Guten Tag,\n\nder Vertrag {number} endet mit dem {last}. Bis dahin laden seine Karten; was "
    "geladen wurde, "
    "wird wie immer abgerechnet.\n\n{seller}\n",
)

WORDS: Final[Mapping[str, ContractWords]] = MappingProxyType({"en": _ENGLISH, "de": _GERMAN})


def say_day(day: date, *, language: str) -> str:
    """Write a day: ``01 Jan 2027``, ``01.01.2027``."""
    pattern = WORDS[language].day
    return day.strftime(pattern) if language == "de" else f"{day.day:02} {_MONTHS[day.month - 1]} {day.year}"


def say_term(term: Term, *, last: date | None, language: str) -> str:
    """Say how long it runs and how it is renewed; last: the last day of the term, None: it has none."""
    words = WORDS[language]
    if last is None:
        return words.term_open.format(notice=term.notice_days)
    told = say_day(last, language=language)
    if term.renews_months == 0:
        return words.term_ends.format(last=told)
    return words.term_renews.format(last=told, months=term.renews_months, notice=term.notice_days)


# strftime's own names follow the machine's locale.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
