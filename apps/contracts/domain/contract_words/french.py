"""The words of a contract in French."""

from types import MappingProxyType
from typing import Final

from apps.contracts.domain.contract_words.words import ContractWords

FRENCH: Final = ContractWords(
    day="d MMMM y",
    colon=" : ",
    title=MappingProxyType({"original": "Contrat de recharge", "amendment": "Avenant à un contrat de recharge"}),
    number="Contrat",
    version="Version",
    customer_number="Numéro de client",
    first_day="Applicable à partir du",
    term_heading="Durée",
    term_open="Il est conclu pour une durée indéterminée. Chaque partie peut le résilier avec un préavis de "
    "{notice} jours.",
    term_ends="Il prend fin le {last}, sans préavis.",
    term_renews="Il court jusqu’au {last} et se renouvelle chaque fois pour {months} mois, sauf si une partie "
    "le résilie avec un préavis de {notice} jours avant la fin de sa durée.",
    until_further_notice="durée indéterminée",
    terms="Conditions",
    price_sheet="Grille tarifaire",
    prices_from="Prix au {day}.",
    sites="Sites",
    at_group="Aux sites du groupe « {group} »",
    no_price="Aucun prix n’est encore fixé ici : la recharge sera possible dès qu’il y en aura un.",
    discount="{percent} % de remise sur chaque prix d’une recharge",
    plan="Formule",
    plan_fee=MappingProxyType(
        {"month": "Forfait de base par mois : {amount}", "quarter": "Forfait de base par trimestre : {amount}"}
    ),
    plan_in_advance="payable d’avance",
    plan_included="Inclus par période : {kwh} kWh",
    plan_included_each="Inclus par période et par véhicule : {kwh} kWh",
    plan_step="Jusqu’à {up_to} kWh d’une période : {amount} par kWh en plus du prix",
    plan_step_last="Chaque kWh suivant : {amount} en plus du prix",
    plan_minimum="Les recharges d’une période coûtent au moins {amount}",
    plan_maximum="Les recharges d’une période coûtent au plus {amount}",
    plan_net="Montants hors TVA.",
    plan_gross="Montants TVA comprise.",
    cards="Cartes",
    card="Carte",
    driver="Conducteur",
    vehicle="Véhicule",
    cost_centre="Centre de coûts",
    charges_free="recharge gratuite",
    signature="Il est accepté par voie électronique ; le nom, l’heure, l’adresse et l’empreinte de ce fichier "
    "exact sont conservés avec lui.",
    page="Page",
    of="sur",
    offer_subject="{seller} : contrat {number} à accepter",
    offer_body="Bonjour,\n\n{seller} vous propose le contrat {number}, version {version}, applicable à partir "
    "du {first}. Le document est joint.\n\nVous pouvez le lire et l’accepter ici, jusqu’à la fin du "
    "{first} :\n{link}\n\n{seller}\n",
    accepted_subject="{seller} : le contrat {number} est accepté",
    accepted_body="Bonjour,\n\nle contrat {number}, version {version}, a été accepté par {name} le {at} UTC et "
    "s’applique à partir du {first}. Le document exact est joint ; conservez-le. Son SHA-256 "
    "est\n{hash}\n\n{seller}\n",
    renewal_subject="{seller} : le contrat {number} va être renouvelé",
    renewal_body="Bonjour,\n\nle contrat {number} court jusqu’au {last}. Il sera ensuite renouvelé pour "
    "{months} mois. Si vous ne le souhaitez pas, résiliez-le au plus tard le {notice}.\n\n{seller}\n",
    ended_subject="{seller} : le contrat {number} prend fin",
    ended_body="Bonjour,\n\nle contrat {number} prend fin le {last}. Ses cartes rechargent jusque-là ; ce qui a "
    "été rechargé est facturé comme d’habitude.\n\n{seller}\n",
)
