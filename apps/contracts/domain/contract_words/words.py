"""What a contract's document and the mails about it say in one language. Every entry says everything."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWords:
    """``day`` is a CLDR pattern; ``colon`` stands between a label and what it labels; {…} is filled in."""

    day: str
    colon: str
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
