"""The words of a contract in German."""

from types import MappingProxyType
from typing import Final

from apps.contracts.domain.contract_words.words import ContractWords

GERMAN: Final = ContractWords(
    day="dd.MM.y",
    colon=": ",
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
