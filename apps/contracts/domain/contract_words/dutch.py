"""The words of a contract in Dutch."""

from types import MappingProxyType
from typing import Final

from apps.contracts.domain.contract_words.words import ContractWords

DUTCH: Final = ContractWords(
    day="d MMMM y",
    colon=": ",
    title=MappingProxyType({"original": "Laadcontract", "amendment": "Wijziging van een laadcontract"}),
    number="Contract",
    version="Versie",
    customer_number="Klantnummer",
    first_day="Geldt vanaf",
    term_heading="Looptijd",
    term_open="Het loopt voor onbepaalde tijd. Elke partij kan het opzeggen met een termijn van {notice} dagen.",
    term_ends="Het eindigt op {last}, zonder opzegging.",
    term_renews="Het loopt tot en met {last} en wordt telkens met {months} maanden verlengd, tenzij een partij "
    "het opzegt met een termijn van {notice} dagen tegen het einde van de looptijd.",
    until_further_notice="onbepaalde tijd",
    terms="Voorwaarden",
    price_sheet="Prijslijst",
    prices_from="Prijzen per {day}.",
    sites="Locaties",
    at_group="Op locaties van de groep ‘{group}’",
    no_price="Hier is nog geen prijs vastgesteld: laden kan zodra er een is.",
    discount="{percent} % korting op elke prijs van een laadsessie",
    plan="Tariefplan",
    plan_fee=MappingProxyType(
        {"month": "Vast bedrag per maand: {amount}", "quarter": "Vast bedrag per kwartaal: {amount}"}
    ),
    plan_in_advance="vooraf te betalen",
    plan_included="Inbegrepen per periode: {kwh} kWh",
    plan_included_each="Inbegrepen per periode en per voertuig: {kwh} kWh",
    plan_step="Tot {up_to} kWh van een periode: {amount} per kWh boven op de prijs",
    plan_step_last="Elke volgende kWh: {amount} boven op de prijs",
    plan_minimum="De laadsessies van een periode kosten minstens {amount}",
    plan_maximum="De laadsessies van een periode kosten hoogstens {amount}",
    plan_net="Bedragen zonder btw.",
    plan_gross="Bedragen inclusief btw.",
    cards="Passen",
    card="Pas",
    driver="Bestuurder",
    vehicle="Voertuig",
    cost_centre="Kostenplaats",
    charges_free="laadt gratis",
    signature="Het wordt elektronisch aanvaard; naam, tijdstip, adres en de hash van precies dit bestand worden "
    "erbij bewaard.",
    page="Pagina",
    of="van",
    offer_subject="{seller}: contract {number} om te aanvaarden",
    offer_body="Goedendag,\n\n{seller} biedt u contract {number}, versie {version}, aan. Het geldt vanaf "
    "{first}; het document is bijgevoegd.\n\nU kunt het hier lezen en aanvaarden, tot het einde van "
    "{first}:\n{link}\n\n{seller}\n",
    accepted_subject="{seller}: contract {number} is aanvaard",
    accepted_body="Goedendag,\n\ncontract {number}, versie {version}, is door {name} aanvaard op {at} UTC en "
    "geldt vanaf {first}. Het precieze document is bijgevoegd; bewaar het. De SHA-256 ervan is\n{hash}\n\n{seller}\n",
    renewal_subject="{seller}: contract {number} wordt verlengd",
    renewal_body="Goedendag,\n\ncontract {number} loopt tot en met {last}. Daarna wordt het met {months} "
    "maanden verlengd. Als u dat niet wilt, zeg het dan uiterlijk op {notice} op.\n\n{seller}\n",
    ended_subject="{seller}: contract {number} eindigt",
    ended_body="Goedendag,\n\ncontract {number} eindigt op {last}. Tot dan laden de passen; wat geladen is, "
    "wordt zoals altijd gefactureerd.\n\n{seller}\n",
)
