"""The words of a contract in English."""

from types import MappingProxyType
from typing import Final

from apps.contracts.domain.contract_words.words import ContractWords

ENGLISH: Final = ContractWords(
    day="dd MMM y",
    colon=": ",
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
